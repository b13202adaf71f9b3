package nix

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/bocaditos/bocaditos/internal/cachefile"
	"github.com/bocaditos/bocaditos/pkgs"
)

// parallel is how many paths are fetched at once: most are small, and each
// takes two answers of the cache.
const parallel = 8

// Fetch sees to it that each path of the lock can be opened: it is in a store
// of this machine, or its NAR in the cache, from one of the binary caches; else nix, if it is there,
// is asked to get or build it again. Nothing is asked for what is there already.
func (s *Source) Fetch(ctx context.Context, l *pkgs.Lock, progress pkgs.Progress) error {
	missing, err := s.missing(ctx, l.Packages)
	if err != nil {
		return err
	}
	t := pkgs.NewTally(l, progress)
	t.Start(without(l, missing))
	if len(missing) == 0 {
		return nil
	}
	caches := s.caches(l, t)
	paths := pathsByName(l)
	// The largest first: the last one to finish is then a small one.
	slices.SortStableFunc(missing, func(a, b pkgs.Locked) int { return cmp.Compare(b.Size, a.Size) })
	failed := make([]error, len(missing)) // to get it from a cache
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, p := range missing {
		g.Go(func() error {
			failed[i] = s.fetch(gctx, p, references(p, paths), caches, t)
			if failed[i] == nil {
				t.PackageDone()
			}
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.substitute(ctx, l, missing, failed, t)
}

// missing are the packages that are in no store and not in the cache. It hashes
// what is in a store and was never looked at.
func (s *Source) missing(ctx context.Context, packages []pkgs.Locked) ([]pkgs.Locked, error) {
	if err := s.trustNix(ctx, packages); err != nil {
		return nil, err
	}
	there := make([]bool, len(packages))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, p := range packages {
		g.Go(func() error {
			if s.cached(p) {
				there[i] = true
				return nil
			}
			file, err := s.inStore(ctx, p)
			there[i] = file != ""
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var missing []pkgs.Locked
	for i, p := range packages {
		if !there[i] {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

// cached reports whether the path's NAR is in the cache. It came there with
// the right hash, so its size is enough to look at.
func (s *Source) cached(p pkgs.Locked) bool {
	info, err := os.Stat(s.nar(p))
	return err == nil && info.Size() == p.Size
}

// pathsByName are the store paths of the lock's names.
func pathsByName(l *pkgs.Lock) map[string]string {
	paths := map[string]string{}
	for _, p := range l.Packages {
		paths[p.Name] = p.Path
	}
	return paths
}

// references are the store paths that p refers to, sorted.
func references(p pkgs.Locked, paths map[string]string) []string {
	var list []string
	for _, name := range p.References {
		list = append(list, cmp.Or(paths[name], name))
	}
	slices.Sort(list)
	return list
}

// caches are those to ask: the configuration's in their order, then what the
// lock knows.
func (s *Source) caches(l *pkgs.Lock, t *pkgs.Tally) []*binaryCache {
	urls := slices.Clone(s.cfg.Caches)
	for _, p := range l.Packages {
		if p.Cache == "" {
			continue
		}
		if u, err := cacheURL(p.Cache); err == nil && !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return s.openCaches(urls, s.limits, t.Retry)
}

func (s *Source) openCaches(urls []string, l limits, retry func(error)) []*binaryCache {
	client := &http.Client{Transport: newTransport(l)}
	var list []*binaryCache
	for _, u := range urls {
		list = append(list, &binaryCache{url: u, name: withoutPassword(u), client: client, limits: l, wait: s.backoff, retry: retry})
	}
	return list
}

// errNoCache is all caches saying nothing, because there are none.
var errNoCache = errors.New("no binary cache is known")

// fetch brings one path's NAR into the cache, from the first binary cache that
// has it right. The error says what each of them said.
func (s *Source) fetch(ctx context.Context, p pkgs.Locked, references []string, caches []*binaryCache, t *pkgs.Tally) error {
	if len(caches) == 0 {
		return errNoCache
	}
	f, err := cachefile.Lock(ctx, filepath.Join(s.cfg.CacheDir, "nix", "partial", p.SHA256))
	if err != nil {
		return err
	}
	defer f.Close()
	if s.cached(p) { // another process was faster, or another path has the same bytes
		t.Bytes(p.Size)
		return os.Remove(f.Name())
	}
	var errs []error
	for _, c := range caches {
		w := &narFile{file: f, tally: t}
		err := c.fetch(ctx, p, references, s.keys, w)
		if err == nil {
			return cachefile.Commit(f, s.nar(p))
		}
		w.Reset()
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, &cacheError{c.name, err})
	}
	os.Remove(f.Name())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &cacheErrors{errs}
}

// fetch writes the path's NAR, which is the lock's, to w.
func (c *binaryCache) fetch(ctx context.Context, p pkgs.Locked, references []string, keys []publicKey, w *narFile) error {
	info, err := c.info(ctx, p.Path)
	if err != nil {
		return err
	}
	if err := info.agrees(p, references); err != nil {
		return err
	}
	if err := info.trusted(keys); err != nil {
		return err
	}
	err = c.nar(ctx, info, w)
	if errors.Is(err, errAbsent) {
		return fmt.Errorf("it has the narinfo, but not the file %s", info.url)
	}
	return err
}

// narFile is a NAR on its way into the cache.
type narFile struct {
	file  *os.File
	tally *pkgs.Tally
	n     int64
}

func (w *narFile) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.n += int64(n)
	w.tally.Bytes(int64(n))
	if err != nil {
		err = permanent{err} // the disk is full, say
	}
	return n, err
}

func (w *narFile) Reset() error {
	w.tally.Bytes(-w.n)
	w.n = 0
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return w.file.Truncate(0)
}

// cacheError is what one cache said of a path.
type cacheError struct {
	url string
	err error
}

func (e *cacheError) Error() string { return e.url + ": " + e.err.Error() }
func (e *cacheError) Unwrap() error { return e.err }

// cacheErrors is what all of them said.
type cacheErrors struct{ errs []error }

func (e *cacheErrors) Unwrap() []error { return e.errs }
func (e *cacheErrors) Error() string {
	var lines []string
	for _, err := range e.errs {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n    ")
}

// substitute has nix bring into its store what no cache gave us: its own
// substituters may, and what has its derivation there can be built again.
func (s *Source) substitute(ctx context.Context, l *pkgs.Lock, missing []pkgs.Locked, failed []error, t *pkgs.Tally) error {
	var paths []string
	var still []pkgs.Locked
	var errs []error
	for i, p := range missing {
		if failed[i] != nil {
			paths, still, errs = append(paths, p.Path), append(still, p), append(errs, failed[i])
		}
	}
	if len(paths) == 0 {
		return nil
	}
	if !s.available() {
		return explain(still, errs, "there is no nix to ask")
	}
	if err := s.realise(ctx, s.rootsOf(l.Request)+"-fetched", paths); err != nil {
		if err := s.rebuild(ctx, l); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return explain(still, errs, "nix can neither get nor build it: "+err.Error())
		}
	}
	after, err := s.missing(ctx, still)
	if err != nil {
		return err
	}
	if len(after) > 0 {
		return &pkgs.Error{Err: fmt.Errorf("fetch %s: nix made it with another content than the lock says", after[0].Name),
			Tip: "its build is not reproducible: take it from the cache that the lock was made with, or run `bocaditos update`"}
	}
	for _, p := range still {
		t.Bytes(p.Size)
		t.PackageDone()
	}
	return nil
}

// rebuild has nix build what the lock's request was, from the revision that the
// lock was made of.
func (s *Source) rebuild(ctx context.Context, l *pkgs.Lock) error {
	revision := ""
	for _, r := range l.Releases {
		if r.Name == releaseName {
			revision = r.Revision
		}
	}
	e, err := s.evaluate(ctx, pinned(s.cfg.Nixpkgs, revision), l.Request)
	if err != nil {
		return err
	}
	wanted, derivations := e.outputs(l.Request)
	for p, o := range wanted {
		if !slices.ContainsFunc(l.Packages, func(have pkgs.Locked) bool { return have.Path == p }) {
			return fmt.Errorf("the package set now has another %s than the lock", o.name)
		}
	}
	if err := s.realise(ctx, s.rootsOf(l.Request), derivations); err != nil {
		return s.buildError(ctx, err)
	}
	return nil
}

// explain makes one error of the paths that could not be had.
func explain(missing []pkgs.Locked, errs []error, nix string) error {
	p, err := missing[0], errs[0]
	what := fmt.Sprintf("fetch %s (%s)", p.Name, p.Path)
	if more := len(missing) - 1; more > 0 {
		what += fmt.Sprintf(" and %d more", more)
	}
	if errors.Is(err, errNoCache) {
		return &pkgs.Error{Err: fmt.Errorf("%s: it is in no store of this machine, %w, and %s", what, err, nix),
			Tip: "name a binary cache that has it in caches in [nix], install Nix, or run `bocaditos update` to make the lock anew"}
	}
	tip := "name a binary cache that has it in caches in [nix], or run `bocaditos update` to make the lock anew"
	if e := (*pkgs.Error)(nil); errors.As(err, &e) {
		tip = e.Tip
	}
	return &pkgs.Error{Err: fmt.Errorf("%s: it is in no store of this machine, and %s; the binary caches say:\n    %w", what, nix, err), Tip: tip}
}

// without sums up what of the lock is not missing.
func without(l *pkgs.Lock, missing []pkgs.Locked) (have pkgs.Event) {
	have.Packages = len(l.Packages) - len(missing)
	for _, p := range l.Packages {
		have.Bytes += p.Size
	}
	for _, p := range missing {
		have.Bytes -= p.Size
	}
	return have
}
