package builder

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/kernel"
	nixcode "github.com/bocaditos/bocaditos/nix"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/pkgs/nix"
	"github.com/bocaditos/bocaditos/prefix"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

// usr is where all packages of Debian install.
const usr = "/usr"

// The sets of packages beside rootSet and kernelSet that an image from Nix is
// made of.
const (
	wantedSet = "wanted" // of rootSet what was asked for, without dependencies
	toolSet   = "tools"  // what runs while building and is not in the image
)

// Attributes that every image from Nix asks for.
const (
	nixSystemd  = "bocaditos.systemd" // the one that reads its own prefix only
	nixLdconfig = "glibc.bin"
)

// storeRequest is what is asked of a package set of Nix.
func (b *build) storeRequest() pkgs.Request {
	install := recipe.Strings(b.recipe.Packages.Install)
	// The overlay's is the only one whose configuration is in its prefix.
	install = slices.DeleteFunc(install, func(name string) bool { return name == "systemd" })
	install = append(install, nixSystemd)
	return pkgs.Request{From: b.from, Arch: string(b.recipe.Architecture), Sets: []pkgs.Set{
		{Name: rootSet, Install: install, Closure: true},
		{Name: wantedSet, Install: install},
		{Name: kernelSet, Install: []string{string(b.recipe.Kernel.Package)}},
		{Name: toolSet, Install: []string{nixLdconfig}, Closure: true},
	}}
}

// perPackage says whether each package has a prefix of its own.
func (b *build) perPackage() bool { return b.recipe.Packages.Source == recipe.SourceNix }

// inPrefixes lists packages as package prefix wants them.
func inPrefixes(packages, wanted []*pkgs.Package) []prefix.Package {
	var all []prefix.Package
	for _, p := range packages {
		all = append(all, prefix.Package{Name: p.Name, Prefix: p.Prefix, Wanted: slices.Contains(wanted, p)})
	}
	return all
}

// mergeStore makes one root of packages with prefixes of their own, and of
// systemd's the system's.
func (b *build) mergeStore(a *assembled, sets map[string][]*pkgs.Package) error {
	packages := inPrefixes(sets[rootSet], sets[wantedSet])
	var err error
	if a.tree, err = mergeCopies(sets[rootSet]); err != nil {
		return err
	}
	if b.prefix, err = prefix.System(a.tree, packages); err != nil {
		return fail(Content, fmt.Errorf("find the system's prefix: %w", err), "")
	}
	a.init = path.Join(b.prefix, prefix.Init)
	if err := b.splitStoreKernel(a, sets[kernelSet]); err != nil {
		return err
	}
	warnings, err := prefix.Link(a.tree, b.prefix, packages)
	if err != nil {
		return fail(Content, err, "")
	}
	for _, w := range warnings {
		b.warn("%s", w)
	}
	if err := a.tree.Put(path.Join(b.prefix, "lib/os-release"), tree.NewFile(0o444, tree.String(storeOSRelease), tree.Origin{Pass: "vendor"})); err != nil {
		return err
	}
	return fail(Content, prefix.Root(a.tree, b.prefix, packages), "")
}

// mergeCopies merges packages and leaves their own trees as they are, to know
// later which of them nothing has changed.
func mergeCopies(packages []*pkgs.Package) (*tree.Tree, error) {
	var copies []*pkgs.Package
	for _, p := range packages {
		c := *p
		c.Tree = p.Tree.Clone()
		copies = append(copies, &c)
	}
	return mergePackages(copies)
}

// storeOSRelease is what no package of nixpkgs says; setOSRelease adds what the
// image is.
const storeOSRelease = "ID=bocaditos\nID_LIKE=nixos\nNAME=Bocaditos\nPRETTY_NAME=Bocaditos\n"

// splitStoreKernel takes the kernel out of its package and leaves the modules in
// the root, with a link below the system's prefix, which is where programs look.
func (b *build) splitStoreKernel(a *assembled, packages []*pkgs.Package) error {
	whole, err := mergeCopies(packages)
	if err != nil {
		return err
	}
	var prefixes []string
	for _, p := range packages {
		prefixes = append(prefixes, p.Prefix)
	}
	if a.boot, err = kernel.FromPrefixes(whole, prefixes); err != nil {
		return fail(Content, fmt.Errorf("find kernel: %w", err), "choose another kernel.package")
	}
	_, versions, err := a.boot.Resolve("/lib/modules")
	if err != nil {
		return nil // it has none
	}
	for _, version := range versions.Children() {
		for _, p := range prefixes {
			at := path.Join(p, "lib/modules", version)
			n := whole.Lookup(at)
			if n == nil {
				continue
			}
			modules := tree.New()
			if err := modules.Put(at, n); err != nil {
				return err
			}
			if errs := a.tree.Merge(modules.Clone(), nil); errs != nil {
				return fail(Content, errors.Join(errs...), "")
			}
			link := tree.NewSymlink(at, tree.Origin{Pass: "prefix", Rule: "the kernel's modules"})
			if err := a.tree.Put(path.Join(b.prefix, "lib/modules", version), link); err != nil {
				return err
			}
		}
	}
	return nil
}

// modulesTree is the tree that has the kernel's modules where package kernel
// looks for them.
func (b *build) modulesTree(a *assembled) *tree.Tree {
	if b.perPackage() {
		return a.boot
	}
	return a.tree
}

// finishStore tells programs where the system's prefix is, after the units'
// programs are known.
func (b *build) finishStore(root *tree.Tree) error {
	if err := prefix.Bus(root, b.prefix); err != nil {
		return fail(Content, fmt.Errorf("configure the message bus: %w", err), "")
	}
	return fail(Content, prefix.Arguments(root, b.prefix), "")
}

// addTools adds what runs while building to a copy of the root for the passes,
// where they find it.
func (b *build) addTools(input *tree.Tree, tools []*pkgs.Package) error {
	for _, p := range tools {
		if input.Lookup(p.Prefix) == nil {
			if errs := input.Merge(p.Tree.Clone(), nil); errs != nil {
				return fail(Content, errors.Join(errs...), "")
			}
		}
		for _, dir := range []string{"bin", "sbin"} {
			n := input.Lookup(path.Join(p.Prefix, dir))
			if n == nil {
				continue
			}
			for _, name := range n.Children() {
				at := path.Join(b.prefix, "bin", name)
				if input.Lookup(at) == nil {
					if err := input.Put(at, tree.NewSymlink(path.Join(p.Prefix, dir, name), tree.Origin{Pass: "tools"})); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// inPlace are the packages that the host has as they are in root. What writes
// into one must not find it there.
func inPlace(root *tree.Tree, packages []*pkgs.Package, except ...string) (shown []sandbox.InPlace) {
	seen := map[string]bool{}
	for _, p := range packages {
		if p.InPlace == "" || seen[p.Prefix] || slices.ContainsFunc(except, func(e string) bool { return strings.HasPrefix(e, p.Prefix+"/") }) {
			continue
		}
		seen[p.Prefix] = true
		have, want := root.Lookup(p.Prefix), p.Tree.Lookup(p.Prefix)
		if have != nil && have.Type != tree.Symlink && sameBelow(have, want) {
			shown = append(shown, sandbox.InPlace{Path: p.Prefix, Source: p.InPlace})
		}
	}
	slices.SortFunc(shown, func(a, b sandbox.InPlace) int { return cmp.Compare(a.Path, b.Path) })
	return shown
}

// sameBelow compares two nodes with all that is below them.
func sameBelow(a, b *tree.Node) bool {
	if b == nil || tree.Difference(a, b) != "" || !slices.Equal(a.Children(), b.Children()) {
		return false
	}
	for _, name := range a.Children() {
		if !sameBelow(a.Child(name), b.Child(name)) {
			return false
		}
	}
	return true
}

// linkerCache says which cache ldconfig has to write for the loader of the root's
// programs, and of which directory.
func (b *build) linkerCache(root *tree.Tree, packages []*pkgs.Package) (systemd.LinkerCache, error) {
	file, err := prefix.LinkerCache(root, inPrefixes(packages, nil))
	return systemd.LinkerCache{File: file, Dir: path.Join(b.prefix, prefix.NSSDir)}, err
}

// fixup says where programs of units are looked for. With a prefix for each
// package, only the names below the system's are changed: the packages stay as
// they were built.
func (b *build) fixup(packages []*pkgs.Package) unitfixup.Options {
	o := unitfixup.Options{Depends: depends(packages)}
	if b.perPackage() {
		o.Path = append([]string{path.Join(b.prefix, "bin")}, b.systemdNeeds(packages)...)
		o.UnitPrefixes = []string{"/", b.prefix}
		o.Prefixes = append([]string{b.prefix}, unitfixup.DefaultPrefixes()...)
		stores := map[string]string{}
		for _, p := range packages {
			stores[p.Name] = p.Prefix
		}
		o.Outputs = unitfixup.StoreOutputs(stores)
	}
	return o
}

// systemdNeeds are the directories of programs of what systemd itself refers
// to. Units that Bocaditos ships use no others.
func (b *build) systemdNeeds(packages []*pkgs.Package) (dirs []string) {
	i := slices.IndexFunc(packages, func(p *pkgs.Package) bool { return p.Prefix == b.prefix })
	if i < 0 {
		return nil
	}
	for _, p := range packages {
		if slices.Contains(packages[i].Depends, p.Name) {
			dirs = append(dirs, path.Join(p.Prefix, "bin"))
		}
	}
	return dirs
}

// vendorNames are the names of packages by which Bocaditos knows what they need
// and do not ship: Debian's, or those of nixpkgs' packages without versions.
func (b *build) vendorNames(root *tree.Tree, packages []*pkgs.Package) []string {
	names := packageNames(packages)
	if !b.perPackage() {
		return names
	}
	names = append(names, systemd.Base)
	if isProgram(root, path.Join(b.prefix, "lib/systemd/systemd-resolved")) { // Debian has it in a package of its own
		names = append(names, "systemd-resolved")
	}
	for _, p := range packages {
		base := path.Base(p.Prefix)
		_, base, _ = strings.Cut(base, "-")
		names = append(names, storeName(base))
	}
	if slices.Contains(names, "linux-pam") {
		names = append(names, "libpam-runtime") // the part of it that is not Debian's alone
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// storeName is the name of a store path without version and output: "util-linux"
// of "util-linux-2.41-bin", as Nix's parseDrvName cuts it.
func storeName(name string) string {
	for i := 0; i+1 < len(name); i++ {
		if name[i] == '-' && (name[i+1] < 'A' || name[i+1] > 'Z') && (name[i+1] < 'a' || name[i+1] > 'z') {
			return name[:i]
		}
	}
	return name
}

func (b *build) newNix() (pkgs.Source, error) {
	n := b.recipe.Nix
	base, err := filepath.Abs(filepath.Dir(b.Recipe)) // nix runs elsewhere
	if err != nil {
		return nil, fail(Host, err, "")
	}
	resolve := func(p string, isPath bool) string {
		if !isPath || filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(base, p)
	}
	overlay, err := nixcode.Unpack(filepath.Join(b.CacheDir, "nix", "code"))
	if err != nil {
		return nil, fail(Host, err, "")
	}
	cfg := nix.Config{
		Nixpkgs: resolve(string(n.Nixpkgs), n.Nixpkgs.Path()),
		Overlay: overlay,

		AllowUnfree: n.AllowUnfree, AllowBroken: n.AllowBroken, AllowUnsupported: n.Unsupported, PermitInsecure: n.Insecure,
		Store:       n.Store,
		TrustedKeys: recipe.Strings(n.TrustedKeys),
		CacheDir:    b.CacheDir,
		Closure:     b.Closure,
		Log:         b.output("resolve"),
	}
	// So bocaditos.cli need not be compiled; Nix reads it only if a package wants it.
	if cfg.Executable, err = os.Executable(); err == nil {
		cfg.Executable, err = filepath.EvalSymlinks(cfg.Executable)
	}
	if err != nil {
		return nil, fail(Host, fmt.Errorf("find this program: %w", err), "")
	}
	for _, file := range n.Overlays {
		cfg.Overlays = append(cfg.Overlays, resolve(string(file), true))
	}
	for _, c := range n.Caches {
		cfg.Caches = append(cfg.Caches, resolve(string(c), c.Path()))
	}
	b.from = cfg.From()
	source, err := nix.New(cfg)
	return source, fail(Recipe, err, "")
}
