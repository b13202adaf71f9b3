package erofs_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
)

func put(t testing.TB, tr *tree.Tree, p string, n *tree.Node) {
	t.Helper()
	if err := tr.Put(p, n); err != nil {
		t.Fatal(err)
	}
}

// pattern returns n bytes without repetition at block distance.
func pattern(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

// opaque is content that cannot seek, as one that is decompressed on the way.
type opaque struct{ tree.Content }

func (o opaque) Open() (io.ReadCloser, error) {
	r, err := o.Content.Open()
	return struct{ io.ReadCloser }{r}, err
}

func file(size int) *tree.Node { return tree.NewFile(0o644, tree.Bytes(pattern(size)), origin) }

func withXattrs(n *tree.Node, attrs map[string]string) *tree.Node {
	n.Xattrs = attrs
	return n
}

// ACL and capability values must be well-formed, or the kernel hides them.
const (
	acl        = "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\xe8\x03\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff"
	capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

var treeCases = []struct {
	name      string
	make      func(t *testing.T) *tree.Tree
	noExtract string // why fsck.erofs should check, but not extract
}{
	{name: "empty root", make: func(t *testing.T) *tree.Tree { return tree.New() }},
	{name: "every type", make: everyType},
	{name: "sizes around a block", make: func(t *testing.T) *tree.Tree {
		tr := tree.New()
		for _, size := range []int{0, 1, 31, 4031, 4032, 4064, 4065, 4095, 4096, 4097, 8191, 8192, 8193, 12288 + 2000, 3<<20 + 1} {
			put(t, tr, fmt.Sprintf("/file/%d", size), file(size))
			put(t, tr, fmt.Sprintf("/opaque/%d", size), tree.NewFile(0o644, opaque{tree.Bytes(pattern(size))}, origin))
			if size > 0 && size < 4096 {
				put(t, tr, fmt.Sprintf("/link/%d", size), tree.NewSymlink(strings.Repeat("t", size), origin))
			}
		}
		return tr
	}},
	{name: "10000 entries", make: func(t *testing.T) *tree.Tree {
		tr := tree.New()
		for i := range 10000 {
			put(t, tr, fmt.Sprintf("/many/%d", i), file(i%7))
		}
		return tr
	}},
	{name: "names", make: func(t *testing.T) *tree.Tree {
		tr := tree.New()
		for _, name := range []string{"!", "+", "-", ".a", "..a", "...", "/0", " ", "a\nb", "ñandú", "日本語", "\xff\xfe", "A", "a", "a.b", "a0"} {
			put(t, tr, "/names/"+name, file(3))
		}
		for i := range 40 { // 15 of these fill a block
			put(t, tr, fmt.Sprintf("/long/%s%03d", strings.Repeat("n", 252), i), file(3))
		}
		for i := range 64 { // 12+52 bytes each: a block with no byte to spare for a NUL
			put(t, tr, fmt.Sprintf("/full/%052d", i), file(3))
		}
		return tr
	}},
	{name: "deep", make: func(t *testing.T) *tree.Tree {
		tr := tree.New()
		put(t, tr, strings.Repeat("/d", 600)+"/leaf", file(5000)) // fsck.erofs 1.5 lacks stack for 1000
		return tr
	}},
	{name: "hard links", make: func(t *testing.T) *tree.Tree {
		tr := tree.New()
		one, dev := file(5000), &tree.Node{Type: tree.CharDevice, Mode: 0o600, Major: 5, Minor: 1}
		for i := range 66000 { // more links than the compact inode can count
			put(t, tr, fmt.Sprintf("/links/%05d", i), dev)
		}
		for i := range 3 {
			put(t, tr, fmt.Sprintf("/%d/file", i), one)
			put(t, tr, fmt.Sprintf("/%d/console", i), dev)
		}
		return tr
	}, noExtract: "66000 copies take a minute"},
	{name: "owners", make: func(t *testing.T) *tree.Tree {
		tr := tree.New()
		for i, id := range [][2]uint32{{0, 0}, {65535, 65535}, {65536, 0}, {0, 65536}, {4294967294, 4294967294}} {
			n := file(100)
			n.UID, n.GID, n.Mode = id[0], id[1], 0o6711
			put(t, tr, fmt.Sprintf("/%d", i), n)
		}
		return tr
	}},
	{name: "xattrs", make: xattrTree},
	{name: "equal contents", make: func(t *testing.T) *tree.Tree {
		tr := tree.New()
		for i := range 5 {
			put(t, tr, fmt.Sprintf("/%d", i), file(20000))
			// its tail does not fit behind such an inode, so it cannot share
			put(t, tr, fmt.Sprintf("/big%d", i), withXattrs(file(20000), map[string]string{"user.a": strings.Repeat("v", 1000)}))
		}
		return tr
	}},
}

func everyType(t *testing.T) *tree.Tree {
	tr := tree.New()
	tr.Root().Mode = 0o1755
	put(t, tr, "/file", tree.NewFile(0o4755, tree.String("hello\n"), origin))
	put(t, tr, "/dir", tree.NewDir(0o3777, origin))
	put(t, tr, "/link", tree.NewSymlink("dir/../file", origin))
	put(t, tr, "/dangling", tree.NewSymlink("/none", origin))
	put(t, tr, "/fifo", &tree.Node{Type: tree.FIFO, Mode: 0o622})
	put(t, tr, "/socket", &tree.Node{Type: tree.Socket, Mode: 0o755})
	put(t, tr, "/null", &tree.Node{Type: tree.CharDevice, Mode: 0o666, Major: 1, Minor: 3})
	put(t, tr, "/sda", &tree.Node{Type: tree.BlockDevice, Mode: 0o660, GID: 6, Major: 8})
	put(t, tr, "/far", &tree.Node{Type: tree.CharDevice, Mode: 0o600, Major: 4095, Minor: 1<<20 - 1})
	return tr
}

func xattrTree(t *testing.T) *tree.Tree {
	tr := tree.New()
	put(t, tr, "/kinds", withXattrs(file(4000), map[string]string{
		"user.a": "b", "user.empty": "", "trusted.overlay.opaque": "y", "security.capability": capability,
		"system.posix_acl_access": acl, "user." + strings.Repeat("n", 250): "long name",
	}))
	dir := withXattrs(tree.NewDir(0o755, origin), map[string]string{"system.posix_acl_default": acl, "security.x": "\x00\xff"})
	put(t, tr, "/dir", dir)
	put(t, tr, "/link", withXattrs(tree.NewSymlink(strings.Repeat("t", 3000), origin), map[string]string{"trusted.a": strings.Repeat("v", 2000)}))
	put(t, tr, "/fifo", withXattrs(&tree.Node{Type: tree.FIFO}, map[string]string{"trusted.a": "v"}))
	// From inside one block to several, with every size of tail.
	for i := range 60 {
		size := 3900 + 7*i
		put(t, tr, fmt.Sprintf("/dir/%d", size), withXattrs(file(100*i), map[string]string{"user.a": strings.Repeat("v", size)}))
	}
	put(t, tr, "/largest", withXattrs(file(5000), map[string]string{"user.a": strings.Repeat("v", 65535), "user.b": strings.Repeat("w", 65535), "user.c": "x"}))
	return tr
}

// randomTree returns the tree of a seed: up to 300 nodes of every type.
func randomTree(t testing.TB, seed uint64) *tree.Tree {
	r := rand.New(rand.NewPCG(seed, 1))
	tr := tree.New()
	dirs, others := []string{""}, []*tree.Node{}
	for range r.IntN(300) {
		p := dirs[r.IntN(len(dirs))] + "/" + strings.Repeat(string(rune('!'+r.IntN(14))), 1+r.IntN(3)) + strings.Repeat("é", r.IntN(1+r.IntN(100)))
		if tr.Lookup(p) != nil {
			continue
		}
		n := &tree.Node{Type: tree.File + tree.Type(r.IntN(7)), Mode: r.Uint32N(0o10000)}
		switch n.Type {
		case tree.Dir:
			dirs = append(dirs, p)
		case tree.File:
			n.Content = tree.Bytes(pattern(r.IntN(1 << r.IntN(18))))
		case tree.Symlink:
			n.Mode, n.Target = 0o777, strings.Repeat("t", 1+r.IntN(1<<r.IntN(11)))
		case tree.CharDevice, tree.BlockDevice:
			n.Major, n.Minor = r.Uint32N(1<<12), r.Uint32N(1<<20)
		}
		if r.IntN(3) == 0 {
			n.UID, n.GID = r.Uint32N(1<<r.IntN(32)), r.Uint32N(1<<r.IntN(32))
		}
		n.Xattrs = map[string]string{}
		for range r.IntN(3) {
			n.Xattrs[fmt.Sprintf("trusted.%d", r.IntN(99))] = string(pattern(r.IntN(1 << r.IntN(14))))
		}
		if n.Type != tree.Dir {
			if len(others) > 0 && r.IntN(5) == 0 {
				n = others[r.IntN(len(others))]
			}
			others = append(others, n)
		}
		put(t, tr, p, n)
	}
	return tr
}
