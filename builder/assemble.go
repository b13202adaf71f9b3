package builder

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/certs"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/pam"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/prefix"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/systemd/preset"
	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

// assembled is the finished root, as data, and what belongs to it.
type assembled struct {
	tree      *tree.Tree
	boot      *tree.Tree // the kernel package, whole
	osRelease []byte
	init      string // the program that the initrd starts
	bytes     int64  // of file content
	units     []image.Unit
	leftOut   []PathOrigin
}

// assemble makes the root: packages, the recipe's files, vendor config, then
// the passes, each of which sees what the earlier ones made.
func (b *build) assemble(ctx context.Context, lock *pkgs.Lock, sets map[string][]*pkgs.Package, epoch int64) (*assembled, error) {
	a := &assembled{}
	err := b.stage(ctx, "merge", func() (string, bool, error) {
		if err := b.merge(a, sets); err != nil {
			return "", false, err
		}
		paths := 0
		seen := map[*tree.Node]bool{}
		err := a.tree.Walk(func(_ string, n *tree.Node) error {
			if paths++; n.Type == tree.File && !seen[n] {
				seen[n] = true
				a.bytes += n.Size()
			}
			return nil
		})
		return fmt.Sprintf("%d paths, %s", paths, FormatBytes(a.bytes)), false, err
	})
	if err != nil {
		return nil, err
	}
	if !b.perPackage() { // packages of Nix have no scripts
		if err := b.checkScripts(ctx, a.tree, sets); err != nil {
			return nil, err
		}
	}
	var report *unitfixup.Report
	err = b.stage(ctx, "fixup", func() (string, bool, error) {
		if report, err = unitfixup.Fix(a.tree, b.fixup(sets[rootSet])); err != nil {
			return "", false, fail(Content, fmt.Errorf("fix up units: %w", err), "")
		}
		if b.perPackage() {
			if err := b.finishStore(a.tree); err != nil {
				return "", false, err
			}
		}
		return fmt.Sprintf("%d Exec lines, %d files changed", len(report.Lines), len(report.Changed())), false, nil
	})
	if err != nil {
		return nil, err
	}
	if err := b.passes(ctx, a.tree, lock, sets, epoch); err != nil {
		return nil, err
	}
	if err := b.prune(ctx, a); err != nil {
		return nil, err
	}
	if err := b.checkPrograms(a.tree, report); err != nil {
		return nil, err
	}
	a.units, err = b.verify(ctx, a.tree, sets, epoch)
	return a, err
}

func (b *build) merge(a *assembled, sets map[string][]*pkgs.Package) (err error) {
	if b.perPackage() {
		err = b.mergeStore(a, sets)
	} else {
		err = b.mergeUsr(a, sets)
	}
	if err != nil {
		return err
	}
	var unmatched []string
	a.leftOut, unmatched, err = exclude(a.tree, recipe.Strings(b.recipe.Root.Exclude))
	if err != nil {
		return fail(Recipe, err, "")
	}
	for _, pattern := range unmatched {
		b.warn("root.exclude %q matches nothing", pattern)
	}
	if a.osRelease, err = setOSRelease(a.tree, b.prefix, string(b.recipe.ID), string(b.recipe.Version), b.recipe.Hostname()); err != nil {
		return err
	}
	installed := b.vendorNames(a.tree, sets[rootSet])
	if err := pam.Install(a.tree, b.prefix, installed); err != nil {
		return fail(Content, fmt.Errorf("move the PAM configuration into the prefix: %w", err), "")
	}
	if err := systemd.LinkHomes(a.tree); err != nil {
		return fail(Content, err, "")
	}
	if err := b.addFiles(a.tree); err != nil {
		return err
	}
	if _, err := certs.Add(a.tree, b.prefix); err != nil {
		return fail(Content, fmt.Errorf("make the store of certificate authorities: %w", err), "")
	}
	if err := b.finishPAM(a.tree); err != nil {
		return err
	}
	if err := b.addPresets(a.tree); err != nil {
		return err
	}
	if err := b.addState(a.tree); err != nil {
		return err
	}
	if err := systemd.AddVendorFiles(a.tree, b.prefix, installed); err != nil {
		return fail(Content, fmt.Errorf("add vendor config: %w", err), "")
	}
	if err := b.addIdentity(a.tree); err != nil {
		return err
	}
	if err := b.addNetworks(a.tree); err != nil {
		return err
	}
	if _, n, err := a.tree.Resolve(a.init); err != nil || n.Type != tree.File {
		return fail(Content, fmt.Errorf("the image has no %s, the program to start", a.init), `add "systemd" to packages.install`)
	}
	if b.perPackage() {
		return fail(Content, prefix.Etc(a.tree, b.prefix, inPrefixes(sets[rootSet], nil)), "")
	}
	return nil
}

// mergeUsr makes one root of packages that share /usr.
func (b *build) mergeUsr(a *assembled, sets map[string][]*pkgs.Package) (err error) {
	a.init = path.Join(b.prefix, prefix.Init)
	if a.tree, err = mergePackages(sets[rootSet]); err != nil {
		return err
	}
	a.boot, err = splitKernel(a.tree, sets[kernelSet])
	return err
}

func packageNames(packages []*pkgs.Package) (names []string) {
	for _, p := range packages {
		names = append(names, p.Name)
	}
	return names
}

// addPresets writes what the recipe says of units as the preset of highest
// priority, so that systemctl preset-all does the rest.
func (b *build) addPresets(root *tree.Tree) error {
	u := b.recipe.Units
	if len(u.Enable)+len(u.Disable) == 0 {
		return nil
	}
	if err := b.unitsExist(root, u.Enable); err != nil {
		return err
	}
	content, err := preset.Recipe(recipe.Strings(u.Enable), recipe.Strings(u.Disable))
	if err != nil {
		return fail(Recipe, fmt.Errorf("units: %w", err), "")
	}
	return root.Put(b.prefix+"/"+preset.RecipePath, tree.NewFile(0o644, tree.String(content), tree.Origin{Pass: "recipe", Rule: "units"}))
}

// unitsExist refuses to enable a unit that the root does not have: systemctl
// preset-all would say nothing about it. An instance exists by its template.
func (b *build) unitsExist(root *tree.Tree, units []recipe.UnitName) error {
	have := map[string]bool{}
	for _, dir := range []string{b.prefix + "/lib/systemd/system", "/etc/systemd/system"} {
		if _, n, err := root.Resolve(dir); err == nil {
			for _, name := range n.Children() {
				have[name] = true
			}
		}
	}
	for _, unit := range units {
		name, suffix := string(unit), path.Ext(string(unit))
		stem, _, instance := strings.Cut(strings.TrimSuffix(name, suffix), "@")
		if have[name] || instance && have[stem+"@"+suffix] {
			continue
		}
		var near []string
		for other := range have {
			otherStem, _, _ := strings.Cut(strings.TrimSuffix(other, path.Ext(other)), "@")
			if strings.Contains(stem, otherStem) || strings.Contains(otherStem, stem) {
				near = append(near, other)
			}
		}
		slices.SortFunc(near, func(a, b string) int { // of the same kind, and the most like it
			distance := func(other string) int {
				d := max(len(other)-len(name), len(name)-len(other))
				if path.Ext(other) != suffix {
					d += 1000
				}
				return d
			}
			return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a, b))
		})
		tip := "add the package that has it to packages.install"
		if len(near) > 0 {
			tip = "did you mean " + strings.Join(near[:min(3, len(near))], " or ") + "?"
		}
		return fail(Content, fmt.Errorf("units.enable: no package has the unit %s", unit), tip)
	}
	return nil
}

// depends maps each package to those it depends on, by the names of packages
// that are there: a virtual name stands for all that provide it.
func depends(packages []*pkgs.Package) map[string][]string {
	providers := map[string][]string{}
	for _, p := range packages {
		providers[p.Name] = append(providers[p.Name], p.Name)
		for _, virtual := range p.Provides {
			providers[virtual] = append(providers[virtual], p.Name)
		}
	}
	edges := map[string][]string{}
	for _, p := range packages {
		for _, name := range p.Depends {
			for _, real := range providers[name] {
				if !slices.Contains(edges[p.Name], real) {
					edges[p.Name] = append(edges[p.Name], real)
				}
			}
		}
	}
	return edges
}

// checkPrograms refuses an image in which an enabled unit would start a
// program that is not there. Units that nothing starts do not count, and a line
// whose failure systemd ignores ("-") is a note: nobody has to act on it.
func (b *build) checkPrograms(root *tree.Tree, report *unitfixup.Report) error {
	enabled := map[string]bool{}
	for _, file := range systemd.Enabled(root, b.prefix, "default.target") {
		enabled[file] = true
	}
	var fatal []string
	for _, l := range report.Missing() {
		switch {
		case !enabled[l.File]:
		case b.isSkipped(root, l.File):
			b.Report(Event{Type: Note, Text: fmt.Sprintf("%s is not in the image, nor are kernel modules, without which systemd skips %s", l.Program, path.Base(l.File))})
		case l.Optional:
			b.Report(Event{Type: Note, Text: fmt.Sprintf("%s:%d: %s is not in the image; systemd ignores that here", l.File, l.LineNo, l.Program)})
		default:
			fatal = append(fatal, l.String())
		}
	}
	if len(fatal) == 0 {
		return nil
	}
	return fail(Content, missingPrograms(fatal), "add the package that has the program, or list the unit in units.disable or units.mask")
}

// needsModules is a condition of units that are about the kernel's modules.
var needsModules = regexp.MustCompile(`(?m)^Condition(?:PathExists|FileNotEmpty|DirectoryNotEmpty)=/(?:usr/)?lib/modules/%v/`)

// isSkipped says whether systemd never starts the unit, since the image has no
// kernel modules.
func (b *build) isSkipped(root *tree.Tree, file string) bool {
	_, n, err := root.Resolve(file)
	if err != nil || n.Type != tree.File {
		return false
	}
	text, err := tree.ReadAll(n.Content)
	if err != nil || !needsModules.Match(text) {
		return false
	}
	_, modules, err := root.Resolve(b.prefix + "/lib/modules")
	return err != nil || len(modules.Children()) == 0
}

type missingPrograms []string

func (m missingPrograms) Error() string {
	s := "enabled units start programs that the image does not have:"
	for _, l := range m {
		s += "\n  " + l
	}
	return s
}

// describePackages lists what is installed in the root and how much of it.
func describePackages(root *tree.Tree, sets map[string][]*pkgs.Package) []image.Package {
	bytes := map[string]int64{}
	for _, p := range packageSizes(root) {
		bytes[p.Name] = p.Bytes
	}
	list := []image.Package{}
	for _, set := range []string{rootSet, kernelSet} {
		for _, p := range sets[set] {
			list = append(list, image.Package{Name: p.Name, Version: p.Version, Architecture: p.Arch, Bytes: bytes[p.Name]})
		}
	}
	slices.SortFunc(list, func(a, b image.Package) int { return cmp.Compare(a.Name, b.Name) })
	return slices.CompactFunc(list, func(a, b image.Package) bool { return a.Name == b.Name })
}
