package erofs_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goerofs "github.com/erofs/go-erofs"
	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/tree"
)

// A listing describes each path of a tree in one line. Paths of one inode
// have equal lines, which begin with the first of them.
type listing map[string]string

// detail is how much a listing says.
type detail bool

const (
	everything  detail = true
	contentOnly detail = false // type, content, target, device: what fsck.erofs extracts reliably
)

// entry is a node as any reader sees it.
type entry struct {
	inode    any // equal for hard links
	typ      tree.Type
	mode     uint32
	uid, gid uint32
	nlink    uint64
	rdev     uint64
	mtime    int64
	data     io.Reader // content or target
	xattrs   map[string]string
}

type lister struct {
	lines  listing
	first  map[any]string
	detail detail
}

func newLister(d detail) *lister { return &lister{listing{}, map[any]string{}, d} }

// add must be called in walk order.
func (l *lister) add(t testing.TB, p string, e entry) {
	t.Helper()
	sum := sha256.New()
	var size int64
	if e.data != nil {
		var err error
		if size, err = io.Copy(sum, e.data); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
	}
	line := fmt.Sprintf("%s %d bytes %.4x rdev %x", e.typ, size, sum.Sum(nil), e.rdev)
	if l.detail == everything {
		if l.first[e.inode] == "" {
			l.first[e.inode] = p
		}
		line = fmt.Sprintf("%s: %s mode %o owner %d:%d nlink %d mtime %d", l.first[e.inode], line, e.mode, e.uid, e.gid, e.nlink, e.mtime)
		for _, name := range slices.Sorted(maps.Keys(e.xattrs)) {
			line += fmt.Sprintf(" %s=%d:%.4x", name, len(e.xattrs[name]), sha256.Sum256([]byte(e.xattrs[name])))
		}
	}
	l.lines[p] = line
}

func compare(t *testing.T, reader string, want, got listing) {
	t.Helper()
	shown := 0
	paths := maps.Clone(want)
	maps.Copy(paths, got)
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		if want[p] != got[p] && shown < 10 {
			shown++
			t.Errorf("%s sees at %.200q\n  %.1000s\nthe tree has\n  %.1000s", reader, p, got[p], want[p])
		}
	}
}

func listTree(t *testing.T, tr *tree.Tree, d detail) listing {
	t.Helper()
	l := newLister(d)
	nlink := map[*tree.Node]uint64{}
	tr.Walk(func(p string, n *tree.Node) error {
		nlink[n]++
		if n.Type == tree.Dir {
			nlink[n]++ // its own "."
			if p != "/" {
				nlink[tr.Lookup(filepath.Dir(p))]++ // its ".."
			} // and the root's is the second name of the root
		}
		return nil
	})
	tr.Walk(func(p string, n *tree.Node) error {
		e := entry{inode: n, typ: n.Type, mode: n.Mode, uid: n.UID, gid: n.GID, nlink: nlink[n],
			rdev: unix.Mkdev(n.Major, n.Minor), mtime: options.Epoch, xattrs: n.Xattrs}
		switch n.Type {
		case tree.File:
			r, err := n.Content.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			e.data = r
		case tree.Symlink:
			e.data = strings.NewReader(n.Target)
		}
		l.add(t, p, e)
		return nil
	})
	return l.lines
}

// listHost lists a directory of the host. It goes from directory to directory
// by openat, as a path may be longer than a system call takes.
func listHost(t *testing.T, dir string, d detail) listing {
	t.Helper()
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	l := newLister(d)
	listHostDir(t, l, "/", root)
	return l.lines
}

func listHostDir(t *testing.T, l *lister, p string, dir *os.File) {
	defer dir.Close()
	if p == "/" {
		l.add(t, p, hostEntry(t, dir, "."))
	}
	names, err := dir.ReadDir(-1)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(names, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range names {
		name := entry.Name()
		e := hostEntry(t, dir, name)
		child := filepath.Join(p, name)
		l.add(t, child, e)
		if goTypes[entry.Type()] != e.typ {
			t.Errorf("the directory says that %q is of type %s, its inode that it is a %s", child, entry.Type(), e.typ)
		}
		if e.typ == tree.Dir {
			fd, err := unix.Openat(int(dir.Fd()), name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatalf("%s: %v", child, err)
			}
			listHostDir(t, l, child, os.NewFile(uintptr(fd), child))
		}
	}
}

var goTypes = map[fs.FileMode]tree.Type{
	0: tree.File, fs.ModeDir: tree.Dir, fs.ModeSymlink: tree.Symlink, fs.ModeDevice | fs.ModeCharDevice: tree.CharDevice,
	fs.ModeDevice: tree.BlockDevice, fs.ModeNamedPipe: tree.FIFO, fs.ModeSocket: tree.Socket,
}

var hostTypes = map[uint32]tree.Type{
	unix.S_IFREG: tree.File, unix.S_IFDIR: tree.Dir, unix.S_IFLNK: tree.Symlink, unix.S_IFCHR: tree.CharDevice,
	unix.S_IFBLK: tree.BlockDevice, unix.S_IFIFO: tree.FIFO, unix.S_IFSOCK: tree.Socket,
}

func hostEntry(t *testing.T, dir *os.File, name string) entry {
	t.Helper()
	at := int(dir.Fd())
	p := fmt.Sprintf("/proc/self/fd/%d/%s", at, name)
	var st unix.Stat_t
	if err := unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		t.Fatal(err)
	}
	e := entry{inode: [2]uint64{st.Dev, st.Ino}, typ: hostTypes[st.Mode&unix.S_IFMT], mode: st.Mode & 0o7777, uid: st.Uid, gid: st.Gid,
		nlink: uint64(st.Nlink), rdev: st.Rdev, mtime: st.Mtim.Sec, xattrs: hostXattrs(t, p)}
	switch e.typ {
	case tree.File:
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		e.data = strings.NewReader(string(b))
	case tree.Symlink:
		target, err := os.Readlink(p)
		if err != nil {
			t.Fatal(err)
		}
		e.data = strings.NewReader(target)
	}
	return e
}

func hostXattrs(t *testing.T, p string) map[string]string {
	t.Helper()
	attrs := map[string]string{}
	if n, err := unix.Llistxattr(p, nil); n == 0 && err == nil {
		return attrs
	}
	b := make([]byte, 1<<16)
	n, err := unix.Llistxattr(p, b)
	if err != nil {
		t.Fatalf("list extended attributes of %s: %v", p, err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(b[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 1<<16)
		n, err := unix.Lgetxattr(p, name, value)
		if err != nil {
			t.Fatalf("extended attribute %s of %s: %v", name, p, err)
		}
		attrs[name] = string(value[:n])
	}
	return attrs
}

// listGoErofs lists an image as the independent reader sees it.
func listGoErofs(t *testing.T, image string) listing {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fsys, err := goerofs.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	l := newLister(everything)
	err = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*goerofs.Stat)
		e := entry{inode: st.Ino, typ: goTypes[st.Mode.Type()], mode: goMode(st.Mode), uid: st.UID, gid: st.GID, nlink: uint64(st.Nlink), mtime: int64(st.Mtime), xattrs: map[string]string{}}
		for name, value := range st.Xattrs {
			// This reader takes the whole name of an ACL for a prefix with a dot.
			e.xattrs[strings.TrimSuffix(name, ".")] = value
		}
		switch e.typ {
		case tree.File:
			r, err := fsys.Open(p)
			if err != nil {
				return err
			}
			defer r.Close()
			e.data = r
		case tree.Symlink:
			target, err := fs.ReadLink(fsys, p)
			if err != nil {
				return err
			}
			e.data = strings.NewReader(target)
		case tree.CharDevice, tree.BlockDevice:
			e.rdev = uint64(st.Rdev)
		}
		l.add(t, filepath.Join("/", p), e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l.lines
}

func goMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, value := range map[fs.FileMode]uint32{fs.ModeSetuid: tree.SetUID, fs.ModeSetgid: tree.SetGID, fs.ModeSticky: tree.Sticky} {
		if m&bit != 0 {
			mode |= value
		}
	}
	return mode
}
