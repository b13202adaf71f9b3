package builder

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/kernel/kconfig"
	"github.com/bocaditos/bocaditos/kernel/needs"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// KernelConfig returns the whole configuration of the recipe's kernel: for one
// that is made, what follows from its fragments and options, else the one that
// the package has. Errors are of type *Failure.
func KernelConfig(ctx context.Context, o Options) ([]byte, error) {
	b, lock, made, err := startKernel(ctx, o)
	if err != nil {
		return nil, err
	}
	if made != nil {
		if err := b.configureKernel(ctx, made); err != nil {
			return nil, err
		}
		return made.text, nil
	}
	sets, err := b.unpack(ctx, only(lock, kernelSet))
	if err != nil {
		return nil, err
	}
	boot, err := splitKernel(tree.New(), sets[kernelSet])
	if err != nil {
		return nil, err
	}
	k, err := kernel.Find(boot)
	if err == nil && k.ConfigFile == nil {
		err = errors.New("the kernel's package has no configuration")
	}
	if err != nil {
		return nil, fail(Content, err, "choose another kernel.package")
	}
	text, err := tree.ReadAll(k.ConfigFile)
	return text, fail(Content, err, "")
}

// BuildKernel makes the recipe's kernel, unless the cache has it, and returns
// the directory that has it. Errors are of type *Failure.
func BuildKernel(ctx context.Context, o Options) (string, error) {
	b, _, made, err := startKernel(ctx, o)
	if err != nil {
		return "", err
	}
	if made == nil {
		return "", fail(Recipe, errors.New("the recipe takes its kernel from a package"), "add [kernel.build] to have one made")
	}
	if err := b.configureKernel(ctx, made); err != nil {
		return "", err
	}
	_, err = b.makeKernel(ctx, made)
	return made.dir, err
}

// startKernel brings all that the kernel alone takes into the cache.
func startKernel(ctx context.Context, o Options) (*build, *pkgs.Lock, *madeKernel, error) {
	b, err := start(o)
	if err != nil {
		return nil, nil, nil, err
	}
	lock, err := b.lock(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	made, err := b.planKernel(lock)
	if err != nil {
		return nil, nil, nil, err
	}
	if made != nil && made.finished() {
		return b, lock, made, nil
	}
	if err := b.trySandbox(ctx); err != nil {
		return nil, nil, nil, err
	}
	return b, lock, made, b.fetch(ctx, only(lock, kernelSet, sourceSet, toolsSet))
}

// CheckKernel compares the recipe's kernel, or the configuration in a file,
// with what the image needs of it, and returns what it lacks, the worst first.
// Errors are of type *Failure.
func CheckKernel(ctx context.Context, o Options, config string) ([]needs.Finding, error) {
	b, err := start(o)
	if err != nil {
		return nil, err
	}
	lock, err := b.lock(ctx)
	if err != nil {
		return nil, err
	}
	var given kconfig.Config
	if config != "" {
		if given, err = readConfig(config); err != nil {
			return nil, fail(Recipe, fmt.Errorf("read the kernel's configuration: %w", err), "")
		}
	}
	var made *madeKernel
	if given == nil {
		if made, err = b.planKernel(lock); err != nil {
			return nil, err
		}
	}
	if err := b.trySandbox(ctx); err != nil {
		return nil, err
	}
	root, _, err := b.prepare(ctx, only(lock, rootSet, kernelSet, toolSet, sourceSet, toolsSet), made, lock.Epoch().Unix())
	if err != nil {
		return nil, err
	}
	k := kernel.Kernel{Arch: goArch[b.recipe.Architecture].name}
	switch {
	case made != nil:
		k = made.planned()
	case !b.recipe.Kernel.Build.Wanted(): // its modules are in the image, whatever configuration is asked about
		if k, err = kernel.Find(root.boot); err != nil {
			return nil, fail(Content, err, "choose another kernel.package")
		}
	}
	if given != nil {
		k.Config = given
	}
	if k.Config == nil {
		return nil, fail(Content, errors.New("the kernel's package has no configuration"), "name one with --config")
	}
	return b.kernelLacks(root.tree, k), nil
}

func readConfig(file string) (kconfig.Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := kconfig.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}
