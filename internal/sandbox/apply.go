package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

const (
	setID      = tree.SetUID | tree.SetGID
	capability = "security.capability"
)

// A Change is one path that a command made, changed or removed.
type Change struct {
	Path    string
	Deleted bool // with all below it
}

// Apply brings the changes of a Result into t, on which Run ran, and returns
// them in walk order. The new content stays in the archive changes. origin says who is responsible for the new node at a path; it is
// added to the node's history.
//
// What a command touched but left as it was is no change, nor is a time.
// What Run left out comes back: set-ID bits, unless the command set another
// mode or owner; capabilities, unless it set others or another owner; security.* and trusted.*
// attributes. Of hard links, a command that writes in place changes the one
// it opened, not the other names.
func Apply(t *tree.Tree, changes string, origin func(path string, n *tree.Node) tree.Origin) ([]Change, error) {
	src, err := tree.ReadTar(changes, "", tree.Origin{})
	if err != nil {
		return nil, err
	}
	if err := src.Walk(nameByBytes); err != nil {
		return nil, err
	}
	a := applier{t: t, origin: origin, result: map[*tree.Node]*tree.Node{}}
	if err := src.Walk(a.keepSame); err != nil {
		return nil, err
	}
	return a.changes, a.entry("/", src.Root())
}

// named is content under another ID.
type named struct {
	tree.Content
	id string
}

func (n named) ID() string { return n.id }

// nameByBytes gives a file's content an ID of its own. The archive's would
// differ whenever anything in it does, such as a tool's cache that has inode
// numbers and is not taken over, and all that is derived from the tree's
// digest would differ though no byte of the tree does.
func nameByBytes(_ string, n *tree.Node) error {
	if _, done := n.Content.(named); done || n.Type != tree.File {
		return nil
	}
	r, err := n.Content.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return err
	}
	n.Content = named{n.Content, "sha256:" + hex.EncodeToString(h.Sum(nil))}
	return nil
}

type applier struct {
	t       *tree.Tree
	origin  func(string, *tree.Node) tree.Origin
	result  map[*tree.Node]*tree.Node // node of the changes → node of t
	changes []Change
}

// keepSame finds what came back unchanged. It looks at all names first: a new
// hard link to an old file brings the old file along.
func (a *applier) keepSame(p string, n *tree.Node) error {
	if old := a.t.Lookup(p); old != nil && n.Type != tree.Dir && a.result[n] == nil {
		if tree.Difference(old, restored(old, n)) == "" {
			a.result[n] = old
		}
	}
	return nil
}

// entry applies the node n of the changes at p, then what is below it.
func (a *applier) entry(p string, n *tree.Node) error {
	old := a.t.Lookup(p)
	if a.result[n] == nil {
		a.result[n] = a.merged(p, old, n)
	}
	if now := a.result[n]; now != old {
		a.changes = append(a.changes, Change{Path: p})
		if old != nil && old.Type == tree.Dir && now.Type != tree.Dir {
			if err := a.t.Remove(p); err != nil {
				return err
			}
		}
		if err := a.t.Put(p, now); err != nil {
			return err
		}
	}
	if n.Type != tree.Dir {
		return nil
	}
	if n.Child(opaqueMark) != nil && old != nil && old.Type == tree.Dir {
		for _, name := range old.Children() {
			if n.Child(name) == nil {
				if err := a.remove(path.Join(p, name)); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range n.Children() {
		var err error
		if gone, ok := strings.CutPrefix(name, whiteoutPrefix); !ok {
			err = a.entry(path.Join(p, name), n.Child(name))
		} else if name != opaqueMark {
			err = a.remove(path.Join(p, gone))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) remove(p string) error {
	if a.t.Lookup(p) == nil {
		return nil // it came and went, or the sandbox never had it
	}
	a.changes = append(a.changes, Change{Path: p, Deleted: true})
	return a.t.Remove(p)
}

// merged is the node that p gets: old when nothing changed.
func (a *applier) merged(p string, old, n *tree.Node) *tree.Node {
	now := restored(old, n)
	if old != nil {
		if tree.Difference(old, now) == "" {
			return old
		}
		now.History = append(now.History, old.History...)
	}
	now.History = append(now.History, a.origin(p, now))
	return now
}

// restored copies n, with what Run left out of old. Content that is the same
// stays the old one, which other stages know by its ID.
func restored(old, n *tree.Node) *tree.Node {
	now := &tree.Node{
		Type: n.Type, Mode: n.Mode, UID: n.UID, GID: n.GID,
		Major: n.Major, Minor: n.Minor, Target: n.Target, Content: n.Content,
		Xattrs: map[string]string{},
	}
	for name, value := range n.Xattrs {
		now.Xattrs[name] = value
	}
	if old == nil || old.Type != n.Type {
		return now
	}
	sameOwner := old.UID == n.UID && old.GID == n.GID
	if sameOwner && n.Type != tree.Dir && old.Mode&^setID == n.Mode {
		now.Mode = old.Mode
	}
	for name, value := range old.Xattrs {
		if _, ok := now.Xattrs[name]; !ok && hiddenXattr(name) && (sameOwner || name != capability) {
			now.Xattrs[name] = value
		}
	}
	if n.Type == tree.File && tree.Difference(&tree.Node{Type: tree.File, Content: old.Content}, &tree.Node{Type: tree.File, Content: n.Content}) == "" {
		now.Content = old.Content
	}
	return now
}
