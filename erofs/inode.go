package erofs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// inode is a node of the tree with its place in the image.
type inode struct {
	node    *tree.Node
	path    string // its first name
	ino     uint32
	nlink   uint32
	rdev    uint32
	size    int64
	xattrs  []byte   // as on disk
	entries []dirent // of a directory, sorted

	off    int64 // of the header in the image
	inline bool  // the data behind the last whole block follows the xattrs
	start  int64 // first data block
	blocks int64 // number of data blocks
}

func (in *inode) nid() uint64 { return uint64(in.off / slotSize) }

// setFields sets what the node alone decides: all but links, entries and
// places.
func (in *inode) setFields() (err error) {
	n := in.node
	switch n.Type {
	case tree.File:
		if n.Content == nil {
			return errors.New("file without content")
		}
		if n.Size() < 0 {
			return fmt.Errorf("size of %d bytes", n.Size())
		}
	case tree.Symlink:
		if l := len(n.Target); l == 0 || l > maxTarget || strings.IndexByte(n.Target, 0) >= 0 {
			return fmt.Errorf("link target of %d bytes is empty, longer than %d or has a NUL", l, maxTarget)
		}
	case tree.CharDevice, tree.BlockDevice:
		if in.rdev, err = deviceNumber(n.Major, n.Minor); err != nil {
			return err
		}
	case tree.Dir, tree.FIFO, tree.Socket:
	default:
		return fmt.Errorf("unknown node type %s", n.Type)
	}
	in.size = n.Size()
	in.xattrs, err = encodeXattrs(n.Xattrs)
	return err
}

// extended tells whether the inode needs its 64-byte form.
func (in *inode) extended() bool {
	return in.size > math.MaxUint32 || in.nlink > math.MaxUint16 ||
		in.node.UID > math.MaxUint16 || in.node.GID > math.MaxUint16
}

// headSize is the number of bytes before the inline data.
func (in *inode) headSize() int64 {
	n := int64(compactSize)
	if in.extended() {
		n = extendedSize
	}
	return n + int64(len(in.xattrs))
}

// header is the inode as on disk.
func (in *inode) header(epoch int64) any {
	n := in.node
	format := uint16(layoutPlain)
	if in.inline {
		format = layoutInline
	}
	union := in.rdev
	switch n.Type {
	case tree.File, tree.Dir, tree.Symlink:
		union = uint32(in.start)
	}
	xattrs := uint16(0)
	if len(in.xattrs) > 0 {
		xattrs = uint16((len(in.xattrs)-xattrHeaderSize)/xattrAlign + 1)
	}
	mode := fileTypes[n.Type].mode | uint16(n.Mode&0o7777)
	if in.extended() {
		return &extendedInode{
			Format: format | extendedBit, XattrCount: xattrs, Mode: mode, Size: uint64(in.size), Union: union,
			Ino: in.ino, UID: n.UID, GID: n.GID, Mtime: epoch, Nlink: in.nlink,
		}
	}
	return &compactInode{
		Format: format, XattrCount: xattrs, Mode: mode, Nlink: uint16(in.nlink), Size: uint32(in.size), Union: union,
		Ino: in.ino, UID: uint16(n.UID), GID: uint16(n.GID),
	}
}

// open gives the inode's data: content, link target or directory.
func (in *inode) open() (io.ReadCloser, error) {
	switch in.node.Type {
	case tree.File:
		return in.node.Content.Open()
	case tree.Dir:
		return io.NopCloser(bytes.NewReader(encodeDir(in.entries))), nil
	}
	return io.NopCloser(strings.NewReader(in.node.Target)), nil
}
