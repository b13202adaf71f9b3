package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// A partition is a used entry of a GPT.
type partition struct {
	number      int    // as the kernel counts, from 1
	typ, uuid   string // lower case
	first, size uint64 // in logical blocks
}

// Limits that no real table comes near. The table is read before anything is
// verified, so it is not believed in how much memory it takes.
const (
	maxTable   = 1 << 20
	maxEntry   = 4096
	headerSize = 92
)

var errNoGPT = errors.New("no GPT")

// readGPT returns the partitions of a disk of size bytes with logical blocks
// of the given size. The backup table at the end of the disk is used when the
// primary one is damaged; the kernel does the same when it was booted with the
// parameter "gpt", and shows no partitions else.
func readGPT(disk io.ReaderAt, size int64, block int) ([]partition, error) {
	if block < 512 || block > 1<<16 || block&(block-1) != 0 {
		return nil, errors.New("logical blocks of odd size")
	}
	blocks := uint64(size) / uint64(block)
	if size < 0 || blocks < 3 {
		return nil, errNoGPT
	}
	parts, err := readTable(disk, block, blocks, 1)
	if err == nil {
		return parts, nil
	}
	if parts, backupErr := readTable(disk, block, blocks, blocks-1); backupErr == nil {
		return parts, nil
	}
	return nil, err
}

// readTable reads the table whose header is in block lba.
func readTable(disk io.ReaderAt, block int, blocks, lba uint64) ([]partition, error) {
	h := make([]byte, block)
	if _, err := disk.ReadAt(h, int64(lba)*int64(block)); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if string(h[:8]) != "EFI PART" {
		return nil, errNoGPT
	}
	length := le.Uint32(h[12:])
	if length < headerSize || length > uint32(block) {
		return nil, errors.New("GPT header of impossible length")
	}
	sum := le.Uint32(h[16:])
	clear(h[16:20]) // the checksum is made with its own field zero
	if crc32.ChecksumIEEE(h[:length]) != sum {
		return nil, errors.New("GPT header with wrong checksum")
	}
	if h[10] != 1 || h[11] != 0 || le.Uint64(h[24:]) != lba {
		return nil, errors.New("GPT header of another version or from another place")
	}
	at, count, entry := le.Uint64(h[72:]), uint64(le.Uint32(h[80:])), uint64(le.Uint32(h[84:]))
	if entry < 128 || entry > maxEntry || entry&(entry-1) != 0 || count > maxTable/entry {
		return nil, errors.New("GPT with entries of impossible size or number")
	}
	if at < 2 || at >= blocks || (count*entry+uint64(block)-1)/uint64(block) > blocks-at {
		return nil, errors.New("GPT entries beyond the end of the disk")
	}
	table := make([]byte, count*entry)
	if _, err := disk.ReadAt(table, int64(at)*int64(block)); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(table) != le.Uint32(h[88:]) {
		return nil, errors.New("GPT entries with wrong checksum")
	}
	return parseEntries(table, int(entry), blocks), nil
}

func parseEntries(table []byte, entry int, blocks uint64) []partition {
	le := binary.LittleEndian
	var parts []partition
	for i := 0; i*entry < len(table); i++ {
		e := table[i*entry:]
		first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
		if [16]byte(e[:16]) == ([16]byte{}) || first > last || last >= blocks {
			continue // unused, or such that the kernel skips it too
		}
		parts = append(parts, partition{i + 1, diskUUID(e[:16]), diskUUID(e[16:32]), first, last - first + 1})
	}
	return parts
}

// diskUUID formats a UUID as UEFI stores it: the first three fields are
// little-endian.
func diskUUID(b []byte) string {
	return formatUUID([]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6],
		b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]})
}
