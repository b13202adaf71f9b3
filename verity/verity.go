// Package verity makes and checks dm-verity hash trees: hash type 1, SHA-256,
// data and hash blocks of 4096 bytes, the superblock in front of the tree. It
// opens no device and knows nothing of partitions or signatures.
//
// The formats are those of the kernel's device-mapper/verity.rst and of
// cryptsetup's on-disk superblock, byte for byte what `veritysetup format`
// writes.
package verity

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// The one format this package knows.
const (
	Algorithm   = "sha256"
	BlockSize   = 4096 // bytes of a data block and of a hash block
	HashStart   = 1    // hash block at which the tree starts: the superblock has block 0
	MaxSaltSize = 256  // bytes

	digestSize = 32
	fanout     = BlockSize / digestSize // digests in a hash block
)

// RootHash is the digest at the top of a tree: whoever trusts it can check
// every block below.
type RootHash [digestSize]byte

// ParseRootHash reads the 64 hexadecimal digits that String writes.
func ParseRootHash(s string) (RootHash, error) {
	var h RootHash
	err := h.UnmarshalText([]byte(s))
	return h, err
}

func (h RootHash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns the hash in hexadecimal.
func (h RootHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads exactly 64 hexadecimal digits.
func (h *RootHash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("root hash %q is not %d hexadecimal digits", text, 2*len(h))
	}
	copy(h[:], b)
	return nil
}

// Salt is hashed in front of every block: at most MaxSaltSize bytes, none is
// allowed.
type Salt []byte

func (s Salt) String() string { return hex.EncodeToString(s) }

// MarshalText returns the salt in hexadecimal, empty if there is none.
func (s Salt) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads hexadecimal digits.
func (s *Salt) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("salt %q is not hexadecimal", text)
	}
	if len(b) > MaxSaltSize {
		return fmt.Errorf("salt of %d bytes is longer than %d", len(b), MaxSaltSize)
	}
	*s = b
	return nil
}

// UUID names a hash device in its superblock; the bytes are in textual order.
type UUID [16]byte

func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// MarshalText returns the form 01234567-89ab-cdef-0123-456789abcdef.
func (u UUID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads what MarshalText writes, in either case.
func (u *UUID) UnmarshalText(text []byte) error {
	var parsed UUID
	s := string(text)
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || copy(parsed[:], b) != len(parsed) || !strings.EqualFold(parsed.String(), s) {
		return fmt.Errorf("%q is not a UUID", s)
	}
	*u = parsed
	return nil
}

// Params is all that opening a device needs besides the data and the hash
// image. Nothing in the hash image has to be trusted when Params is.
type Params struct {
	RootHash RootHash `json:"root_hash"`
	Superblock
}

// DataSize is the length of the data in bytes.
func (p Params) DataSize() int64 { return int64(p.DataBlocks) * BlockSize }

// HashSize is the length of the hash image in bytes, superblock included.
func (p Params) HashSize() int64 {
	blocks := int64(HashStart)
	for _, n := range treeBlocks(p.DataBlocks) {
		blocks += int64(n)
	}
	return blocks * BlockSize
}

// Sectors is the length of the opened device in the 512-byte sectors of a
// device-mapper table.
func (p Params) Sectors() uint64 { return p.DataBlocks * (BlockSize / 512) }

// Arguments of Table: what the kernel does about a block that does not match.
// Without one, reading the block fails with EIO.
const (
	RestartOnCorruption = "restart_on_corruption"
	PanicOnCorruption   = "panic_on_corruption"
)

// Table returns the parameters of the verity target for a device-mapper table.
// The devices are paths or MAJOR:MINOR. The target starts at sector 0 and is
// Sectors long.
func (p Params) Table(dataDevice, hashDevice string, args ...string) string {
	salt := p.Salt.String()
	if salt == "" {
		salt = "-" // the kernel's word for no salt
	}
	block := strconv.Itoa(BlockSize)
	words := []string{
		"1", dataDevice, hashDevice, block, block,
		strconv.FormatUint(p.DataBlocks, 10), strconv.Itoa(HashStart),
		Algorithm, p.RootHash.String(), salt,
	}
	if len(args) > 0 {
		words = append(words, strconv.Itoa(len(args)))
		words = append(words, args...)
	}
	return strings.Join(words, " ")
}
