// Package erofs writes EROFS images: uncompressed, 4096-byte blocks, for Linux
// 6.1 and later. It reads none, and knows no compression, no chunks and no
// extra devices. The format is that of the kernel's fs/erofs/erofs_fs.h and
// Documentation/filesystems/erofs.rst.
//
// An image depends only on the tree and the options. Blocks 0 to m hold the
// superblock and, for each inode in one run, header, extended attributes and
// the last part of its data (tail packing); then come the whole data blocks.
// Contents with one ID share them.
package erofs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// Options are the properties of an image that its tree does not have.
type Options struct {
	Epoch int64    // seconds since 1970: every inode's mtime and the superblock's build time
	UUID  [16]byte // of the filesystem, in the order it is printed
	Label string   // volume name, at most 15 bytes
}

// Write writes an image of t to w, sequentially from its first to its last
// byte, and returns its size in bytes, a multiple of 4096. Memory grows with
// the number of nodes, not with their content. Each content is opened at most
// twice. Errors of a node are of type *tree.PathError; on any error what was
// written is not an image.
func Write(w io.Writer, t *tree.Tree, o Options) (int64, error) {
	if len(o.Label) > maxLabel || strings.IndexByte(o.Label, 0) >= 0 {
		return 0, fmt.Errorf("label an EROFS image %q: more than %d bytes, or a NUL", o.Label, maxLabel)
	}
	p, err := newPlan(t)
	if err != nil {
		return 0, err
	}
	first, err := p.firstBlock(o)
	if err != nil {
		return 0, err
	}
	s := newStream(w, streamBuffer)
	s.write(first)
	for _, in := range p.metadata {
		if in.off < blockSize {
			continue
		}
		if err := s.writeInode(in, o.Epoch); err != nil {
			return 0, err
		}
	}
	for _, in := range p.data {
		if err := s.writeBlocks(in); err != nil {
			return 0, err
		}
	}
	size := p.blocks * blockSize
	s.padTo(size)
	return size, s.flush()
}

// firstBlock returns block 0. It is made in memory, because the checksum in
// the superblock covers the inodes and tails behind it.
func (p *plan) firstBlock(o Options) ([]byte, error) {
	var b bytes.Buffer
	s := newStream(&b, blockSize)
	s.padTo(superOffset)
	s.put(p.superBlock(o))
	for _, in := range p.metadata {
		if in.off >= blockSize {
			break
		}
		if err := s.writeInode(in, o.Epoch); err != nil {
			return nil, err
		}
	}
	s.padTo(blockSize)
	if err := s.flush(); err != nil {
		return nil, err
	}
	// The kernel's crc32c does not invert its result; Go's does.
	sum := ^crc32.Checksum(b.Bytes()[superOffset:], crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(b.Bytes()[superOffset+checksumOffset:], sum)
	return b.Bytes(), nil
}

func (p *plan) superBlock(o Options) *superBlock {
	sb := &superBlock{
		Magic:         superMagic,
		FeatureCompat: featureChecksum | featureMtime,
		BlockBits:     blockBits,
		RootNid:       uint16(p.inodes[0].nid()), // placed first, so it fits
		Inodes:        uint64(len(p.inodes)),
		BuildTime:     o.Epoch,
		Blocks:        uint32(p.blocks),
		UUID:          o.UUID,
	}
	copy(sb.Label[:], o.Label)
	return sb
}
