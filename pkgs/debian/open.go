package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bocaditos/bocaditos/internal/cachefile"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// Open unpacks a fetched package, if this cache never did, and reads it. Its
// files' content stays in the cache.
func (a *Archive) Open(ctx context.Context, p pkgs.Locked) (*pkgs.Package, error) {
	c, t, err := a.open(ctx, p)
	if err != nil {
		return nil, err
	}
	return &pkgs.Package{
		Name:     c.Name,
		Version:  c.Version,
		Arch:     c.Arch,
		Prefix:   "/usr",
		Depends:  names(c.Depends),
		Provides: names(c.Provides),
		Replaces: names(c.Replaces),
		Scripts:  c.scripts(),
		Tree:     t,
	}, nil
}

func (a *Archive) open(ctx context.Context, p pkgs.Locked) (*control, *tree.Tree, error) {
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	base := filepath.Join(a.cfg.CacheDir, "unpacked", p.SHA256)
	c := readFacts(base + ".json")
	if c == nil {
		var err error
		if c, err = a.unpack(ctx, p, base); err != nil {
			return nil, nil, fmt.Errorf("unpack %s: %w", p.Name, err)
		}
	}
	if c.Name != p.Name || c.Version != p.Version || c.Arch != p.Arch {
		return nil, nil, fmt.Errorf("open %s %s %s: the package says it is %s %s %s", p.Name, p.Version, p.Arch, c.Name, c.Version, c.Arch)
	}
	t, err := tree.ReadTar(base+".tar", "deb-sha256:"+p.SHA256, tree.Origin{Package: p.Name})
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", p.Name, err)
	}
	return c, t, nil
}

// readFacts reads what unpack wrote last, so that it being there means that
// the tar is, too. Nil if it is not, or was written by another version.
func readFacts(file string) *control {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	c := new(control)
	if json.Unmarshal(data, c) != nil || c.Format != controlFormat {
		return nil
	}
	return c
}

func (a *Archive) unpack(ctx context.Context, p pkgs.Locked, base string) (*control, error) {
	out, err := cachefile.Lock(ctx, base+".tar.partial")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if c := readFacts(base + ".json"); c != nil { // somebody was faster
		return c, os.Remove(out.Name())
	}
	c, err := a.unpackTo(ctx, p, out)
	if err != nil {
		os.Remove(out.Name())
		return nil, err
	}
	facts, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if err := cachefile.Commit(out, base+".tar"); err != nil {
		return nil, err
	}
	return c, cachefile.Write(base+".json", facts, 0o644)
}

func (a *Archive) unpackTo(ctx context.Context, p pkgs.Locked, out *os.File) (*control, error) {
	blob, err := os.Open(a.blob(p.SHA256))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &pkgs.Error{Err: err, Tip: "it was not fetched, or the cache was cleaned: build again"}
	}
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	if err := checkDigest(blob, p.SHA256); err != nil {
		os.Remove(blob.Name()) // the next Fetch brings a good one
		return nil, &pkgs.Error{Err: err, Tip: "the cache is damaged, the file was removed: build again, and check the disk"}
	}
	d, err := readDeb(blob, p.Size)
	if err != nil {
		return nil, err
	}
	c, err := readControl(d.control)
	if err != nil {
		return nil, err
	}
	r, done, err := decompress(d.data, maxData)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := out.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, cancellable{ctx, r}, make([]byte, 1<<20)); err != nil {
		return nil, err
	}
	return c, nil
}

func checkDigest(f *os.File, want string) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s: SHA-256 is %s", f.Name(), got)
	}
	return nil
}

// cancellable ends a long copy when ctx ends.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
