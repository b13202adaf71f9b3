package verity

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	superblockSize = 512 // bytes; zeros fill the rest of its block
	signature      = "verity\x00\x00"
	maxDataBlocks  = math.MaxInt64 / BlockSize / 2 // keeps data and tree within int64 bytes
)

// Superblock is the header of a hash image. The kernel never reads it and the
// root hash does not cover it.
type Superblock struct {
	UUID       UUID   `json:"uuid"`
	DataBlocks uint64 `json:"data_blocks"`
	Salt       Salt   `json:"salt"`
}

// diskSuperblock is the header as it is stored, little-endian.
type diskSuperblock struct {
	Signature     [8]byte
	Version       uint32
	HashType      uint32
	UUID          [16]byte
	Algorithm     [32]byte
	DataBlockSize uint32
	HashBlockSize uint32
	DataBlocks    uint64
	SaltSize      uint16
	_             [6]byte
	Salt          [MaxSaltSize]byte
	_             [168]byte
}

func (s Superblock) validate() error {
	switch {
	case len(s.Salt) > MaxSaltSize:
		return fmt.Errorf("salt of %d bytes is longer than %d", len(s.Salt), MaxSaltSize)
	case s.DataBlocks == 0:
		return errors.New("no data blocks")
	case s.DataBlocks > maxDataBlocks:
		return fmt.Errorf("%d data blocks are too many", s.DataBlocks)
	}
	return nil
}

// block returns the header padded to a hash block.
func (s Superblock) block() []byte {
	d := diskSuperblock{
		Version:       1,
		HashType:      1,
		UUID:          s.UUID,
		DataBlockSize: BlockSize,
		HashBlockSize: BlockSize,
		DataBlocks:    s.DataBlocks,
		SaltSize:      uint16(len(s.Salt)),
	}
	copy(d.Signature[:], signature)
	copy(d.Algorithm[:], Algorithm)
	copy(d.Salt[:], s.Salt)
	b := make([]byte, BlockSize)
	if _, err := binary.Encode(b, binary.LittleEndian, &d); err != nil {
		panic(err) // the layout is a constant that fits
	}
	return b
}

// ParseSuperblock reads the header at the start of a hash image, of which it
// needs the first 512 bytes. It refuses what Format would not have written:
// another version, algorithm or block size, and anything but zeros in the
// padding.
func ParseSuperblock(b []byte) (Superblock, error) {
	if len(b) < superblockSize {
		return Superblock{}, fmt.Errorf("verity superblock of %d bytes is shorter than %d", len(b), superblockSize)
	}
	var d diskSuperblock
	if _, err := binary.Decode(b, binary.LittleEndian, &d); err != nil {
		return Superblock{}, fmt.Errorf("verity superblock: %w", err)
	}
	algorithm := string(bytes.TrimRight(d.Algorithm[:], "\x00"))
	switch {
	case string(d.Signature[:]) != signature:
		return Superblock{}, errors.New("verity superblock has no signature")
	case d.Version != 1 || d.HashType != 1:
		return Superblock{}, fmt.Errorf("verity superblock of version %d and hash type %d is not supported", d.Version, d.HashType)
	case algorithm != Algorithm:
		return Superblock{}, fmt.Errorf("verity superblock: hash algorithm %q is not supported", algorithm)
	case d.DataBlockSize != BlockSize || d.HashBlockSize != BlockSize:
		return Superblock{}, fmt.Errorf("verity superblock: block sizes %d and %d are not supported", d.DataBlockSize, d.HashBlockSize)
	case d.SaltSize > MaxSaltSize:
		return Superblock{}, fmt.Errorf("verity superblock: salt of %d bytes is longer than %d", d.SaltSize, MaxSaltSize)
	}
	s := Superblock{UUID: d.UUID, DataBlocks: d.DataBlocks, Salt: bytes.Clone(d.Salt[:d.SaltSize])}
	if err := s.validate(); err != nil {
		return Superblock{}, fmt.Errorf("verity superblock: %w", err)
	}
	if !bytes.Equal(s.block()[:superblockSize], b[:superblockSize]) {
		return Superblock{}, errors.New("verity superblock has bytes in its padding")
	}
	return s, nil
}
