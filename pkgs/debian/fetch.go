package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/bocaditos/bocaditos/internal/cachefile"
	"github.com/bocaditos/bocaditos/pkgs"
)

// parallel is how many packages are downloaded at once: enough to keep a line
// busy with small files, few enough for a public mirror.
const parallel = 4

// Fetch downloads what the cache does not have, from the mirror in use now. It
// asks neither apt nor mirror if nothing is missing. After an error or a
// cancellation, what was downloaded of a package stays to be continued.
func (a *Archive) Fetch(ctx context.Context, l *pkgs.Lock, progress pkgs.Progress) error {
	t := pkgs.NewTally(l, progress)
	var have pkgs.Event
	missing := slices.DeleteFunc(slices.Clone(l.Packages), func(p pkgs.Locked) bool {
		cached := a.cached(p)
		if cached {
			have.Bytes += p.Size
			have.Packages++
		}
		return cached
	})
	t.Start(have)
	if len(missing) == 0 {
		return nil
	}
	sources, err := a.sources(ctx)
	if err != nil {
		return err
	}
	// The largest first: the last one to finish is then a small one.
	slices.SortStableFunc(missing, func(x, y pkgs.Locked) int { return int(y.Size>>10 - x.Size>>10) })
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, p := range missing {
		g.Go(func() error {
			if err := a.fetch(ctx, sources, p, t); err != nil {
				return err
			}
			t.PackageDone()
			return nil
		})
	}
	return g.Wait()
}

// fetch brings one package into the cache.
func (a *Archive) fetch(ctx context.Context, sources []source, p pkgs.Locked, t *pkgs.Tally) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	i := slices.IndexFunc(sources, func(s source) bool { return s.name == p.Release })
	if i < 0 {
		return &pkgs.Error{Err: fmt.Errorf("fetch %s: the lock has it from %s, which is not in use", p.Name, p.Release),
			Tip: "run `bocaditos update`"}
	}
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	f, err := cachefile.Lock(ctx, filepath.Join(a.cfg.CacheDir, "partial", p.SHA256))
	if err != nil {
		return fmt.Errorf("fetch %s: %w", p.Name, err)
	}
	defer f.Close()
	if a.cached(p) { // another process was faster
		t.Bytes(p.Size)
		return os.Remove(f.Name())
	}
	d := download{file: f, want: p, uri: poolURI(sources[i].uri, p.Path), tally: t}
	err = retry(ctx, a.backoff, t.Retry, func() error { return d.attempt(ctx, c) })
	if err == nil {
		return cachefile.Commit(f, a.blob(p.SHA256))
	}
	if s := (*statusError)(nil); errors.As(err, &s) && s.absent() {
		os.Remove(f.Name())
		return &pkgs.Error{Err: fmt.Errorf("fetch %s %s: the mirror no longer has it: %w", p.Name, p.Version, err),
			Tip: "run `bocaditos update`"}
	}
	return fmt.Errorf("fetch %s: %w", p.Name, err)
}

// poolURI joins them. "+" is escaped as apt does it: some object stores take it for a blank.
func poolURI(base, path string) string {
	escaped := (&url.URL{Path: "/" + path}).EscapedPath()
	return base + strings.ReplaceAll(escaped, "+", "%2B")
}

// download is a package on its way.
type download struct {
	file  *os.File // locked; what it holds is taken up where it ends
	want  pkgs.Locked
	uri   string
	tally *pkgs.Tally
	told  int64 // bytes that the tally knows of
}

func (d *download) attempt(ctx context.Context, c *client) error {
	sum := sha256.New()
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return permanent{err}
	}
	have, err := io.Copy(sum, d.file)
	if err != nil {
		return permanent{err}
	}
	if have > d.want.Size {
		if have, err = 0, d.restart(sum); err != nil {
			return permanent{err}
		}
	}
	d.progress(have)
	resumed := have > 0
	if have < d.want.Size {
		err := c.do(ctx, http.MethodGet, d.uri, have, func(r *http.Response) error {
			switch start := rangeStart(r); {
			case start == have:
			case start == 0: // the server knows no ranges
				resumed = false
				if err := d.restart(sum); err != nil {
					return permanent{err}
				}
				have = 0
			default:
				d.restart(sum)
				return fmt.Errorf("%s: the mirror answered with another part of the file", d.uri)
			}
			return d.receive(r, sum, have)
		})
		if err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != d.want.SHA256 {
		if err := d.restart(sum); err != nil {
			return permanent{err}
		}
		err := fmt.Errorf("%s: SHA-256 is %s, the lock says %s", d.uri, got, d.want.SHA256)
		if resumed {
			return err // perhaps the old part was bad
		}
		os.Remove(d.file.Name())
		return permanent{&pkgs.Error{Err: err, Tip: "the mirror is broken or lies: choose another one"}}
	}
	return nil
}

// rangeStart is where the response's body belongs in the file, or -1.
func rangeStart(r *http.Response) int64 {
	start := int64(-1)
	switch r.StatusCode {
	case http.StatusOK:
		return 0
	case http.StatusPartialContent:
		fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-", &start)
	}
	return start
}

// receive appends the body to the have bytes of the file.
func (d *download) receive(r *http.Response, sum hash.Hash, have int64) error {
	if r.ContentLength >= 0 && have+r.ContentLength != d.want.Size {
		return permanent{fmt.Errorf("%s: it has %d bytes, the lock says %d", d.uri, have+r.ContentLength, d.want.Size)}
	}
	w := io.MultiWriter(d.file, sum)
	buf := make([]byte, 128<<10)
	for {
		n, err := r.Body.Read(buf)
		if have += int64(n); have > d.want.Size {
			d.restart(sum)
			return permanent{fmt.Errorf("%s: it has more than the %d bytes that the lock says", d.uri, d.want.Size)}
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return permanent{err} // the disk is full, say
		}
		d.progress(have)
		switch {
		case err == io.EOF && have == d.want.Size:
			return nil
		case err == io.EOF:
			return fmt.Errorf("%s: it ended after %d of %d bytes", d.uri, have, d.want.Size)
		case err != nil:
			return fmt.Errorf("%s: after %d of %d bytes: %w", d.uri, have, d.want.Size, err)
		}
	}
}

func (d *download) restart(sum hash.Hash) error {
	sum.Reset()
	d.progress(0)
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return d.file.Truncate(0)
}

func (d *download) progress(have int64) {
	d.tally.Bytes(have - d.told)
	d.told = have
}
