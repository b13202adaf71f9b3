package builder

import (
	"errors"
	"fmt"
	"os"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/tree"
)

// readSource makes a tree in which the host's file or directory lies at path.
func readSource(host, at string) (*tree.Tree, error) {
	origin := tree.Origin{Pass: "recipe", Rule: fmt.Sprintf("files %q", at)}
	info, err := os.Stat(host)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		below, err := tree.ReadDir(host, origin)
		if err == nil {
			err = below.Walk(ordinary)
		}
		if err != nil || at == "/" {
			return below, err
		}
		t := tree.New()
		return t, t.Put(at, below.Root())
	}
	if at == "/" {
		return nil, fmt.Errorf("%s is not a directory", host)
	}
	n, err := tree.ReadHost(host, origin)
	if err != nil {
		return nil, err
	}
	t := tree.New()
	return t, errors.Join(ordinary(at, n), t.Put(at, n))
}

// ordinary refuses devices, sockets and pipes: that one lies in a checkout is
// a mistake, or somebody's trap.
func ordinary(p string, n *tree.Node) error {
	switch n.Type {
	case tree.File, tree.Dir, tree.Symlink:
		return nil
	}
	return fmt.Errorf("%s is a %s: only files, directories and links can go into an image", p, n.Type)
}

// addFiles puts the recipe's files into the root. A file that would replace
// one of a package needs replace = true.
func (b *build) addFiles(root *tree.Tree) error {
	for _, f := range b.recipe.Files {
		origin := tree.Origin{Pass: "recipe", Rule: fmt.Sprintf("files %q", f.Path)}
		t := tree.New()
		var err error
		switch {
		case f.Source != "":
			t, err = readSource(b.recipe.Resolve(f.Source), string(f.Path))
		case f.Content != nil:
			err = t.Put(string(f.Path), tree.NewFile(0o644, tree.String(*f.Content), origin))
		case f.Symlink != "":
			err = t.Put(string(f.Path), tree.NewSymlink(string(f.Symlink), origin))
		default:
			err = t.Put(string(f.Path), tree.NewDir(0o755, origin))
		}
		if err != nil {
			return fail(Recipe, fmt.Errorf("files %q: %w", f.Path, err), "")
		}
		own(t, f)
		if len(f.Capabilities) > 0 {
			n := t.Lookup(string(f.Path))
			if n.Type != tree.File {
				return fail(Recipe, fmt.Errorf("files %q: capabilities are for a file, this is a %s", f.Path, n.Type), "name the program alone in a [[files]] of its own")
			}
			n.Xattrs = map[string]string{"security.capability": recipe.FileCapabilities(f.Capabilities)}
		}
		rule := func(c *tree.Conflict) tree.Decision {
			switch {
			case c.Have.Type == tree.Dir && c.Want.Type == tree.Dir && c.Path != string(f.Path):
				return tree.KeepHave // a directory on the way
			case f.Replace:
				return tree.TakeWant
			}
			return tree.Refuse
		}
		var errs []error
		for _, err := range root.Merge(t, rule) {
			var c *tree.Conflict
			if errors.As(err, &c) {
				err = fmt.Errorf("%s ships %s, with another %s", c.Have.Origin(), c.Path, c.Field)
			}
			errs = append(errs, err)
		}
		if errs != nil {
			return fail(Content, fmt.Errorf("files %q: %w", f.Path, errors.Join(errs...)), "add replace = true if that is what you want")
		}
	}
	return nil
}

// own gives what the recipe put at f.Path, and all below it, its owner, and
// the path itself its mode.
func own(t *tree.Tree, f recipe.File) {
	t.WalkUnder(string(f.Path), func(_ string, n *tree.Node) error {
		n.UID, n.GID = uint32(f.UID), uint32(f.GID)
		return nil
	})
	if n := t.Lookup(string(f.Path)); f.Mode != nil && n.Type != tree.Symlink {
		n.Mode = uint32(*f.Mode)
	}
}
