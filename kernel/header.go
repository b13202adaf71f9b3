package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/bocaditos/bocaditos/tree"
)

type header struct {
	arch    string
	version string // empty when the format does not carry it
}

// Offsets of Documentation/arch/x86/boot.rst and
// Documentation/arch/arm64/booting.rst.
const (
	bzMagicAt   = 0x202 // "HdrS"
	bzVersionAt = 0x20e // pointer to the version string, less 0x200
	arm64At     = 0x38  // "ARM\x64"
	peOffsetAt  = 0x3c  // of the PE header, in every image with an EFI stub
)

var errFormat = errors.New("not a kernel for amd64 or arm64 (neither bzImage nor ARM64 Image nor EFI zboot)")

// readHeader tells a kernel from something that merely has its name, before
// it is signed and shipped.
func readHeader(c tree.Content) (header, error) {
	r, err := c.Open()
	if err != nil {
		return header{}, err
	}
	defer r.Close()
	// All that is of interest lies in the first 64 KiB; the version's pointer has 16 bits.
	b, err := io.ReadAll(io.LimitReader(r, 0x200+1<<16))
	if err != nil {
		return header{}, err
	}
	le := binary.LittleEndian
	at := func(off int, magic string) bool {
		return len(b) >= off+len(magic) && string(b[off:off+len(magic)]) == magic
	}
	switch {
	case at(bzMagicAt, "HdrS") && len(b) >= bzVersionAt+2:
		h := header{arch: "amd64"}
		if p := int(le.Uint16(b[bzVersionAt:])); p != 0 && p+0x200 < len(b) {
			version, _, _ := bytes.Cut(b[p+0x200:], []byte{0})
			version, _, _ = bytes.Cut(version, []byte{' '})
			h.version = string(version)
		}
		return h, nil
	case at(arm64At, "ARM\x64"):
		return header{arch: "arm64"}, nil
	case at(0, "MZ") && at(4, "zimg") && len(b) >= peOffsetAt+4:
		pe := int(le.Uint32(b[peOffsetAt:]))
		if pe < 0 || pe+6 > len(b) || !at(pe, "PE\x00\x00") {
			return header{}, errFormat
		}
		switch machine := le.Uint16(b[pe+4:]); machine {
		case 0x8664:
			return header{arch: "amd64"}, nil
		case 0xaa64:
			return header{arch: "arm64"}, nil
		default:
			return header{}, fmt.Errorf("EFI zboot image for unknown machine %#x", machine)
		}
	}
	return header{}, errFormat
}
