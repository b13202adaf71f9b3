package verity

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Options are what Format cannot derive from the data.
type Options struct {
	Salt Salt
	UUID UUID
}

// Format hashes size bytes of data and writes the hash image, superblock
// first. It reads data in parallel. The tree is stored root first but made
// leaves first, so it is held in memory: size/127 bytes.
func Format(data io.ReaderAt, size int64, hash io.Writer, o Options) (Params, error) {
	if size%BlockSize != 0 {
		return Params{}, fmt.Errorf("verity: data of %d bytes is not a multiple of %d", size, BlockSize)
	}
	p := Params{Superblock: Superblock{UUID: o.UUID, DataBlocks: uint64(max(size, 0)) / BlockSize, Salt: bytes.Clone(o.Salt)}}
	if err := p.validate(); err != nil {
		return Params{}, fmt.Errorf("verity: %w", err)
	}
	levels := make([][]byte, len(treeBlocks(p.DataBlocks)))
	below, n := data, p.DataBlocks
	for i := len(levels) - 1; i >= 0; i-- {
		level, err := hashBlocks(below, n, p.Salt)
		if err != nil {
			return Params{}, fmt.Errorf("verity: hash data: %w", err)
		}
		levels[i] = level
		below, n = bytes.NewReader(level), uint64(len(level)/BlockSize)
	}
	// One block is left: the top of the tree, or data that is a single block.
	root, err := hashBlocks(below, 1, p.Salt)
	if err != nil {
		return Params{}, fmt.Errorf("verity: hash data: %w", err)
	}
	copy(p.RootHash[:], root)

	for _, b := range append([][]byte{p.block()}, levels...) {
		if _, err := hash.Write(b); err != nil {
			return Params{}, fmt.Errorf("verity: write hash image: %w", err)
		}
	}
	return p, nil
}

// treeBlocks returns the number of hash blocks of each level, in the order in
// which they are stored: root first. A single data block needs no tree, its
// digest is the root hash.
func treeBlocks(dataBlocks uint64) []uint64 {
	var up []uint64
	for n := dataBlocks; n > 1; {
		n = (n + fanout - 1) / fanout
		up = append([]uint64{n}, up...)
	}
	return up
}

// hashBlocks hashes n blocks into the level above: fanout digests in a block,
// zeros at the end of the last one. Each worker takes the blocks below one
// hash block at a time.
func hashBlocks(r io.ReaderAt, n uint64, salt []byte) ([]byte, error) {
	parents := (n + fanout - 1) / fanout
	level := make([]byte, parents*BlockSize)
	var next atomic.Uint64
	var g errgroup.Group
	for range min(uint64(runtime.GOMAXPROCS(0)), parents) {
		g.Go(func() error {
			buf := make([]byte, fanout*BlockSize)
			h := sha256.New()
			for {
				parent := next.Add(1) - 1
				if parent >= parents {
					return nil
				}
				first := parent * fanout
				blocks := buf[:min(fanout, n-first)*BlockSize]
				if err := readFull(r, blocks, int64(first*BlockSize)); err != nil {
					next.Store(parents) // stops the other workers
					return err
				}
				digests := level[parent*BlockSize:]
				for ; len(blocks) > 0; blocks, digests = blocks[BlockSize:], digests[digestSize:] {
					h.Reset()
					h.Write(salt)
					h.Write(blocks[:BlockSize])
					h.Sum(digests[:0])
				}
			}
		})
	}
	return level, g.Wait()
}

// readFull fills b; data that ends too early is io.ErrUnexpectedEOF.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return fmt.Errorf("read at byte %d: %w", off+int64(n), io.ErrUnexpectedEOF)
	}
	return err
}
