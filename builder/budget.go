package builder

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/tree"
)

// packageSizes adds up the file content of the root by the package that
// brought it; what passes and the recipe made is under their names. Hard links
// count once. Largest first.
func packageSizes(t *tree.Tree) []image.Package {
	sizes := map[string]int64{}
	seen := map[*tree.Node]bool{}
	t.Walk(func(_ string, n *tree.Node) error {
		if n.Type != tree.File || seen[n] {
			return nil
		}
		seen[n] = true
		o := n.Origin()
		name := o.Package
		if name == "" {
			name = "(" + o.Pass + ")"
		}
		sizes[name] += n.Size()
		return nil
	})
	var list []image.Package
	for name, bytes := range sizes {
		list = append(list, image.Package{Name: name, Bytes: bytes})
	}
	slices.SortFunc(list, func(a, b image.Package) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// overBudget is the error for a part of the image that grew past its budget,
// with what fills it, largest first.
func overBudget(part string, got, limit int64, contents []image.Package) error {
	contents = slices.Clone(contents)
	slices.SortStableFunc(contents, func(a, b image.Package) int { return cmp.Compare(b.Bytes, a.Bytes) })
	var b strings.Builder
	fmt.Fprintf(&b, "the %s is %s, over its budget of %s", part, FormatBytes(got), FormatBytes(limit))
	for i, p := range contents {
		if i == 20 {
			fmt.Fprintf(&b, "\n  %10s  in %d more", "", len(contents)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %10s  %s", FormatBytes(p.Bytes), p.Name)
	}
	return fail(Budget, fmt.Errorf("%s", b.String()), fmt.Sprintf("leave something out (packages.install, root.exclude) or raise budget.%s in the recipe", part))
}

// FormatBytes writes a size for people, in binary units.
func FormatBytes(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
