package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"strings"
)

// superblockSize is the length of dm-verity's superblock as veritysetup(8)
// writes it.
const superblockSize = 512

// checkSuperblock compares the superblock on the disk with the one in the
// initrd. Nothing of the one on the disk is ever used; the comparison is there
// to say plainly that someone changed it.
func checkSuperblock(node string, want []byte) error {
	f, err := os.Open(node)
	if err != nil {
		return err
	}
	defer f.Close()
	got := make([]byte, superblockSize)
	if _, err := f.ReadAt(got, 0); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("refused: it differs from the one this initrd was built with")
	}
	return nil
}

// A superblock holds the parameters of a verity device.
type superblock struct {
	hashType             uint32
	uuid                 string
	algorithm            string
	dataBlock, hashBlock uint32 // bytes
	dataBlocks           uint64
	salt                 []byte
}

func parseSuperblock(b []byte) (superblock, error) {
	le := binary.LittleEndian
	if len(b) != superblockSize || string(b[:8]) != "verity\x00\x00" || le.Uint32(b[8:]) != 1 {
		return superblock{}, errors.New("not a verity superblock of version 1")
	}
	algorithm, _, _ := strings.Cut(string(b[32:64]), "\x00")
	s := superblock{
		hashType:   le.Uint32(b[12:]),
		uuid:       encodeHex(b[16:32]),
		algorithm:  algorithm,
		dataBlock:  le.Uint32(b[64:]),
		hashBlock:  le.Uint32(b[68:]),
		dataBlocks: le.Uint64(b[72:]),
	}
	saltSize := le.Uint16(b[80:])
	if saltSize > 256 {
		return superblock{}, errors.New("verity salt of more than 256 bytes")
	}
	s.salt = b[88 : 88+saltSize]
	if s.algorithm == "" || strings.ContainsAny(s.algorithm, " \t\n") {
		return superblock{}, errors.New("verity superblock without a hash algorithm")
	}
	for _, size := range []uint32{s.dataBlock, s.hashBlock} {
		if size < 512 || size > 1<<19 || size&(size-1) != 0 {
			return superblock{}, errors.New("verity block of " + strconv.Itoa(int(size)) + " bytes")
		}
	}
	if s.dataBlocks == 0 || s.dataBlocks > 1<<40 {
		return superblock{}, errors.New("verity device of " + strconv.FormatUint(s.dataBlocks, 10) + " blocks")
	}
	return s, nil
}

// sectors is the length of the verified device in units of 512 bytes.
func (s superblock) sectors() uint64 { return s.dataBlocks * uint64(s.dataBlock/512) }

// table is the argument of the kernel's verity target, see the kernel's
// Documentation/admin-guide/device-mapper/verity.rst.
func (s superblock) table(rootHash []byte, dataDev, hashDev string, halt bool) string {
	salt := "-"
	if len(s.salt) > 0 {
		salt = encodeHex(s.salt)
	}
	onCorruption := "restart_on_corruption"
	if halt {
		onCorruption = "panic_on_corruption" // a kernel without panic= then stays as it is
	}
	return strings.Join([]string{
		strconv.Itoa(int(s.hashType)), dataDev, hashDev,
		strconv.Itoa(int(s.dataBlock)), strconv.Itoa(int(s.hashBlock)),
		strconv.FormatUint(s.dataBlocks, 10),
		"1", // the tree starts in the block after the superblock's, which is never longer than one
		s.algorithm, encodeHex(rootHash), salt,
		"1", onCorruption,
	}, " ")
}
