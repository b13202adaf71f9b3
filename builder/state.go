package builder

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/systemd/state"
	"github.com/bocaditos/bocaditos/tree"
)

// state is the partition that the recipe asks for; wanted says whether it does.
func (b *build) state() (c state.Config, wanted bool) {
	s := b.recipe.State
	return state.Config{
		Prefix: b.prefix, Format: string(s.Format), MinBytes: int64(s.Size), MaxBytes: int64(s.MaxSize),
		TPM: s.Encrypt == recipe.TPM,
	}, s.Size > 0
}

// addState puts the state partition's configuration into the root.
func (b *build) addState(root *tree.Tree) error {
	c, wanted := b.state()
	if !wanted {
		return nil
	}
	if err := stateNeeds(root, c); err != nil {
		return err
	}
	files, err := c.Files()
	if err != nil {
		return err
	}
	for name, content := range files {
		if _, old, err := root.ResolveParent(name); err == nil && old != nil {
			return fail(Content, fmt.Errorf("[state]: %s is in the image already, from %s", name, old.Origin()), "")
		}
		if err := root.Put(name, tree.NewFile(0o644, tree.String(content), tree.Origin{Pass: "recipe", Rule: "state"})); err != nil {
			return fail(Content, fmt.Errorf("[state]: %w", err), "")
		}
	}
	return nil
}

// stateNeeds names the packages that the partition cannot be made or mounted
// without: at boot it would be too late.
func stateNeeds(root *tree.Tree, c state.Config) error {
	var lacking, packages []string
	for _, need := range c.Needs() {
		if !hasFile(root, path.Join(c.Prefix, need.File)) {
			lacking = append(lacking, path.Join(c.Prefix, need.File))
			packages = append(packages, fmt.Sprintf("%q", need.Package))
		}
	}
	if lacking == nil {
		return nil
	}
	slices.Sort(packages)
	return fail(Content, fmt.Errorf("[state] needs what the image does not have: %s", strings.Join(lacking, ", ")),
		fmt.Sprintf("add %s to packages.install", strings.Join(packages, ", ")))
}

// hasFile says whether there is such a file; one directory may be "*".
func hasFile(root *tree.Tree, p string) bool {
	before, after, any := strings.Cut(p, "/*/")
	if !any {
		_, n, err := root.Resolve(p)
		return err == nil && n.Type == tree.File
	}
	_, dir, err := root.Resolve(before)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(dir.Children(), func(name string) bool { return hasFile(root, path.Join(before, name, after)) })
}

func (b *build) describeState() image.State {
	c, wanted := b.state()
	if !wanted {
		return image.State{}
	}
	return image.State{MinBytes: c.MinBytes, MaxBytes: c.MaxBytes, Format: c.Format, TPM: c.TPM}
}
