package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/internal/cachefile"
	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/kernel/kbuild"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// A kernelSource is where a kernel's source is and what it is known by.
type kernelSource struct {
	id   string // changes when the source does
	name string // for people: "linux-source-6.12 6.12.30-1"
	dir  string // on the host; unless it is the recipe's own, made by unpackSource

	locked  *pkgs.Locked // the package that has it, if one does
	tarball string       // or the file or URL
	sha256  string       // of tarball
}

// checkSource finds out, before the network is asked for anything, whether what
// the recipe names as the source is there.
func (b *build) checkSource() error {
	wanted := b.recipe.Kernel.Build
	switch {
	case wanted.Directory != "":
		if err := kbuild.CheckSource(b.recipe.Resolve(wanted.Directory)); err != nil {
			return fail(Recipe, fmt.Errorf("kernel.build.directory: %w", err), "it is the directory with the kernel's Makefile and Kconfig")
		}
	case wanted.Tarball != "" && !wanted.Tarball.Remote():
		if _, err := os.Stat(b.recipe.Resolve(recipe.HostPath(wanted.Tarball))); err != nil {
			return fail(Recipe, fmt.Errorf("kernel.build.tarball: %w", err), "")
		}
	}
	return nil
}

// kernelSource says which source the recipe and its lock ask for.
func (b *build) kernelSource(lock *pkgs.Lock) (kernelSource, error) {
	wanted := b.recipe.Kernel.Build
	var s kernelSource
	switch {
	case wanted.Directory != "":
		dir, err := filepath.Abs(b.recipe.Resolve(wanted.Directory))
		if err != nil {
			return s, fail(Recipe, err, "")
		}
		stamp, err := directoryStamp(dir)
		if err != nil {
			return s, fail(Recipe, fmt.Errorf("kernel.build.directory: %w", err), "")
		}
		return kernelSource{id: "directory " + stamp, name: filepath.Base(dir), dir: dir}, nil
	case wanted.Tarball != "":
		s = kernelSource{id: string(wanted.SHA256), name: path.Base(string(wanted.Tarball)), tarball: string(wanted.Tarball), sha256: string(wanted.SHA256)}
		if !wanted.Tarball.Remote() {
			s.tarball = b.recipe.Resolve(recipe.HostPath(wanted.Tarball))
		}
	default:
		for i, p := range lock.Packages {
			if p.In(sourceSet) {
				s = kernelSource{id: p.SHA256, name: p.Name + " " + p.Version, locked: &lock.Packages[i]}
			}
		}
		if s.locked == nil {
			return s, fail(Packages, fmt.Errorf("the lock has no package with the kernel's source"), "bocaditos update writes it anew")
		}
	}
	s.dir = filepath.Join(b.CacheDir, "kernel-source", s.id)
	return s, nil
}

// unpackSource brings the kernel's source into the cache, unless it is there or
// is a directory of the recipe's.
func (b *build) unpackSource(ctx context.Context, s kernelSource) error {
	if s.locked == nil && s.tarball == "" {
		return nil
	}
	if _, err := os.Stat(s.dir); err == nil {
		return nil
	}
	return b.stage(ctx, "source", func() (string, bool, error) {
		parent := filepath.Dir(s.dir)
		if err := os.MkdirAll(parent, 0o777); err != nil {
			return "", false, fail(Host, err, "")
		}
		b.sweep(parent)
		lock, err := cachefile.Lock(ctx, filepath.Join(parent, partialPrefix+s.id+".lock"))
		if err != nil {
			return "", false, fail(Host, err, "")
		}
		partial := strings.TrimSuffix(lock.Name(), ".lock")
		defer func() {
			sandbox.Remove(partial)
			os.Remove(lock.Name())
			lock.Close()
		}()
		if _, err := os.Stat(s.dir); err == nil { // another build was faster
			return s.name, true, nil
		}
		tarball, size, err := b.openTarball(ctx, s)
		if err != nil {
			return "", false, err
		}
		defer tarball.Close()
		if err := os.Mkdir(partial, 0o777); err != nil {
			return "", false, fail(Host, err, "")
		}
		if err := kbuild.Unpack(ctx, &reading{tarball, func(done int64) {
			b.Report(Event{Type: Progress, Stage: "source", Done: done, Total: size, Unit: "bytes"})
		}, 0}, partial); err != nil {
			if s.tarball != "" {
				err = fmt.Errorf("kernel.build.tarball: %w", err)
			}
			return "", false, fail(Packages, fmt.Errorf("%w (%s)", err, s.name), "")
		}
		return s.name, false, fail(Host, os.Rename(partial, s.dir), "")
	})
}

// reading tells how much was read.
type reading struct {
	io.Reader
	tell func(bytes int64)
	done int64
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.done += int64(n)
	r.tell(r.done)
	return n, err
}

// openTarball opens the archive with the source, of bytes that are known to be
// those meant.
func (b *build) openTarball(ctx context.Context, s kernelSource) (io.ReadCloser, int64, error) {
	if s.locked != nil {
		p, err := b.source.Open(ctx, *s.locked)
		if err != nil {
			return nil, 0, fail(Packages, err, "")
		}
		content := sourceIn(p.Tree)
		if content == nil {
			return nil, 0, fail(Packages, fmt.Errorf("package %s has no /usr/src/linux-source-*.tar.*", p.Name), "Debian's linux-source has")
		}
		r, err := content.Open()
		return r, content.Size(), fail(Host, err, "")
	}
	file := s.tarball
	if strings.Contains(file, "://") {
		var err error
		if file, err = b.download(ctx, s.tarball, s.sha256); err != nil {
			return nil, 0, fail(Packages, fmt.Errorf("kernel.build.tarball: %w", err), "")
		}
	} else if sum, err := fileDigest(file); err != nil {
		return nil, 0, fail(Recipe, fmt.Errorf("kernel.build.tarball: %w", err), "")
	} else if sum != s.sha256 {
		return nil, 0, fail(Packages, &wrongDigest{file, sum, s.sha256}, "")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, fail(Host, err, "")
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fail(Host, err, "")
	}
	return f, info.Size(), nil
}

// sourceIn finds the archive in a package of Debian's.
func sourceIn(t *tree.Tree) tree.Content {
	_, dir, err := t.Resolve("/usr/src")
	if err != nil {
		return nil
	}
	for _, name := range dir.Children() {
		if n := dir.Child(name); n.Type == tree.File && strings.HasPrefix(name, "linux-source-") && strings.Contains(name, ".tar") {
			return n.Content
		}
	}
	return nil
}

// wrongDigest is a file that is not the one that was asked for.
type wrongDigest struct{ file, got, want string }

func (e *wrongDigest) Error() string {
	return fmt.Sprintf("%s is not the file that was asked for: its SHA-256 is %s, not %s", e.file, e.got, e.want)
}

func (e *wrongDigest) Hint() string {
	return "somebody changed it, or kernel.build.sha256 is that of another version: find out which before you correct it"
}

// download brings a file into the cache, unless it is there.
func (b *build) download(ctx context.Context, address, sum string) (string, error) {
	file := filepath.Join(b.CacheDir, "blobs", "sha256", sum)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	partial, err := cachefile.Lock(ctx, filepath.Join(b.CacheDir, "partial", sum))
	if err != nil {
		return "", err
	}
	defer partial.Close()
	if _, err := os.Stat(file); err == nil { // another build was faster
		return file, os.Remove(partial.Name())
	}
	// It is whole or not at all: an interrupted one begins anew.
	if err := partial.Truncate(0); err != nil {
		return "", err
	}
	body, size, err := get(ctx, address)
	if err != nil {
		return "", err
	}
	defer body.Close()
	h := sha256.New()
	from := &reading{body, func(done int64) {
		b.Report(Event{Type: Progress, Stage: "source", Done: done, Total: size, Unit: "bytes"})
	}, 0}
	if _, err := io.Copy(io.MultiWriter(partial, h), from); err != nil {
		return "", fmt.Errorf("fetch %s: %w", path.Base(address), err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		os.Remove(partial.Name())
		return "", &wrongDigest{path.Base(address), got, sum}
	}
	return file, cachefile.Commit(partial, file)
}

// get opens what an http, https or file URL names; size is -1 where the server
// does not say. Messages do not repeat the address, which may have a password
// in it.
func get(ctx context.Context, address string) (body io.ReadCloser, size int64, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, 0, errors.New("the address cannot be read")
	}
	if u.Scheme == "file" {
		f, err := os.Open(u.Path)
		if err != nil {
			return nil, 0, err
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = &fs.PathError{Op: "read", Path: u.Path, Err: errors.New("not a file")}
		}
		if err != nil {
			f.Close()
			return nil, 0, err
		}
		return f, info.Size(), nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, errors.New("the address cannot be read")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return nil, 0, fmt.Errorf("fetch %s: %w", path.Base(u.Path), err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, 0, fmt.Errorf("fetch %s: the server says %s", path.Base(u.Path), resp.Status)
	}
	return resp.Body, resp.ContentLength, nil
}
