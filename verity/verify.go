package verity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Part names what a CorruptError is about.
type Part string

// The parts of a verity device.
const (
	PartSuperblock Part = "superblock"
	PartTree       Part = "tree"
	PartData       Part = "data"
)

// CorruptError is the first block that does not match.
type CorruptError struct {
	Part  Part
	Block uint64 // counted from the start of the hash image, or of the data
}

func (e *CorruptError) Error() string {
	if e.Part == PartData {
		return fmt.Sprintf("data block %d does not match its hash", e.Block)
	}
	return fmt.Sprintf("hash image: %s block %d is not the expected one", e.Part, e.Block)
}

// Verify checks the superblock, then the tree from its root down, then the
// data. A mismatch is a *CorruptError that names the first bad block; other
// errors come from reading. It holds twice the tree in memory.
func Verify(data, hash io.ReaderAt, p Params) error {
	if err := p.validate(); err != nil {
		return fmt.Errorf("verity: %w", err)
	}
	if err := verify(data, hash, p); err != nil {
		return fmt.Errorf("verity: %w", err)
	}
	return nil
}

func verify(data, hash io.ReaderAt, p Params) error {
	super := make([]byte, BlockSize)
	if err := readFull(hash, super, 0); err != nil {
		return fmt.Errorf("superblock: %w", err)
	}
	if !bytes.Equal(super, p.block()) {
		return &CorruptError{Part: PartSuperblock}
	}
	trusted := p.RootHash[:] // digests of the level below, already checked
	at := uint64(HashStart)
	for _, n := range treeBlocks(p.DataBlocks) {
		level := make([]byte, n*BlockSize)
		if err := readFull(hash, level, int64(at*BlockSize)); err != nil {
			return fmt.Errorf("tree: %w", err)
		}
		if err := compare(bytes.NewReader(level), n, p.Salt, trusted); err != nil {
			return inPart(err, PartTree, at)
		}
		trusted = level
		at += n
	}
	return inPart(compare(data, p.DataBlocks, p.Salt, trusted), PartData, 0)
}

// inPart completes a CorruptError of compare.
func inPart(err error, part Part, start uint64) error {
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		return &CorruptError{Part: part, Block: start + corrupt.Block}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	return nil
}

// compare hashes n blocks and compares them with their digests.
func compare(r io.ReaderAt, n uint64, salt, want []byte) error {
	got, err := hashBlocks(r, n, salt)
	if err != nil {
		return err
	}
	for i := range n {
		d := i * digestSize
		if !bytes.Equal(got[d:d+digestSize], want[d:d+digestSize]) {
			return &CorruptError{Block: i}
		}
	}
	return nil
}
