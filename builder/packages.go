package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/kernel/kbuild"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/pkgs/debian"
)

// The sets of packages that an image is made of.
const (
	rootSet   = "root"   // what is installed, with dependencies
	kernelSet = "kernel" // the kernel alone: what it depends on is made for installing it
	stubSet   = "stub"   // systemd-stub, of which the UKI is made

	// Of these a kernel is made, instead of kernelSet; the image has none of them.
	sourceSet = "kernel-source"
	toolsSet  = "kernel-tools" // run on this machine, whatever the image is for
)

// stubPackage is where Debian has systemd-stub.
const stubPackage = "systemd-boot-efi"

func (b *build) newSource() (pkgs.Source, error) {
	if b.perPackage() {
		return b.newNix()
	}
	b.prefix = usr
	d := b.recipe.Debian
	cfg := debian.Config{
		Release:    string(d.Release),
		Mirror:     string(d.Mirror),
		Components: recipe.Strings(d.Components),
		MaxAge:     time.Duration(d.MaxAgeDays) * 24 * time.Hour,
		CacheDir:   b.CacheDir,
	}
	if d.Keyring != "" {
		cfg.Keyring = b.recipe.Resolve(d.Keyring)
	}
	b.from = cfg.From()
	source, err := debian.New(cfg)
	return source, fail(Recipe, err, "")
}

func (b *build) request() pkgs.Request {
	if b.perPackage() {
		return b.storeRequest()
	}
	r := b.recipe
	sets := []pkgs.Set{
		{Name: rootSet, Install: recipe.Strings(r.Packages.Install), Closure: true},
		{Name: stubSet, Install: []string{stubPackage}},
	}
	k := r.Kernel.Build
	if !k.Wanted() {
		sets = append(sets, pkgs.Set{Name: kernelSet, Install: []string{string(r.Kernel.Package)}})
		return pkgs.Request{From: b.from, Arch: string(r.Architecture), Sets: sets}
	}
	if k.Package != "" {
		sets = append(sets, pkgs.Set{Name: sourceSet, Install: []string{string(k.Package)}})
	}
	tools := kbuild.Packages(string(k.Compiler), runtime.GOARCH, goArch[r.Architecture].name)
	set := pkgs.Set{Name: toolsSet, Install: append(tools, recipe.Strings(k.Tools)...), Closure: true}
	if host := recipe.HostArch(); host != r.Architecture {
		set.Arch = string(host)
	}
	return pkgs.Request{From: b.from, Arch: string(r.Architecture), Sets: append(sets, set)}
}

// lockFile is beside the recipe: image.lock for image.toml.
func (b *build) lockFile() string {
	if b.Closure != "" {
		return filepath.Join(b.CacheDir, "closure.lock") // the recipe is in the store
	}
	return b.recipeLock()
}

func (b *build) recipeLock() string {
	return strings.TrimSuffix(b.Recipe, filepath.Ext(b.Recipe)) + ".lock"
}

// lock reads the lock, and resolves it where it does not fit the recipe.
func (b *build) lock(ctx context.Context) (*pkgs.Lock, error) {
	lock, err := pkgs.ReadLock(b.lockFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%s does not exist", b.lockFile())
	case err != nil:
		return nil, fail(Packages, err, "bocaditos update writes it anew")
	default:
		err = lock.Satisfies(b.request())
	}
	if err == nil {
		return lock, nil
	}
	if b.Locked {
		return nil, fail(Packages, fmt.Errorf("the lock would change: %w", err), "bocaditos lock writes it")
	}
	return b.resolve(ctx)
}

// resolve makes the lock anew and writes it.
func (b *build) resolve(ctx context.Context) (lock *pkgs.Lock, err error) {
	err = b.stage(ctx, "resolve", func() (string, bool, error) {
		if lock, err = b.source.Resolve(ctx, b.request()); err != nil {
			return "", false, fail(Packages, err, "")
		}
		if old, err := pkgs.ReadLock(b.recipeLock()); err == nil {
			lock.Accounts = old.Accounts
		}
		if err := lock.Write(b.lockFile()); err != nil {
			return "", false, fail(Output, err, "")
		}
		return fmt.Sprintf("%d packages from %s, in %s", len(lock.Packages), lock.Request.From, b.lockFile()), false, nil
	})
	return lock, err
}

// fetch brings the lock's packages into the cache.
func (b *build) fetch(ctx context.Context, lock *pkgs.Lock) error {
	return b.stage(ctx, "fetch", func() (string, bool, error) {
		var first, last pkgs.Event
		err := b.source.Fetch(ctx, lock, func(e pkgs.Event) {
			if first.TotalBytes == 0 {
				first = e
			}
			moved := e.Bytes != last.Bytes
			last = e
			if e.Retry != nil {
				b.warn("trying again: %v", e.Retry)
				return
			}
			if !moved {
				return
			}
			b.Report(Event{Type: Progress, Stage: "fetch", Done: e.Bytes, Total: e.TotalBytes, Unit: "bytes"})
		})
		if err != nil {
			return "", false, fail(Packages, err, "")
		}
		cached := last.Bytes == first.Bytes
		return fmt.Sprintf("%d packages, %s", len(lock.Packages), FormatBytes(last.TotalBytes)), cached, nil
	})
}

// unpack opens the packages of each set.
func (b *build) unpack(ctx context.Context, lock *pkgs.Lock) (map[string][]*pkgs.Package, error) {
	opened := make([]*pkgs.Package, len(lock.Packages))
	err := b.stage(ctx, "unpack", func() (string, bool, error) {
		var done atomic.Int64
		progress := make(chan struct{}, 1)
		progress <- struct{}{}
		g, ctx := errgroup.WithContext(ctx)
		// One more than processors, because each waits for the disk, too.
		g.SetLimit(runtime.GOMAXPROCS(0) + 1)
		for _, i := range largestFirst(lock.Packages) {
			g.Go(func() (err error) {
				if opened[i], err = b.source.Open(ctx, lock.Packages[i]); err != nil {
					return fail(Packages, err, "")
				}
				n := done.Add(1)
				<-progress // events come one at a time
				b.Report(Event{Type: Progress, Stage: "unpack", Done: n, Total: int64(len(opened)), Unit: "packages"})
				progress <- struct{}{}
				return nil
			})
		}
		return fmt.Sprintf("%d packages", len(opened)), false, g.Wait()
	})
	if err != nil {
		return nil, err
	}
	sets := map[string][]*pkgs.Package{}
	for i, locked := range lock.Packages {
		for _, set := range locked.Sets {
			sets[set] = append(sets[set], opened[i])
		}
	}
	return sets, nil
}

// largestFirst is the order to unpack in, as indexes: a large package that
// came last would keep one processor busy while the others have nothing to do.
func largestFirst(packages []pkgs.Locked) []int {
	order := make([]int, len(packages))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(packages[j].Size, packages[i].Size) })
	return order
}
