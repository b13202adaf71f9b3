package sandbox

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/tree"
)

// The marks of a layer changeset (OCI image-spec, layer.md): an empty file
// ".wh.NAME" says that NAME is gone, opaqueMark that a directory has only the
// entries listed. All other entries are whole: a file with a new mode comes
// with its content. Names of one new inode are hard links.
const (
	whiteoutPrefix = ".wh."
	opaqueMark     = ".wh..wh..opq"
)

// archive writes the overlay upper directory dir as a tar file.
func archive(dir, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	a := archiver{tw: tar.NewWriter(f), first: map[uint64]string{}}
	err = filepath.WalkDir(dir, func(at string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p := strings.TrimPrefix(at, dir)
		if p == "" {
			p = "/"
		}
		if err := a.entry(at, p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return nil
	})
	return errors.Join(err, a.tw.Close(), f.Close())
}

type archiver struct {
	tw    *tar.Writer
	first map[uint64]string // inode number → first name
}

func (a *archiver) entry(at, p string) error {
	var st unix.Stat_t
	if err := unix.Lstat(at, &st); err != nil {
		return err
	}
	if strings.HasPrefix(filepath.Base(p), whiteoutPrefix) {
		return fmt.Errorf("names that begin with %s cannot be recorded", whiteoutPrefix)
	}
	format := st.Mode & unix.S_IFMT
	switch {
	case format == unix.S_IFCHR && st.Rdev == 0:
		return a.mark(filepath.Join(filepath.Dir(p), whiteoutPrefix+filepath.Base(p)))
	case format == unix.S_IFSOCK:
		return nil // means nothing without its process
	}
	n, err := node(at, &st)
	if err != nil {
		return err
	}
	h := tree.TarHeader(p, n)
	if format != unix.S_IFDIR && st.Nlink > 1 {
		if first, ok := a.first[st.Ino]; ok {
			h.Typeflag, h.Linkname, h.Size, h.PAXRecords = tar.TypeLink, "."+first, 0, nil
			return a.tw.WriteHeader(h)
		}
		a.first[st.Ino] = p
	}
	if err := a.tw.WriteHeader(h); err != nil {
		return err
	}
	switch n.Type {
	case tree.File:
		r, err := n.Content.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(a.tw, r)
		return err
	case tree.Dir:
		var value [1]byte
		if k, err := unix.Lgetxattr(at, "user.overlay.opaque", value[:]); err == nil && string(value[:k]) == "y" {
			return a.mark(filepath.Join(p, opaqueMark))
		}
	}
	return nil
}

func (a *archiver) mark(p string) error {
	return a.tw.WriteHeader(tree.TarHeader(p, tree.NewFile(0, tree.String(""), tree.Origin{})))
}

// node describes the host's file at.
func node(at string, st *unix.Stat_t) (n *tree.Node, err error) {
	n = &tree.Node{Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		n.Type, n.Content = tree.File, tree.Slice(at, 0, st.Size, "")
	case unix.S_IFDIR:
		n.Type = tree.Dir
	case unix.S_IFLNK:
		n.Type = tree.Symlink
		n.Target, err = os.Readlink(at)
	case unix.S_IFIFO:
		n.Type = tree.FIFO
	case unix.S_IFCHR, unix.S_IFBLK:
		n.Type = tree.CharDevice
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			n.Type = tree.BlockDevice
		}
		n.Major, n.Minor = unix.Major(st.Rdev), unix.Minor(st.Rdev)
	}
	if err == nil {
		n.Xattrs, err = readXattrs(at)
	}
	return n, err
}

// readXattrs returns the attributes that a program of the image can have set:
// not overlayfs's own, and of security.* only capabilities, for the rest are
// labels of the host.
func readXattrs(at string) (map[string]string, error) {
	size, err := unix.Llistxattr(at, nil)
	if err != nil || size == 0 {
		if errors.Is(err, unix.ENOTSUP) {
			err = nil
		}
		return nil, err
	}
	names := make([]byte, size)
	if size, err = unix.Llistxattr(at, names); err != nil {
		return nil, err
	}
	xattrs := map[string]string{}
	for name := range bytes.SplitSeq(bytes.TrimRight(names[:size], "\x00"), []byte{0}) {
		if hiddenXattr(string(name)) && string(name) != capability {
			continue
		}
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX
		k, err := unix.Lgetxattr(at, string(name), value)
		if err != nil {
			return nil, fmt.Errorf("read attribute %s: %w", name, err)
		}
		xattrs[string(name)] = string(value[:k])
	}
	return xattrs, nil
}
