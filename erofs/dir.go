package erofs

import "encoding/binary"

// dirent is a name in a directory.
type dirent struct {
	name string
	in   *inode
}

// encodeDir returns the data of a directory. Each block is for itself: its
// entries, then their names without separators. All but the last block are
// padded. The length does not depend on where the inodes are.
//
// Entries must be sorted by byte value, "." and ".." among them: the kernel
// searches by bisection, first for the block, then in it.
func encodeDir(entries []dirent) []byte {
	var b []byte
	for len(entries) > 0 {
		b = append(b, make([]byte, -len(b)&(blockSize-1))...)
		n := fitBlock(entries)
		nameOff := n * direntSize
		for _, e := range entries[:n] {
			b = binary.LittleEndian.AppendUint64(b, e.in.nid())
			b = binary.LittleEndian.AppendUint16(b, uint16(nameOff))
			b = append(b, fileTypes[e.in.node.Type].entry, 0)
			nameOff += len(e.name)
		}
		for _, e := range entries[:n] {
			b = append(b, e.name...)
		}
		entries = entries[n:]
	}
	return b
}

// fitBlock returns how many of the entries fit in a block.
func fitBlock(entries []dirent) int {
	used := 0
	for i, e := range entries {
		if used += direntSize + len(e.name); used > blockSize {
			return i
		}
	}
	return len(entries)
}
