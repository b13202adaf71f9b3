// Package builder makes an image from a recipe: it knows the order of the
// stages and hands each one the values it needs. It is the only package that
// composes the others; formats, packages and tools are theirs.
package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/kernel/kconfig"
	"github.com/bocaditos/bocaditos/pkgs"
)

// Options say what to build. Only Recipe is required.
type Options struct {
	Recipe   string   // file
	Output   string   // directory, instead of the recipe's output.directory
	CacheDir string   // default $XDG_CACHE_HOME/bocaditos
	Locked   bool     // fail if image.lock is missing or would change
	Force    bool     // build even when nothing changed
	Closure  string   // file: what a derivation knows of its inputs, see nix.Config; the lock is made from it and kept in the cache
	Epoch    *int64   // the image's time stamp in seconds; default the newest Release of the lock
	Report   Reporter // may be nil
}

// A Result is what a build made, or found made.
type Result struct {
	Manifest *image.Manifest
	Dir      string // where the image is
	UpToDate bool   // nothing had to be done
}

// A build carries what all stages may read: the recipe and where to report.
// What stages make is passed from one to the next.
type build struct {
	Options
	recipe *recipe.Recipe
	source pkgs.Source
	from   string // what of the source the lock must be made from
	outDir string
	prefix string // the system's: /usr, or with Nix that of systemd, once packages are merged

	settings []kconfig.Setting // of the kernel to be made
}

// Build makes the image. Errors are of type *Failure.
func Build(ctx context.Context, o Options) (*Result, error) {
	b, err := start(o)
	if err != nil {
		return nil, err
	}
	lock, err := b.lock(ctx)
	if err != nil {
		return nil, err
	}
	in, err := b.inputs(lock)
	if err != nil {
		return nil, err
	}
	if r := b.upToDate(in); r != nil {
		b.Report(Event{Type: Done, Text: r.Dir, Cached: true})
		return r, nil
	}
	if err := b.guardState(); err != nil {
		return nil, err
	}
	out, err := openOutput(b.outDir, string(b.recipe.ID), string(b.recipe.Version))
	if err != nil {
		return nil, fail(Output, err, "choose another directory with --output or output.directory")
	}
	defer out.close()
	if err := b.trySandbox(ctx); err != nil {
		return nil, err
	}
	made, err := b.planKernel(lock)
	if err != nil {
		return nil, err
	}
	root, sets, err := b.prepare(ctx, lock, made, in.Epoch)
	if err != nil {
		return nil, err
	}
	if in.Lock, err = fileDigest(b.lockFile()); err != nil { // it may have new accounts
		return nil, fail(Host, err, "")
	}
	m, err := b.write(ctx, out, root, made, sets, in)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // the last moment at which nothing has happened
		return nil, err
	}
	if err := out.commit(m); err != nil {
		return nil, fail(Output, err, "")
	}
	b.remember(in, out.final, m)
	b.Report(Event{Type: Done, Text: out.final})
	return &Result{Manifest: m, Dir: out.final}, nil
}

// prepare brings all that the image is made of into the cache, and assembles the
// root. A kernel to be made is configured, not compiled.
func (b *build) prepare(ctx context.Context, lock *pkgs.Lock, made *madeKernel, epoch int64) (*assembled, map[string][]*pkgs.Package, error) {
	image := only(lock, rootSet, kernelSet, stubSet, toolSet)
	wanted := lock
	if made == nil || made.finished() {
		wanted = image
	}
	if err := b.fetch(ctx, wanted); err != nil {
		return nil, nil, err
	}
	sets, err := b.unpack(ctx, image)
	if err != nil {
		return nil, nil, err
	}
	if made != nil {
		if err := b.configureKernel(ctx, made); err != nil {
			return nil, nil, err
		}
	}
	root, err := b.assemble(ctx, lock, sets, epoch)
	return root, sets, err
}

// Lock writes image.lock if it is missing or does not fit the recipe, and
// returns what changed.
func Lock(ctx context.Context, o Options) ([]pkgs.Change, error) {
	b, err := start(o)
	if err != nil {
		return nil, err
	}
	old, _ := pkgs.ReadLock(b.lockFile())
	lock, err := b.lock(ctx)
	return pkgs.Diff(old, lock), err
}

// Update writes image.lock anew and returns what changed.
func Update(ctx context.Context, o Options) ([]pkgs.Change, error) {
	b, err := start(o)
	if err != nil {
		return nil, err
	}
	old, _ := pkgs.ReadLock(b.lockFile())
	lock, err := b.resolve(ctx)
	return pkgs.Diff(old, lock), err
}

// CacheDir is the absolute path of the cache: dir, or the user's own one.
func CacheDir(dir string) (string, error) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fail(Host, fmt.Errorf("find the cache directory: %w", err), "set XDG_CACHE_HOME, HOME or --cache")
		}
		dir = filepath.Join(base, "bocaditos")
	}
	dir, err := filepath.Abs(dir)
	return dir, fail(Host, err, "")
}

func start(o Options) (*build, error) {
	if o.Report == nil {
		o.Report = func(Event) {}
	}
	r, err := recipe.Read(o.Recipe)
	var mistakes recipe.Errors
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fail(Recipe, err, "bocaditos init writes a recipe to start from")
	case errors.As(err, &mistakes):
		return nil, fail(Recipe, err, "")
	case err != nil:
		return nil, fail(Recipe, err, "")
	}
	for _, f := range r.Files { // before the network is asked for anything
		if f.Source == "" {
			continue
		}
		if _, err := os.Stat(r.Resolve(f.Source)); err != nil {
			return nil, fail(Recipe, fmt.Errorf("files %q: %w", f.Path, err), "")
		}
	}
	if o.CacheDir, err = CacheDir(o.CacheDir); err != nil {
		return nil, err
	}
	b := &build{Options: o, recipe: r, outDir: o.Output}
	if r.Kernel.Build.Wanted() {
		if b.settings, err = b.kernelSettings(); err != nil {
			return nil, err
		}
		if err := b.checkSource(); err != nil {
			return nil, err
		}
	}
	if b.outDir == "" {
		b.outDir = r.Resolve(r.Output.Directory)
	}
	if b.source, err = b.newSource(); err != nil {
		return nil, err
	}
	return b, nil
}

// stage runs f as a named stage. f returns what came of it, in words.
func (b *build) stage(ctx context.Context, name string, f func() (text string, cached bool, err error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	began := time.Now()
	b.Report(Event{Type: StageStart, Stage: name})
	text, cached, err := f()
	if err != nil {
		return err
	}
	b.Report(Event{Type: StageEnd, Stage: name, Text: text, Cached: cached, Seconds: time.Since(began).Seconds()})
	return nil
}

func (b *build) warn(format string, args ...any) {
	b.Report(Event{Type: Warning, Text: fmt.Sprintf(format, args...)})
}
