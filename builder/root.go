package builder

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// mergePackages makes one root of the packages' trees.
//
// Packages that ship a symbolic link in the root directory (Debian's
// base-files: /bin → usr/bin) come first, because that is the layout all
// others are unpacked into. Two packages may disagree about a file only where
// one declares that it replaces the other's files.
func mergePackages(packages []*pkgs.Package) (*tree.Tree, error) {
	replaces := map[string][]string{}
	ordered := slices.Clone(packages)
	for _, p := range packages {
		replaces[p.Name] = p.Replaces
	}
	slices.SortStableFunc(ordered, func(a, b *pkgs.Package) int {
		switch la, lb := hasRootLink(a.Tree), hasRootLink(b.Tree); {
		case la && !lb:
			return -1
		case lb && !la:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	rule := func(c *tree.Conflict) tree.Decision {
		have, want := c.Have.Origin().Package, c.Want.Origin().Package
		switch {
		case slices.Contains(replaces[want], have):
			return tree.TakeWant
		case slices.Contains(replaces[have], want):
			return tree.KeepHave
		case c.Have.Type == tree.Dir && c.Want.Type == tree.Dir:
			return tree.KeepHave // like dpkg: the package unpacked first decides about a shared directory
		}
		return tree.Refuse
	}
	root := tree.New()
	var errs []error
	for _, p := range ordered {
		errs = append(errs, root.Merge(p.Tree, rule)...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fail(Content, fmt.Errorf("merge packages: %w", err), "leave one of the packages out, or remove the path with root.exclude")
	}
	return root, nil
}

func hasRootLink(t *tree.Tree) bool {
	for _, name := range t.Root().Children() {
		if t.Root().Child(name).Type == tree.Symlink {
			return true
		}
	}
	return false
}

// exclude removes what matches the recipe's patterns, with all below it. A
// pattern without a match is a mistake worth a warning, not a failure.
func exclude(t *tree.Tree, patterns []string) (out []PathOrigin, unmatched []string, err error) {
	matched := map[string]bool{}
	err = t.Walk(func(p string, n *tree.Node) error {
		for _, pattern := range patterns {
			ok, err := path.Match(pattern, p)
			if err != nil {
				return fmt.Errorf("root.exclude %q: %w", pattern, err)
			}
			if ok {
				matched[pattern] = true
				out = append(out, leftOut(p, n, tree.Origin{Pass: "recipe", Rule: fmt.Sprintf("root.exclude %q", pattern)}))
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, o := range out {
		if err := t.Remove(o.Path); err != nil {
			return nil, nil, err
		}
	}
	for _, pattern := range patterns {
		if !matched[pattern] {
			unmatched = append(unmatched, pattern)
		}
	}
	return out, unmatched, nil
}

// splitKernel merges what a kernel package has for the running system (its
// modules) into the root, and leaves /boot to the boot stages.
func splitKernel(root *tree.Tree, kernel []*pkgs.Package) (boot *tree.Tree, err error) {
	boot = tree.New()
	for _, p := range kernel {
		whole := p.Tree.Clone()
		if errs := boot.Merge(whole, nil); errs != nil {
			return nil, fail(Content, errors.Join(errs...), "")
		}
		if err := p.Tree.Remove("/boot"); err != nil {
			return nil, err
		}
		if errs := root.Merge(p.Tree, nil); errs != nil {
			return nil, fail(Content, fmt.Errorf("merge the kernel's modules: %w", errors.Join(errs...)), "")
		}
	}
	return boot, nil
}

// setOSRelease names the image in os-release(5), after what the distribution
// says of itself, and the machines that nothing else gives a name: /etc/hostname
// would rule out credentials.
func setOSRelease(root *tree.Tree, prefix, id, version, hostname string) ([]byte, error) {
	at, n, err := root.Resolve(path.Join(prefix, "lib/os-release"))
	if err != nil {
		return nil, fail(Content, fmt.Errorf("the image has no %s/lib/os-release: %w", prefix, err), `add "base-files" to packages.install`)
	}
	old, err := tree.ReadAll(n.Content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", at, err)
	}
	var b strings.Builder
	ours := []string{"IMAGE_ID=", "IMAGE_VERSION=", "DEFAULT_HOSTNAME="}
	for line := range strings.Lines(string(old)) {
		if !slices.ContainsFunc(ours, func(key string) bool { return strings.HasPrefix(line, key) }) {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	for i, value := range []string{id, version, hostname} {
		b.WriteString(ours[i] + value + "\n")
	}
	n.Content = tree.String(b.String())
	n.History = append(n.History, tree.Origin{Pass: "recipe", Rule: "id, version, hostname"})
	return []byte(b.String()), nil
}
