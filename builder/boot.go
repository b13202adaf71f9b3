package builder

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/disk"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/initrd"
	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/uki"
)

// goArch names the recipe's architectures as Go, and EFI's boot files, do.
var goArch = map[recipe.Arch]struct{ name, efi, stub string }{
	recipe.X8664: {"amd64", "BOOTX64.EFI", "linuxx64.efi.stub"},
	recipe.ARM64: {"arm64", "BOOTAA64.EFI", "linuxaa64.efi.stub"},
}

// diskWait is how long the initrd waits for its disk: slow controllers and
// virtual machines under emulation take half a minute.
const diskWait = time.Minute

// writeInitrd makes the initrd that opens exactly this root.
func (b *build) writeInitrd(ctx context.Context, root *assembled, k kernel.Kernel, ri *rootImage) ([]byte, error) {
	arch := goArch[b.recipe.Architecture]
	var file []byte
	var contents []image.Package
	err := b.stage(ctx, "initrd", func() (string, bool, error) {
		program, err := initrd.InitBinary(ctx, arch.name, b.CacheDir)
		if err != nil {
			return "", false, fail(Host, err, "")
		}
		contents = append(contents, image.Package{Name: "init", Bytes: int64(len(program))})
		var modules []kernel.Module
		if k.Modular() {
			if modules, err = b.initrdModules(b.modulesTree(root), k); err != nil {
				return "", false, err
			}
		}
		types, err := disk.RootTypesFor(arch.name)
		if err != nil {
			return "", false, fail(Recipe, err, "")
		}
		c := initrd.Config{Init: program, Root: initrd.Root{
			Hash:         ri.params.RootHash[:],
			Superblock:   ri.superblock,
			DataType:     types.Root.String(),
			HashType:     types.Verity.String(),
			OnCorruption: initrd.Policy(b.recipe.Boot.OnCorruption),
			Wait:         diskWait,
			Name:         "root",
			Next:         root.init,
		}}
		if b.perPackage() {
			c.Root.Modules = b.prefix
		}
		for _, m := range modules {
			data, err := m.Data()
			if err != nil {
				return "", false, fail(Content, err, "")
			}
			contents = append(contents, image.Package{Name: m.Name, Bytes: int64(len(data))})
			c.Modules = append(c.Modules, initrd.Module{Name: m.Name, Data: data, Required: m.Required, Needs: m.Needs})
		}
		var w bytes.Buffer
		if err := initrd.Write(&w, c); err != nil {
			return "", false, fail(Output, fmt.Errorf("write the initrd: %w", err), "")
		}
		file = w.Bytes()
		return fmt.Sprintf("%s, %d modules", FormatBytes(int64(len(file))), len(modules)), false, nil
	})
	if err != nil {
		return nil, err
	}
	if limit := int64(b.recipe.Budget.Initrd); limit > 0 && int64(len(file)) > limit {
		return nil, overBudget("initrd", int64(len(file)), limit, contents)
	}
	return file, nil
}

// initrdModules are those that the initrd loads.
func (b *build) initrdModules(root *tree.Tree, k kernel.Kernel) ([]kernel.Module, error) {
	// What the recipe names must exist, but a driver may fail to load on a
	// machine without its device.
	extra := recipe.Strings(b.recipe.Initrd.Modules)
	if _, err := kernel.Modules(root, k.Version, extra, nil); err != nil {
		return nil, fail(Content, fmt.Errorf("initrd.modules: %w", err), "")
	}
	modules, err := kernel.Modules(root, k.Version, kernel.RootModules(), append(kernel.StorageModules(), extra...))
	return modules, fail(Content, err, "choose a kernel package that has EROFS and dm-verity")
}

// findKernel finds the kernel among the packages, or makes it, once it is known
// that the image can run on it.
func (b *build) findKernel(ctx context.Context, root *assembled, made *madeKernel) (kernel.Kernel, error) {
	if made != nil {
		if err := b.checkKernel(root.tree, made.planned()); err != nil {
			return kernel.Kernel{}, err
		}
		return b.makeKernel(ctx, made)
	}
	k, err := kernel.Find(root.boot)
	if err != nil {
		return k, fail(Content, err, "choose another kernel.package")
	}
	return k, b.checkKernel(root.tree, k)
}

// write makes all outputs of an assembled root and describes them.
func (b *build) write(ctx context.Context, out *outputDir, root *assembled, made *madeKernel, sets map[string][]*pkgs.Package, in *inputs) (*image.Manifest, error) {
	k, err := b.findKernel(ctx, root, made)
	if err != nil {
		return nil, err
	}
	stub, err := b.findStub(root.tree, sets[stubSet])
	if err != nil {
		return nil, err
	}
	ri, err := b.writeRoot(ctx, out, root, in.Epoch)
	if err != nil {
		return nil, err
	}
	initrdFile, err := b.writeInitrd(ctx, root, k, ri)
	if err != nil {
		return nil, err
	}
	ukiFile, cmdline, err := b.writeUKI(ctx, out, root, k, stub, initrdFile)
	if err != nil {
		return nil, err
	}
	m := &image.Manifest{
		Format: image.Format, ID: string(b.recipe.ID), Version: string(b.recipe.Version), Architecture: string(b.recipe.Architecture),
		Epoch: in.Epoch, Kinds: []string{},
		Boot: image.Boot{Form: string(b.recipe.Boot.Form), Kernel: k.Version, KernelBuild: made.describe(), CommandLine: cmdline, OnCorruption: string(b.recipe.Boot.OnCorruption)},
		RootFS: image.RootFS{Format: string(b.recipe.Root.Format), Hash: ri.params.RootHash.String(), Salt: ri.params.Salt.String(),
			VerityUUID: ri.params.UUID.String(), DataBlocks: ri.params.DataBlocks,
			RootPartUUID: ri.dataUUID.String(), VerityPartUUID: ri.hashUUID.String()},
		State:    b.describeState(),
		Packages: describePackages(root.tree, sets), Units: root.units, Credentials: systemd.Credentials(root.tree, b.prefix),
		Lock: in.Lock,
	}
	err = b.stage(ctx, "outputs", func() (string, bool, error) {
		return b.outputs(out, root, k, ri, ukiFile, initrdFile, m)
	})
	return m, fail(Output, err, "")
}

// writeUKI makes the unified kernel image as a file and returns its name and
// the kernel command line in it.
func (b *build) writeUKI(ctx context.Context, out *outputDir, root *assembled, k kernel.Kernel, stub tree.Content, initrdFile []byte) (name, cmdline string, err error) {
	name = b.fileName(".efi")
	cmdline = b.cmdline()
	var size int64
	err = b.stage(ctx, "uki", func() (string, bool, error) {
		f, err := os.Create(out.path(name))
		if err != nil {
			return "", false, err
		}
		defer f.Close()
		err = uki.Build(f, uki.Config{
			Stub: stub, Kernel: k.Image, Initrd: tree.Bytes(initrdFile),
			Cmdline: cmdline, OSRelease: string(root.osRelease), Uname: k.Version,
		})
		if err != nil {
			return "", false, fmt.Errorf("write the unified kernel image: %w", err)
		}
		info, err := f.Stat()
		if err != nil {
			return "", false, err
		}
		size = info.Size()
		return fmt.Sprintf("%s, Linux %s", FormatBytes(size), k.Version), false, nil
	})
	if err != nil {
		return "", "", fail(Output, err, "")
	}
	if limit := int64(b.recipe.Budget.UKI); limit > 0 && size > limit {
		return "", "", overBudget("uki", size, limit, []image.Package{{Name: "kernel", Bytes: k.Image.Size()}, {Name: "initrd", Bytes: int64(len(initrdFile))}, {Name: "stub", Bytes: stub.Size()}})
	}
	return name, cmdline, nil
}

// cmdline is the kernel command line: what the recipe says, and what a root that
// nobody can write to asks for. Without a state partition /var is a tmpfs.
//
// The machine ID is the firmware's UUID of the machine: it must be known before
// any filesystem is mounted, and one made anew at each boot would leave the
// logs of each boot in a directory of its own, which nobody ever empties.
func (b *build) cmdline() string {
	words := recipe.Strings(b.recipe.Kernel.CommandLine)
	if _, wanted := b.state(); !wanted {
		words = append(words, "systemd.volatile=state")
	}
	if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "systemd.machine_id=") }) {
		words = append(words, "systemd.machine_id=firmware")
	}
	return strings.Join(words, " ")
}

func (b *build) findStub(root *tree.Tree, packages []*pkgs.Package) (tree.Content, error) {
	want := path.Join(b.prefix, "lib/systemd/boot/efi", goArch[b.recipe.Architecture].stub)
	if b.perPackage() {
		if _, n, err := root.Resolve(want); err == nil && n.Type == tree.File {
			return n.Content, nil
		}
		return nil, fail(Packages, fmt.Errorf("systemd has no %s, of which a UKI is made", want), "build it with its boot loader")
	}
	for _, p := range packages {
		if _, n, err := p.Tree.Resolve(want); err == nil && n.Type == tree.File {
			return n.Content, nil
		}
	}
	return nil, fail(Packages, fmt.Errorf("package %s has no %s", stubPackage, want), "")
}
