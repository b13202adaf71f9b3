package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Describe says all about a node but its entries in one line that people and
// tests read: "file 0644 cc55e2ec" (first digits of the content's SHA-256),
// "dir 0755", "symlink usr/bin", then uid:gid, xattrs where not the default.
func Describe(n *Node) (string, error) {
	var b strings.Builder
	b.WriteString(n.Type.String())
	switch n.Type {
	case Symlink:
		fmt.Fprintf(&b, " %s", n.Target)
	case CharDevice, BlockDevice:
		fmt.Fprintf(&b, " %04o %d:%d", n.Mode, n.Major, n.Minor)
	case File:
		sum := sha256.New()
		r, err := n.Content.Open()
		if err != nil {
			return "", err
		}
		defer r.Close()
		if _, err := io.Copy(sum, r); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, " %04o %s", n.Mode, hex.EncodeToString(sum.Sum(nil))[:8])
		if n.Content.Size() == 0 {
			b.Reset()
			fmt.Fprintf(&b, "file %04o empty", n.Mode)
		}
	default:
		fmt.Fprintf(&b, " %04o", n.Mode)
	}
	if n.UID != 0 || n.GID != 0 {
		fmt.Fprintf(&b, " %d:%d", n.UID, n.GID)
	}
	for _, k := range sortedKeys(n.Xattrs) {
		fmt.Fprintf(&b, " %s=%x", k, n.Xattrs[k])
	}
	return b.String(), nil
}

// Text lists the tree as "path: description" lines, for tests and diffs.
func (t *Tree) Text() (string, error) {
	var b strings.Builder
	err := t.Walk(func(p string, n *Node) error {
		d, err := Describe(n)
		fmt.Fprintf(&b, "%s: %s\n", p, d)
		return err
	})
	return b.String(), err
}

// Digest names the whole tree: SHA-256 over paths, metadata, hard-link
// structure and content IDs, in walk order. It reads no content. History does
// not count.
func (t *Tree) Digest() string {
	h := sha256.New()
	first := map[*Node]int{}
	i := 0
	t.Walk(func(p string, n *Node) error {
		i++
		fmt.Fprintf(h, "%q %d ", p, n.Type)
		if n.Type != Dir {
			if k, ok := first[n]; ok {
				fmt.Fprintf(h, "link %d\n", k)
				return nil
			}
			first[n] = i
		}
		fmt.Fprintf(h, "%o %d %d %d %d %q", n.Mode, n.UID, n.GID, n.Major, n.Minor, n.Target)
		for _, k := range sortedKeys(n.Xattrs) {
			fmt.Fprintf(h, " %q=%q", k, n.Xattrs[k])
		}
		if n.Type == File {
			fmt.Fprintf(h, " %d %s", n.Content.Size(), n.Content.ID())
		}
		io.WriteString(h, "\n")
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
