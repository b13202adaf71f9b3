package erofs

import (
	"fmt"

	"github.com/bocaditos/bocaditos/tree"
)

const (
	blockBits = 12
	blockSize = 1 << blockBits
	slotSize  = 32 // what inode numbers (nids) count: nid n is at byte 32*n of the image

	superMagic      = 0xE0F5E1E2
	superOffset     = 1024
	superSize       = 128
	checksumOffset  = 4 // of the checksum in the superblock
	featureChecksum = 0x1
	featureMtime    = 0x2
	maxLabel        = 15 // the field has 16 bytes; newer kernels want a NUL at its end

	compactSize  = 32
	extendedSize = 64
	layoutPlain  = 0 << 1 // all data in blocks
	layoutInline = 2 << 1 // the last, partial block is behind the inode
	extendedBit  = 1

	nullBlock  = 1<<32 - 1 // the block address of what has no block
	direntSize = 12
	maxTarget  = 4095 // PATH_MAX without its NUL

	xattrHeaderSize = 12
	xattrAlign      = 4
	maxXattrName    = 255 // with prefix, Linux's XATTR_NAME_MAX
	maxXattrValue   = 1<<16 - 1
	maxXattrs       = xattrHeaderSize + (1<<16-2)*xattrAlign // bytes an inode can count
)

// superBlock is struct erofs_super_block, without its checksum.
type superBlock struct {
	Magic           uint32
	Checksum        uint32
	FeatureCompat   uint32
	BlockBits       uint8
	ExtSlots        uint8
	RootNid         uint16
	Inodes          uint64
	BuildTime       int64
	BuildTimeNsec   uint32
	Blocks          uint32
	MetaBlock       uint32
	XattrBlock      uint32
	UUID            [16]byte
	Label           [16]byte
	FeatureIncompat uint32
	_               [superSize - 84]byte
}

// compactInode is struct erofs_inode_compact. Its mtime is the superblock's
// build time.
type compactInode struct {
	Format     uint16
	XattrCount uint16
	Mode       uint16
	Nlink      uint16
	Size       uint32
	_          uint32
	Union      uint32 // first data block, or device number
	Ino        uint32
	UID        uint16
	GID        uint16
	_          uint32
}

// extendedInode is struct erofs_inode_extended.
type extendedInode struct {
	Format     uint16
	XattrCount uint16
	Mode       uint16
	_          uint16
	Size       uint64
	Union      uint32
	Ino        uint32
	UID        uint32
	GID        uint32
	Mtime      int64
	MtimeNsec  uint32
	Nlink      uint32
	_          [16]byte
}

// fileTypes holds, for each type of node, the format bits of stat(2)'s st_mode
// and the type in a directory entry (the kernel's FT_ constants).
var fileTypes = [...]struct {
	mode  uint16
	entry uint8
}{
	tree.File:        {0o100000, 1},
	tree.Dir:         {0o040000, 2},
	tree.CharDevice:  {0o020000, 3},
	tree.BlockDevice: {0o060000, 4},
	tree.FIFO:        {0o010000, 5},
	tree.Socket:      {0o140000, 6},
	tree.Symlink:     {0o120000, 7},
}

// deviceNumber is Linux's new_encode_dev: 12 bits of major, 20 of minor.
func deviceNumber(major, minor uint32) (uint32, error) {
	if major >= 1<<12 || minor >= 1<<20 {
		return 0, fmt.Errorf("device number %d:%d is out of range", major, minor)
	}
	return minor&0xff | major<<8 | minor&^0xff<<12, nil
}
