package builder

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/tree"
)

// A leftover is something that packages, or systemd's own configuration, put
// into a root and that means nothing in a read-only image.
type leftover struct {
	why   string
	empty bool     // only directories with nothing in them
	made  string   // only where this is there, which was made of it
	paths []string // with all that is below them
}

// leftovers are left out of every image, unless root.keep names them. What the
// recipe itself puts there stays.
func leftovers(prefix string) []leftover {
	return []leftover{
		{why: "installs kernels on a disk; an image comes with its own", paths: []string{
			"/etc/kernel", prefix + "/lib/kernel", prefix + "/bin/kernel-install", prefix + "/sbin/installkernel",
			prefix + "/share/bash-completion/completions/kernel-install", prefix + "/share/zsh/vendor-completions/_kernel-install",
		}},
		{why: "makes another kind of initrd", paths: []string{
			"/etc/initramfs-tools", prefix + "/share/initramfs-tools", prefix + "/lib/dracut",
		}},
		{why: "is for building and installing RPM packages", paths: []string{
			prefix + "/lib/rpm", prefix + "/lib/systemd/systemd-update-helper",
		}},
		{why: "keeps the records of dpkg and apt, of which an image has none", paths: []string{
			"/etc/cron.daily/dpkg", "/etc/cron.daily/apt-compat", "/etc/logrotate.d/alternatives", "/etc/logrotate.d/apt", "/etc/logrotate.d/dpkg",
		}},
		{why: "is for bug reports and menus of Debian", paths: []string{
			prefix + "/share/apport", prefix + "/share/bug", prefix + "/share/doc-base", prefix + "/share/lintian", prefix + "/share/menu",
		}},
		{why: "is for secrets, which an image does not hold unless its recipe says so", empty: true, paths: []string{
			"/etc/credstore", "/etc/credstore.encrypted", prefix + "/lib/credstore", prefix + "/lib/credstore.encrypted",
		}},
		// At boot it would try to make them again.
		{why: "makes directories for secrets", paths: []string{prefix + "/lib/tmpfiles.d/credstore.conf"}},
		{why: "is what hwdb.bin was made of", made: prefix + "/lib/udev/hwdb.bin", paths: []string{prefix + "/lib/udev/hwdb.d"}},
	}
}

// prune takes the leftovers out of the root, after the passes: some are what
// the passes made, or worked with.
func (b *build) prune(ctx context.Context, a *assembled) error {
	return b.stage(ctx, "prune", func() (string, bool, error) {
		left, err := pruneLeftovers(a.tree, b.prefix, recipe.Strings(b.recipe.Root.Keep))
		if err != nil {
			return "", false, err
		}
		a.leftOut = append(a.leftOut, left.out...)
		for _, pattern := range left.unmatched {
			b.warn("root.keep %q keeps nothing that would be left out", pattern)
		}
		return fmt.Sprintf("%d leftovers, %s", len(left.out), FormatBytes(left.bytes)), false, nil
	})
}

// pruned is what pruneLeftovers did.
type pruned struct {
	out       []PathOrigin
	bytes     int64
	unmatched []string // patterns of keep
}

func pruneLeftovers(t *tree.Tree, prefix string, keep []string) (*pruned, error) {
	p := pruner{t: t, keep: keep, used: map[string]bool{}}
	for _, p.leftover = range leftovers(prefix) {
		if p.made != "" && t.Lookup(p.made) == nil {
			continue
		}
		for _, at := range p.paths {
			if _, n, err := t.ResolveParent(at); err != nil || n == nil {
				continue
			} else if err := p.visit(at, n); err != nil {
				return nil, err
			}
		}
	}
	for _, pattern := range keep {
		if !p.used[pattern] {
			p.unmatched = append(p.unmatched, pattern)
		}
	}
	return &p.pruned, nil
}

type pruner struct {
	leftover
	pruned
	t    *tree.Tree
	keep []string
	used map[string]bool
}

// visit removes n, which is at the path at, or what it can of what is below it.
func (p *pruner) visit(at string, n *tree.Node) error {
	if p.removable(at, n) {
		p.out = append(p.out, leftOut(at, n, tree.Origin{Pass: "left out", Rule: p.why}))
		p.t.WalkUnder(at, func(_ string, n *tree.Node) error {
			p.bytes += n.Size()
			return nil
		})
		return p.t.Remove(at)
	}
	if n.Type != tree.Dir || p.keeps(at) {
		return nil
	}
	for _, name := range n.Children() {
		if err := p.visit(path.Join(at, name), n.Child(name)); err != nil {
			return err
		}
	}
	return nil
}

func (p *pruner) removable(at string, n *tree.Node) bool {
	if p.keeps(at) || slices.ContainsFunc(n.History, func(o tree.Origin) bool { return o.Pass == "recipe" }) {
		return false
	}
	names := n.Children()
	if p.empty && (n.Type != tree.Dir || len(names) > 0) {
		return false
	}
	all := true
	for _, name := range names {
		all = p.removable(path.Join(at, name), n.Child(name)) && all // each pattern of keep counts as used
	}
	return all
}

func (p *pruner) keeps(at string) (keeps bool) {
	for _, pattern := range p.keep {
		if ok, _ := path.Match(pattern, at); ok {
			p.used[pattern], keeps = true, true
		}
	}
	return keeps
}

// leftOutType is the type of a PathOrigin of which nothing is in the image.
const leftOutType = "left out"

// leftOut describes what is about to be removed from the tree, with all below.
func leftOut(at string, n *tree.Node, why tree.Origin) PathOrigin {
	return PathOrigin{Path: at, Type: leftOutType, History: append(slices.Clone(n.History), why)}
}
