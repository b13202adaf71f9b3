package disk

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// GUID names a disk, a partition or a partition type. The bytes are in textual
// order; the mixed-endian form exists on the disk only.
type GUID [16]byte

// ParseGUID reads the form 4f68bce3-e8cd-4db1-96e7-fbcaf984b709, in either
// case.
func ParseGUID(s string) (GUID, error) {
	var g GUID
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || copy(g[:], b) != len(g) || !strings.EqualFold(g.String(), s) {
		return GUID{}, fmt.Errorf("%q is not a GUID", s)
	}
	return g, nil
}

func (g GUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[0:4], g[4:6], g[6:8], g[8:10], g[10:16])
}

// MarshalText returns what String does.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads what ParseGUID does.
func (g *GUID) UnmarshalText(text []byte) error {
	parsed, err := ParseGUID(string(text))
	if err == nil {
		*g = parsed
	}
	return err
}

// TypeESP is the partition type of the EFI system partition.
var TypeESP = mustParseGUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")

// RootTypes are the partition types of a verified root.
type RootTypes struct {
	Root      GUID // the filesystem
	Verity    GUID // its dm-verity hash image
	VeritySig GUID // the signature of its root hash
}

// RootTypesFor returns the types for an architecture, named as Go and Debian
// do: amd64 or arm64. The type says which machines can boot the root.
func RootTypesFor(arch string) (RootTypes, error) {
	switch arch {
	case "amd64":
		return RootTypes{
			Root:      mustParseGUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
			Verity:    mustParseGUID("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"),
			VeritySig: mustParseGUID("41092b05-9fc8-4523-994f-2def0408b176"),
		}, nil
	case "arm64":
		return RootTypes{
			Root:      mustParseGUID("b921b045-1df0-41c3-af44-4c6f280d3fae"),
			Verity:    mustParseGUID("df3300ce-d69f-4c92-978c-9bfb0f38d820"),
			VeritySig: mustParseGUID("6db69de6-29f4-4758-a7a5-962190f00ce3"),
		}, nil
	}
	return RootTypes{}, fmt.Errorf("no partition types are known for architecture %q", arch)
}

func mustParseGUID(s string) GUID {
	g, err := ParseGUID(s)
	if err != nil {
		panic(err)
	}
	return g
}

// RootPartitions returns the UUIDs by which systemd finds the partitions that
// belong to a root hash: its first 128 bits name the root, its last 128 bits
// the hash image, read as text from left to right.
func RootPartitions(rootHash [32]byte) (root, verity GUID) {
	return GUID(rootHash[:16]), GUID(rootHash[16:])
}
