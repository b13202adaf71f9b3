package builder

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/maintscript"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// PackageScript is a maintainer script of the image, and what it means that it
// does not run.
type PackageScript struct {
	Package string `json:"package"`
	Version string `json:"version"`
	maintscript.Finding
}

// recipeKey is what replaces the commands that the recipe answers for.
const recipeKey = "packages.scripts_replaced"

// ByRecipe says whether the recipe answers for some of the commands.
func (s PackageScript) ByRecipe() bool {
	return slices.ContainsFunc(s.Commands, func(c maintscript.Command) bool { return slices.Contains(c.By, recipeKey) })
}

// Scripts judges the maintainer scripts of all packages that the image would
// have, by package. It resolves and fetches what is missing.
func Scripts(ctx context.Context, o Options) ([]PackageScript, error) {
	b, err := start(o)
	if err != nil {
		return nil, err
	}
	lock, err := b.lock(ctx)
	if err != nil {
		return nil, err
	}
	lock = only(lock, rootSet, kernelSet)
	if err := b.fetch(ctx, lock); err != nil {
		return nil, err
	}
	sets, err := b.unpack(ctx, lock)
	if err != nil {
		return nil, err
	}
	a := &assembled{}
	if err := b.merge(a, sets); err != nil {
		return nil, err
	}
	return b.judge(a.tree, sets), nil
}

// judge judges the scripts of all packages that are in root.
func (b *build) judge(root *tree.Tree, sets map[string][]*pkgs.Package) []PackageScript {
	has := func(p string) bool {
		dir, any := strings.CutSuffix(p, "/*")
		_, n, err := root.Resolve(dir)
		return err == nil && (!any || len(n.Children()) > 0)
	}
	all := []PackageScript{}
	installed := slices.Concat(sets[rootSet], sets[kernelSet])
	slices.SortFunc(installed, func(a, b *pkgs.Package) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range slices.CompactFunc(installed, func(a, b *pkgs.Package) bool { return a.Name == b.Name }) {
		m := maintscript.Package{Name: p.Name, Files: map[string]string{}}
		for _, s := range p.Scripts {
			m.Files[s.Name] = s.Text
		}
		for _, f := range maintscript.Judge(m, has) {
			if slices.Contains(b.recipe.Packages.ScriptsReplaced, recipe.PackageName(p.Name)) {
				f.Replace("done in the recipe", recipeKey)
			}
			all = append(all, PackageScript{p.Name, p.Version, f})
		}
	}
	return all
}

// checkScripts warns of scripts whose work nobody does, or refuses them.
func (b *build) checkScripts(ctx context.Context, root *tree.Tree, sets map[string][]*pkgs.Package) error {
	return b.stage(ctx, "scripts", func() (string, bool, error) {
		count := map[maintscript.Verdict]int{}
		var unknown []string
		all := b.judge(root, sets)
		for _, s := range all {
			if count[s.Verdict]++; s.Verdict == maintscript.Unknown {
				unknown = append(unknown, s.Package+": "+s.Script+" does not run: "+shortList(s.Unknown()))
			}
		}
		for _, name := range b.recipe.Packages.ScriptsReplaced {
			if !slices.ContainsFunc(all, func(s PackageScript) bool { return s.Package == string(name) && s.ByRecipe() }) {
				b.warn("packages.scripts_replaced %q: it has no script that is unknown", name)
			}
		}
		if len(unknown) > 0 && b.recipe.Packages.Strict {
			return "", false, fail(Content, unknownScripts(unknown), scriptsHint)
		}
		for _, text := range unknown {
			b.warn("%s", text)
		}
		return fmt.Sprintf("%d harmless, %d replaced, %d unknown", count[maintscript.Harmless], count[maintscript.Replaced], len(unknown)), false, nil
	})
}

const scriptsHint = `"bocaditos scripts" shows all their commands; do what the image needs of it in the recipe and list the package in packages.scripts_replaced, or leave it out`

type unknownScripts []string

func (u unknownScripts) Error() string {
	return "packages.strict: maintainer scripts whose work nobody does:\n  " + strings.Join(u, "\n  ")
}

// Bounds on the text of a warning.
const (
	shownCommands = 3
	shownLength   = 60
)

// shortList is the first of some commands, each cut where it gets long.
func shortList(commands []string) string {
	var short []string
	for i, c := range commands {
		if i == shownCommands {
			short = append(short, fmt.Sprintf("and %d more", len(commands)-i))
			break
		}
		if r := []rune(c); len(r) > shownLength {
			c = string(r[:shownLength]) + "…"
		}
		short = append(short, c)
	}
	return strings.Join(short, "; ")
}
