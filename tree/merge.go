package tree

import (
	"fmt"
	"io"
	"maps"
	"path"
)

// A Conflict is two sources that disagree about one path.
type Conflict struct {
	Path  string
	Have  *Node // in the tree already
	Want  *Node // from the tree being merged
	Field string
}

func (c *Conflict) Error() string {
	return fmt.Sprintf("%s: %s and %s disagree about its %s", c.Path, c.Have.Origin(), c.Want.Origin(), c.Field)
}

// Decision is what a merge rule says about a conflict.
type Decision int

// The decisions of a merge rule.
const (
	Refuse Decision = iota // it stays an error
	KeepHave
	TakeWant
)

// Rule decides who wins a conflict.
type Rule func(*Conflict) Decision

// Merge puts all of src into t. Directories of the same mode and owner merge;
// other nodes at one path must be equal, or rule (which may be nil) decides.
// A directory of src may lie at a symbolic link to a directory in t: its
// content then goes where the link points, as dpkg does. src must not be used
// afterwards: its nodes, and so its hard links, move to t.
// All conflicts are returned, joined by the caller's choice; t is then in
// an undefined state.
func (t *Tree) Merge(src *Tree, rule Rule) []error {
	m := merger{t: t, rule: rule}
	m.node("/", src.root)
	return m.errs
}

type merger struct {
	t    *Tree
	rule Rule
	errs []error
}

func (m *merger) node(p string, want *Node) {
	at, have, err := m.t.ResolveParent(p)
	if err != nil {
		m.errs = append(m.errs, err)
		return
	}
	if have != nil && have.Type == Symlink && want.Type == Dir {
		if real, n, err := m.t.Resolve(at); err == nil && n.Type == Dir {
			at, have = real, n
			want.Mode, want.UID, want.GID = n.Mode, n.UID, n.GID // the link's owner set them
		}
	}
	children := want.children
	switch {
	case have == nil:
		want.children = nil
		if err := m.t.Put(at, want); err != nil {
			m.errs = append(m.errs, err)
			return
		}
		have = want
	case at == "/" && len(have.History) == 0: // the bare root of New
		have.Mode, have.UID, have.GID, have.Xattrs, have.History = want.Mode, want.UID, want.GID, want.Xattrs, want.History
	default:
		field := Difference(have, want)
		if field == "" {
			have.History = append(have.History, want.History...)
			break
		}
		c := &Conflict{Path: p, Have: have, Want: want, Field: field}
		decision := Refuse
		if m.rule != nil {
			decision = m.rule(c)
		}
		switch decision {
		case Refuse:
			m.errs = append(m.errs, c)
			return
		case TakeWant:
			want.children = nil
			want.History = append(append([]Origin(nil), want.History...), Origin{Rule: "replaces the one of " + have.Origin().String()})
			if have.Type == Dir && want.Type != Dir {
				m.errs = append(m.errs, c)
				return
			}
			if err := m.t.Put(at, want); err != nil {
				m.errs = append(m.errs, err)
				return
			}
			have = want
		}
	}
	if have.Type != Dir {
		return
	}
	dir := &Node{children: children}
	for _, name := range dir.Children() {
		m.node(path.Join(at, name), children[name])
	}
}

// Difference names the first field in which two nodes differ ("type", "mode",
// "owner", "target", "content", …), or is empty. A directory's entries do not
// count. An unreadable content counts as different.
func Difference(a, b *Node) string {
	switch {
	case a == b:
		return ""
	case a.Type != b.Type:
		return "type"
	case a.Mode != b.Mode && a.Type != Symlink:
		return "mode"
	case a.UID != b.UID || a.GID != b.GID:
		return "owner"
	case a.Target != b.Target:
		return "target"
	case a.Major != b.Major || a.Minor != b.Minor:
		return "device number"
	case !maps.Equal(a.Xattrs, b.Xattrs):
		return "extended attributes"
	case a.Type == File && !sameContent(a.Content, b.Content):
		return "content"
	}
	return ""
}

func sameContent(a, b Content) bool {
	if a.Size() != b.Size() {
		return false
	}
	if a.ID() == b.ID() {
		return true
	}
	ra, err := a.Open()
	if err != nil {
		return false
	}
	defer ra.Close()
	rb, err := b.Open()
	if err != nil {
		return false
	}
	defer rb.Close()
	bufA, bufB := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, err := io.ReadFull(ra, bufA)
		k, _ := io.ReadFull(rb, bufB)
		if n != k || string(bufA[:n]) != string(bufB[:k]) {
			return false
		}
		if err != nil {
			return err == io.EOF || err == io.ErrUnexpectedEOF
		}
	}
}
