package nix

import (
	"compress/bzip2"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"github.com/bocaditos/bocaditos/pkgs"
)

// limits are how long and how often a cache is asked.
type limits struct {
	stalled  time.Duration // how long it may send nothing
	attempts int           // before it counts as down
}

// stalled is also how long a nix that was told to end may take.
const stalled = 30 * time.Second

var defaultLimits = limits{stalled: stalled, attempts: 4}

// maxWindow limits the memory of a decompressor.
const maxWindow = 128 << 20

// cacheURL is the URL of a binary cache, without a slash at its end and the
// parameters that only Nix knows.
func cacheURL(s string) (string, error) {
	if filepath.IsAbs(s) {
		s = (&url.URL{Scheme: "file", Path: s}).String()
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
	case u.Scheme == "file" && u.Host == "" && path.IsAbs(u.Path):
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		err = errors.New("want an http, https or file URL, or an absolute path")
	}
	if err != nil {
		return "", fmt.Errorf("binary cache %q: %w", s, err)
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.TrimSuffix(u.String(), "/"), nil
}

// withoutPassword is what of a cache's URL others may see.
func withoutPassword(cache string) string {
	u, err := url.Parse(cache)
	if err != nil || u.User == nil {
		return cache
	}
	u.User = nil
	return u.String()
}

// binaryCache is a cache while paths are fetched.
type binaryCache struct {
	url    string // as it is asked, perhaps with a password
	name   string // the URL without
	client *http.Client
	limits limits
	wait   time.Duration
	retry  func(error) // told of what is tried again

	mu    sync.Mutex
	known bool
	down  error // why it is not asked any more
}

// newTransport speaks http, https and file, through the proxies of the environment, as nix does.
func newTransport(l limits) *http.Transport {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: l.stalled}).DialContext,
		TLSHandshakeTimeout:   l.stalled,
		ResponseHeaderTimeout: l.stalled,
		IdleConnTimeout:       l.stalled,
		MaxIdleConnsPerHost:   parallel,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // sizes are those of the file
	}
	t.RegisterProtocol("file", http.NewFileTransport(http.Dir("/")))
	return t
}

// statusError is an answer other than OK.
type statusError struct {
	url  string
	code int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s: %d %s", e.url, e.code, strings.ToLower(http.StatusText(e.code)))
}

// errAbsent is a path that a cache does not have.
var errAbsent = errors.New("it does not have it")

// permanent marks an error that trying again does not help.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// unreachable marks an error of the cache, not of one of its files.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

// get asks for a file and hands the body to read, which may be called again
// with another body. A file that is not there is errAbsent.
func (c *binaryCache) get(ctx context.Context, name string, read func(io.Reader, int64) error) error {
	c.mu.Lock()
	down := c.down
	c.mu.Unlock()
	if down != nil {
		return down
	}
	wait := c.wait
	for n := 1; ; n++ {
		err := c.attempt(ctx, name, read)
		var p permanent
		switch {
		case err == nil || errors.Is(err, errAbsent):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &p):
			return p.error
		case n == c.limits.attempts:
			all := fmt.Errorf("tried %d times: %w", n, err)
			if errors.As(err, new(unreachable)) {
				// With hundreds of paths to come, do not wait for it each time.
				c.mu.Lock()
				c.down = all
				c.mu.Unlock()
			}
			return all
		}
		if c.retry != nil {
			c.retry(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait *= 2
		}
	}
}

func (c *binaryCache) attempt(ctx context.Context, name string, read func(io.Reader, int64) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(c.limits.stalled, func() {
		cancel(unreachable{fmt.Errorf("%s/%s: nothing came for %s", c.name, name, c.limits.stalled)})
	})
	defer watch.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/"+name, nil)
	if err != nil {
		return permanent{err}
	}
	req.Header.Set("User-Agent", "bocaditos")
	resp, err := c.client.Do(req)
	if err != nil {
		err = unreachable{err}
	} else {
		defer resp.Body.Close()
		switch code := resp.StatusCode; {
		case code == http.StatusOK:
			err = read(&watched{resp.Body, watch, c.limits.stalled}, resp.ContentLength)
		case code == http.StatusNotFound || code == http.StatusGone || code == http.StatusForbidden:
			// Object stores that cannot be listed say "forbidden" of what is not there.
			return errAbsent
		default:
			err = &statusError{c.name + "/" + name, code}
			if code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests {
				return permanent{err}
			}
			err = unreachable{err}
		}
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

type watched struct {
	io.Reader
	timer *time.Timer
	limit time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.timer.Reset(w.limit)
	}
	return n, err
}

// small reads a file of at most limit bytes.
func (c *binaryCache) small(ctx context.Context, name string, limit int64) (data []byte, err error) {
	err = c.get(ctx, name, func(r io.Reader, _ int64) (err error) {
		data, err = io.ReadAll(io.LimitReader(r, limit+1))
		if err == nil && int64(len(data)) > limit {
			err = permanent{fmt.Errorf("%s/%s: more than %d bytes", c.name, name, limit)}
		}
		return err
	})
	return data, err
}

// check reads nix-cache-info once: a cache of another store directory has
// nothing for us.
func (c *binaryCache) check(ctx context.Context) error {
	c.mu.Lock()
	known, down := c.known, c.down
	c.mu.Unlock()
	if known || down != nil {
		return down
	}
	data, err := c.small(ctx, "nix-cache-info", 64<<10)
	switch {
	case errors.Is(err, errAbsent):
		err = &pkgs.Error{Err: fmt.Errorf("%s has no nix-cache-info", c.name), Tip: "it is not a binary cache: check its URL"}
	case err == nil:
		for line := range strings.Lines(string(data)) {
			if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "StoreDir:"); ok && strings.TrimSpace(dir) != StoreDir {
				err = fmt.Errorf("%s is a cache of the store directory %s, not %s", c.name, strings.TrimSpace(dir), StoreDir)
			}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.down = true, err
	return err
}

// info asks for a path's narinfo.
func (c *binaryCache) info(ctx context.Context, storePath string) (*narInfo, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	data, err := c.small(ctx, path.Base(storePath)[:32]+".narinfo", maxNARInfo)
	if err != nil {
		return nil, err
	}
	return parseNARInfo(data)
}

// nar streams the path's NAR, decompressed, into w, which is reset before
// each attempt. All that narinfo says of it is checked.
func (c *binaryCache) nar(ctx context.Context, i *narInfo, w resetter) error {
	return c.get(ctx, i.url, func(body io.Reader, length int64) error {
		if i.fileSize > 0 && length >= 0 && length != i.fileSize {
			return permanent{fmt.Errorf("its file has %d bytes, its narinfo says %d", length, i.fileSize)}
		}
		if err := w.Reset(); err != nil {
			return permanent{err}
		}
		// Without FileSize: what does not compress grows but a little.
		limit := i.size + i.size/8 + 1<<20
		if i.fileSize > 0 {
			limit = i.fileSize
		}
		file := &fileReader{r: body, sum: sha256.New(), left: limit}
		r, done, err := decompress(file, i.compression)
		if err != nil {
			return permanent{err}
		}
		defer done()
		sum := sha256.New()
		n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(sum, w)}, struct{ io.Reader }{io.LimitReader(r, i.size+1)}, make([]byte, 128<<10))
		switch {
		case file.err != nil:
			return file.err // what broke the decompressor
		case err != nil:
			return err
		case n > i.size:
			return permanent{fmt.Errorf("its NAR is larger than the %d bytes that its narinfo says", i.size)}
		}
		if _, err := io.Copy(io.Discard, file); err != nil { // what the decompressor left
			return err
		}
		if i.fileSize > 0 && file.n != i.fileSize {
			return fmt.Errorf("its file ended after %d of %d bytes", file.n, i.fileSize)
		}
		if got := hex.EncodeToString(file.sum.Sum(nil)); i.fileSHA256 != "" && got != i.fileSHA256 {
			return permanent{fmt.Errorf("its file's hash is %s, its narinfo says %s", got, i.fileSHA256)}
		}
		if n < i.size {
			return fmt.Errorf("its NAR ended after %d of %d bytes", n, i.size)
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != i.sha256 {
			return permanent{&pkgs.Error{Err: fmt.Errorf("its NAR's hash is %s, its narinfo says %s", got, i.sha256),
				Tip: "the cache is broken or lies: choose another one"}}
		}
		return nil
	})
}

// resetter is written to anew after Reset.
type resetter interface {
	io.Writer
	Reset() error
}

// fileReader hashes and counts a cache's file on its way, and ends it with an error
// where it is too large.
type fileReader struct {
	r    io.Reader
	sum  hash.Hash
	n    int64
	left int64
	err  error // of the network or the limit
}

func (f *fileReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	f.sum.Write(p[:n])
	f.n += int64(n)
	if f.left -= int64(n); f.left < 0 {
		err = permanent{fmt.Errorf("its file is larger than the %d bytes that its narinfo says", f.n+f.left)}
	}
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// decompress chooses by narinfo's name for it. Single decoders: paths are
// fetched in parallel.
func decompress(r io.Reader, compression string) (io.Reader, func(), error) {
	done := func() {}
	var err error
	switch compression {
	case "none":
	case "xz":
		r, err = xz.NewReader(r, maxWindow)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow)); err == nil {
			r, done = z, z.Close
		}
	case "br":
		r = brotli.NewReader(r)
	case "bzip2":
		r = bzip2.NewReader(r)
	case "gzip":
		r, err = gzip.NewReader(r)
	default:
		err = fmt.Errorf("its compression %q is not supported", compression)
	}
	if err != nil {
		return nil, nil, err
	}
	return r, done, nil
}
