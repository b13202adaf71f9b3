package systemd

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
	"github.com/bocaditos/bocaditos/tree"
)

// homes are the directories outside /var that people write to: they move there.
var homes = map[string]string{"/home": "/var/home", "/root": "/var/roothome"}

// LinkHomes makes /home and /root links into /var, with what the packages put
// into them, because the root is read-only.
func LinkHomes(t *tree.Tree) error {
	origin := tree.Origin{Pass: "vendor", Rule: "homes are in /var"}
	var errs []error
	for from, to := range homes {
		mode := uint32(0o755)
		if from == "/root" {
			mode = 0o700
		}
		dir := tree.NewDir(mode, origin)
		if n := t.Lookup(from); n != nil {
			if n.Type != tree.Dir {
				continue // somebody has other plans
			}
			dir = n
			errs = append(errs, t.Remove(from))
		}
		errs = append(errs, t.Put(to, dir), t.Put(from, tree.NewSymlink(to[1:], origin)))
	}
	return errors.Join(errs...)
}

// varConf is where FactoryVar's lines belong, below the prefix. Its name sorts
// after all others: theirs count.
const varConf = "lib/tmpfiles.d/zz-bocaditos-var.conf"

// FactoryVar empties /var of t, over which a filesystem is mounted at boot, and
// has systemd-tmpfiles make there what it held: from a line of the packages
// where there is one, else from a line in a file of its own, with content
// copied from PREFIX/share/factory/var. So what packages ship in /var, and what
// a recipe puts there, is in a new /var and stays as it is in an old one.
//
// It returns what systemd-tmpfiles refuses to make: entries of one user in a
// directory of another one, who could replace them by links.
func FactoryVar(t *tree.Tree, prefix string) (refused []string, err error) {
	made := map[string]bool{}
	for _, l := range confLines(t, prefix, "tmpfiles.d", ".conf") {
		if real, _, err := t.ResolveParent(tmpfiles.Path(l.text)); err == nil && tmpfiles.Makes(l.text) {
			made[real] = true
		}
	}
	origin := tree.Origin{Pass: "vendor", Rule: "what /var held"}
	var b strings.Builder
	b.WriteString("# What the image has in /var and no other file says. See tmpfiles.d(5).\n")
	head := b.Len()
	type copied struct {
		path string
		node *tree.Node
	}
	var files []copied
	err = t.WalkUnder("/var", func(p string, n *tree.Node) error {
		if p == "/var" || made[p] || n.Origin().Pass == Tmpfiles {
			return nil
		}
		if owner := t.Lookup(path.Dir(p)).UID; owner != 0 && owner != n.UID && n.Type != tree.Symlink {
			refused = append(refused, p)
			return nil
		}
		line := func(kind, argument string) {
			fmt.Fprintf(&b, "%s %s %04o %d %d - %s\n", kind, tmpfiles.Quote(p), n.Mode, n.UID, n.GID, argument)
		}
		switch n.Type {
		case tree.Dir:
			line("d", "-")
		case tree.Symlink:
			fmt.Fprintf(&b, "L %s - - - - %s\n", tmpfiles.Quote(p), tmpfiles.Argument(n.Target))
		case tree.File:
			source := path.Join(prefix, "share/factory", p)
			line("C", tmpfiles.Argument(source))
			files = append(files, copied{source, n})
		default:
			return fmt.Errorf("%s is a %s, which cannot be made at boot", p, n.Type)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		f.node.History = append(f.node.History, origin)
		if err := t.Put(f.path, f.node); err != nil {
			return nil, err
		}
	}
	for _, name := range t.Lookup("/var").Children() {
		if err := t.Remove("/var/" + name); err != nil {
			return nil, err
		}
	}
	if b.Len() == head {
		return refused, nil
	}
	return refused, t.Put(path.Join(prefix, varConf), tree.NewFile(0o644, tree.String(b.String()), origin))
}
