// Package tree is the root filesystem of an image, held as data.
//
// A Tree maps clean absolute paths to nodes. Owners, modes, extended
// attributes, devices and hard links are fields of a node, so a root can be
// assembled without privilege and without creating a single file with foreign
// owners on the host. File content is a Content: reopenable, never all in
// memory. Every node remembers its history (which package or pass made it).
//
// The package knows nothing of packages, units or image formats, and uses the
// standard library only; everything else in Bocaditos reads or writes a Tree.
package tree

import (
	"fmt"
	"path"
	"sort"
	"strings"
	"syscall"
)

// Type is the kind of a node.
type Type uint8

// The node types a Linux filesystem knows.
const (
	File Type = iota + 1
	Dir
	Symlink
	CharDevice
	BlockDevice
	FIFO
	Socket
)

var typeNames = [...]string{File: "file", Dir: "dir", Symlink: "symlink", CharDevice: "char", BlockDevice: "block", FIFO: "fifo", Socket: "socket"}

func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", t)
}

// Permission bits beyond 0777, with the values of stat(2).
const (
	SetUID = 0o4000
	SetGID = 0o2000
	Sticky = 0o1000
)

// Origin says where a node, or a change to it, came from.
type Origin struct {
	Package string `json:"package,omitempty"` // package name, when a package shipped it
	Pass    string `json:"pass,omitempty"`    // the pass that made or changed it: "unitfixup", "systemd-sysusers", "recipe"
	Rule    string `json:"rule,omitempty"`    // what in the package or pass is responsible: a rule, a recipe key, a command
}

func (o Origin) String() string {
	var parts []string
	if o.Package != "" {
		parts = append(parts, "package "+o.Package)
	}
	if o.Pass != "" {
		parts = append(parts, o.Pass)
	}
	s := strings.Join(parts, ", ")
	if o.Rule != "" {
		if s == "" {
			return o.Rule
		}
		s += " (" + o.Rule + ")"
	}
	return s
}

// A Node is an inode. Two names of one *Node are hard links of each other.
// There is no modification time: an image has one epoch for all of its nodes.
type Node struct {
	Type    Type
	Mode    uint32 // 07777: permissions with setuid, setgid and sticky
	UID     uint32
	GID     uint32
	Major   uint32 // devices only
	Minor   uint32
	Target  string  // symlinks only
	Content Content // files only
	Xattrs  map[string]string
	History []Origin // oldest first; the first entry put the node there

	children map[string]*Node // directories only
}

// Origin is where the node first came from.
func (n *Node) Origin() Origin {
	if len(n.History) == 0 {
		return Origin{}
	}
	return n.History[0]
}

// Size is the length of a file's content or a link's target in bytes, else 0.
func (n *Node) Size() int64 {
	switch {
	case n.Type == File && n.Content != nil:
		return n.Content.Size()
	case n.Type == Symlink:
		return int64(len(n.Target))
	}
	return 0
}

// Children returns the names in a directory, sorted by byte value.
func (n *Node) Children() []string {
	names := make([]string, 0, len(n.children))
	for name := range n.children {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Child returns the entry of a directory with that name, or nil.
func (n *Node) Child(name string) *Node { return n.children[name] }

// NewDir returns a directory node owned by root.
func NewDir(mode uint32, origin Origin) *Node {
	return &Node{Type: Dir, Mode: mode, History: []Origin{origin}}
}

// NewFile returns a regular file owned by root.
func NewFile(mode uint32, c Content, origin Origin) *Node {
	return &Node{Type: File, Mode: mode, Content: c, History: []Origin{origin}}
}

// NewSymlink returns a symbolic link owned by root.
func NewSymlink(target string, origin Origin) *Node {
	return &Node{Type: Symlink, Mode: 0o777, Target: target, History: []Origin{origin}}
}

// A Tree is a root filesystem. It is not safe for concurrent modification;
// concurrent reading is.
type Tree struct {
	root *Node
}

// New returns a tree that holds only its root directory, mode 0755.
func New() *Tree {
	return &Tree{root: &Node{Type: Dir, Mode: 0o755}}
}

// Root is the node of "/".
func (t *Tree) Root() *Node { return t.root }

// PathError says which path of the tree an operation failed on.
type PathError struct {
	Op   string
	Path string
	Err  error
}

func (e *PathError) Error() string { return e.Op + " " + e.Path + ": " + e.Err.Error() }
func (e *PathError) Unwrap() error { return e.Err }

// The errors that Put, Resolve and the tar reader wrap in a PathError.
const (
	ErrNotExist = treeError("no such file or directory in the tree")
	ErrNotDir   = treeError("not a directory")
	ErrExist    = treeError("already exists")
	ErrLoop     = treeError("too many symbolic links")
	ErrEscape   = treeError("path leaves the root")
	ErrName     = treeError("name not allowed in a filesystem")
)

type treeError string

func (e treeError) Error() string { return string(e) }

// Is makes the tree's errors match their counterparts of io/fs.
func (e treeError) Is(target error) bool {
	switch e {
	case ErrNotExist:
		return syscall.ENOENT.Is(target)
	case ErrExist:
		return syscall.EEXIST.Is(target)
	}
	return false
}

// maxLinks is how many symbolic links a look-up follows; Linux allows 40.
const maxLinks = 40

// Clean returns p as a clean absolute path. It refuses "..", NUL and names
// longer than 255 bytes instead of guessing what they meant.
func Clean(p string) (string, error) {
	if strings.IndexByte(p, 0) >= 0 {
		return "", &PathError{"use", fmt.Sprintf("%q", p), ErrName}
	}
	for name := range strings.SplitSeq(p, "/") {
		if name == ".." {
			return "", &PathError{"use", p, ErrEscape}
		}
		if len(name) > 255 {
			return "", &PathError{"use", p, ErrName}
		}
	}
	return path.Clean("/" + p), nil
}

// Lookup returns the node at exactly this path, following no symbolic link,
// or nil.
func (t *Tree) Lookup(p string) *Node {
	n := t.root
	for name := range strings.SplitSeq(path.Clean("/"+p), "/") {
		if name == "" {
			continue
		}
		if n = n.children[name]; n == nil {
			return nil
		}
	}
	return n
}

// Resolve follows every symbolic link in p within the tree, like chroot(2)
// would, and returns the canonical path with its node.
func (t *Tree) Resolve(p string) (string, *Node, error) {
	return t.resolve(p, true)
}

// ResolveParent is Resolve, but leaves the last element of p alone: it returns
// the canonical path of p itself. The node is nil when only the last element
// is missing.
func (t *Tree) ResolveParent(p string) (string, *Node, error) {
	return t.resolve(p, false)
}

func (t *Tree) resolve(p string, followLast bool) (string, *Node, error) {
	type step struct {
		name string
		node *Node
	}
	at := []step{{"", t.root}}
	todo := strings.Split(p, "/")
	links := 0
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		cur := at[len(at)-1].node
		switch name {
		case "", ".":
			continue
		case "..":
			if len(at) > 1 {
				at = at[:len(at)-1]
			}
			continue
		}
		if cur.Type != Dir {
			return "", nil, &PathError{"look up", p, ErrNotDir}
		}
		last := true
		for _, rest := range todo {
			if rest != "" && rest != "." {
				last = false
			}
		}
		child := cur.children[name]
		if child == nil {
			if last && !followLast {
				return join(at, func(s step) string { return s.name }) + "/" + name, nil, nil
			}
			return "", nil, &PathError{"look up", p, ErrNotExist}
		}
		if child.Type == Symlink && (followLast || !last) {
			if links++; links > maxLinks {
				return "", nil, &PathError{"look up", p, ErrLoop}
			}
			if strings.HasPrefix(child.Target, "/") {
				at = at[:1]
			}
			todo = append(strings.Split(child.Target, "/"), todo...)
			continue
		}
		at = append(at, step{name, child})
	}
	if len(at) == 1 {
		return "/", t.root, nil
	}
	return join(at, func(s step) string { return s.name }), at[len(at)-1].node, nil
}

func join[T any](steps []T, name func(T) string) string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = name(s)
	}
	return strings.Join(names, "/")
}

// Put sets p to n, replacing what is there. The parent is found through
// symbolic links (so /bin/x lands in /usr/bin where /bin is a link) and
// missing parents are made as directories with mode 0755 and n's origin.
// A directory that has children is never replaced by something else.
func (t *Tree) Put(p string, n *Node) error {
	p, err := Clean(p)
	if err != nil {
		return err
	}
	if p == "/" {
		if n.Type != Dir {
			return &PathError{"put", p, ErrExist}
		}
		n.children, t.root = t.root.children, n
		return nil
	}
	dir, err := t.mkdirAll(path.Dir(p), n.Origin())
	if err != nil {
		return err
	}
	name := path.Base(p)
	if old := dir.children[name]; old != nil && old.Type == Dir && len(old.children) > 0 {
		if n.Type != Dir {
			return &PathError{"put", p, ErrExist}
		}
		if n.children == nil {
			n.children = old.children
		}
	}
	if dir.children == nil {
		dir.children = map[string]*Node{}
	}
	dir.children[name] = n
	return nil
}

// Link makes p another name of n. Directories cannot have two names.
func (t *Tree) Link(p string, n *Node) error {
	if n.Type == Dir {
		return &PathError{"link", p, ErrExist}
	}
	return t.Put(p, n)
}

// MkdirAll makes the directory p and its missing parents, mode 0755, and
// returns its node. What exists stays as it is.
func (t *Tree) MkdirAll(p string, origin Origin) (*Node, error) {
	p, err := Clean(p)
	if err != nil {
		return nil, err
	}
	return t.mkdirAll(p, origin)
}

func (t *Tree) mkdirAll(p string, origin Origin) (*Node, error) {
	if _, n, err := t.Resolve(p); err == nil {
		if n.Type != Dir {
			return nil, &PathError{"make directory", p, ErrNotDir}
		}
		return n, nil
	}
	parent, err := t.mkdirAll(path.Dir(p), origin)
	if err != nil {
		return nil, err
	}
	if parent.children[path.Base(p)] != nil { // a dangling link or a non-directory
		return nil, &PathError{"make directory", p, ErrNotDir}
	}
	n := NewDir(0o755, origin)
	if parent.children == nil {
		parent.children = map[string]*Node{}
	}
	parent.children[path.Base(p)] = n
	return n, nil
}

// Remove takes p, and all below it, out of the tree. It does not follow a
// link at p. A path that is not there is no error.
func (t *Tree) Remove(p string) error {
	p, n, err := t.ResolveParent(p)
	if err != nil || n == nil {
		return nil
	}
	if p == "/" {
		return &PathError{"remove", p, ErrName}
	}
	delete(t.Lookup(path.Dir(p)).children, path.Base(p))
	return nil
}

// Walk calls f for every path in byte-wise sorted depth-first order, "/"
// first. A hard link is visited once for each of its names. An error from f
// ends the walk.
func (t *Tree) Walk(f func(p string, n *Node) error) error {
	return walk("/", t.root, f)
}

// WalkUnder is Walk for the subtree at p; a path that is not there is empty.
func (t *Tree) WalkUnder(p string, f func(p string, n *Node) error) error {
	n := t.Lookup(p)
	if n == nil {
		return nil
	}
	return walk(path.Clean("/"+p), n, f)
}

func walk(p string, n *Node, f func(string, *Node) error) error {
	if err := f(p, n); err != nil {
		return err
	}
	for _, name := range n.Children() {
		if err := walk(path.Join(p, name), n.children[name], f); err != nil {
			return err
		}
	}
	return nil
}

// Clone copies the tree, so that the copy's nodes can be changed without
// changing this one. Content is shared, hard links stay hard links.
func (t *Tree) Clone() *Tree {
	seen := map[*Node]*Node{}
	var clone func(n *Node) *Node
	clone = func(n *Node) *Node {
		if c := seen[n]; c != nil {
			return c
		}
		c := *n
		c.History = append([]Origin(nil), n.History...)
		seen[n] = &c
		if n.children != nil {
			c.children = make(map[string]*Node, len(n.children))
			for name, child := range n.children {
				c.children[name] = clone(child)
			}
		}
		return &c
	}
	return &Tree{root: clone(t.root)}
}
