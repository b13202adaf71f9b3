package uki

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bocaditos/bocaditos/tree"
)

// Offsets in the PE32+ header, from the Microsoft PE format specification.
// Those of the optional header count from its start, which is peOptional
// bytes after the "PE" signature.
const (
	dosNewHeader = 0x3c // where the DOS header says the signature is

	peNumberOfSections = 6
	peOptional         = 24

	optInitializedData = 8
	optSizeOfImage     = 56
	optSizeOfHeaders   = 60
	optCheckSum        = 64
	optCharacteristics = 70

	sectionHeaderSize = 40
	nxCompat          = pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT
)

// program is an EFI program (PE32+) in memory.
type program struct {
	*pe.File
	opt      *pe.OptionalHeader64
	data     []byte
	optional int // where the optional header starts in data
}

// readProgram reads an EFI program and checks that all of it is there.
func readProgram(c tree.Content) (*program, error) {
	if c == nil {
		return nil, errors.New("none given")
	}
	data, err := tree.ReadAll(c)
	if err != nil {
		return nil, err
	}
	// debug/pe also takes object files, which have no DOS header.
	if !bytes.HasPrefix(data, []byte("MZ")) || len(data) < dosNewHeader+4 {
		return nil, fmt.Errorf("is no EFI program: %s", describe(data))
	}
	f, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("is a damaged EFI program: %w", err)
	}
	opt, ok := f.OptionalHeader.(*pe.OptionalHeader64)
	if !ok {
		return nil, fmt.Errorf("is not a 64-bit EFI program (PE32+)")
	}
	if opt.Subsystem != pe.IMAGE_SUBSYSTEM_EFI_APPLICATION {
		return nil, fmt.Errorf("is a program, but not for EFI (subsystem %d)", opt.Subsystem)
	}
	for _, s := range f.Sections {
		if end := uint64(s.Offset) + uint64(s.Size); end > uint64(len(data)) {
			return nil, fmt.Errorf("is truncated: section %s ends at byte %d of %d", s.Name, end, len(data))
		}
	}
	signature := binary.LittleEndian.Uint32(data[dosNewHeader:])
	return &program{f, opt, data, int(signature) + peOptional}, nil
}

// describe says what data is that should have been a program.
func describe(data []byte) string {
	switch {
	case len(data) == 0:
		return "it is empty"
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		return "it is compressed with gzip, which firmware cannot start"
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		return "it is compressed with zstd, which firmware cannot start"
	case bytes.HasPrefix(data, []byte("\x7fELF")):
		return "it is an ELF file"
	}
	return "it does not start with MZ"
}

func (p *program) nx() bool { return p.opt.DllCharacteristics&nxCompat != 0 }

// section returns the payload of a section, nil if there is none.
func (p *program) section(name string) []byte {
	s := p.Section(name)
	if s == nil {
		return nil
	}
	return p.data[s.Offset : s.Offset+payloadSize(&s.SectionHeader)]
}

// payloadSize is the length without the padding to the file's alignment.
func payloadSize(s *pe.SectionHeader) uint32 { return min(s.VirtualSize, s.Size) }

// readStub reads systemd-stub.
func readStub(c tree.Content) (*program, error) {
	p, err := readProgram(c)
	if err != nil {
		return nil, err
	}
	if machineName(p.Machine) == "" {
		return nil, fmt.Errorf("is for a machine (%#x) that is neither amd64 nor arm64", p.Machine)
	}
	if !bytes.Contains(p.section(".sdmagic"), []byte("systemd-stub")) {
		return nil, errors.New("is not systemd-stub: its .sdmagic section does not say so")
	}
	if p.section(".sbat") == nil {
		return nil, errors.New("has no .sbat section")
	}
	for _, name := range order {
		if p.Section(name) != nil {
			return nil, fmt.Errorf("has a %s section: it is a finished UKI", name)
		}
	}
	if p.opt.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_SECURITY].VirtualAddress != 0 {
		return nil, errors.New("is signed; the signature would be invalid after adding sections, so use the unsigned stub")
	}
	if p.PointerToSymbolTable != 0 {
		return nil, errors.New("is not stripped of its symbol table; stubs of systemd 254 and later are")
	}
	return p, checkAlignment(p)
}

// checkAlignment refuses what makes appending unsafe: sections that are not
// aligned, not in order or not back to back.
func checkAlignment(p *program) error {
	file, mem := p.opt.FileAlignment, p.opt.SectionAlignment
	if file < 512 || mem < file || file&(file-1) != 0 || mem&(mem-1) != 0 {
		return fmt.Errorf("has impossible alignments: %d in the file, %d in memory", file, mem)
	}
	offset, address := uint64(p.Sections[0].Offset), uint64(0)
	for _, s := range p.Sections {
		if s.Offset%file != 0 || s.Size%file != 0 || s.VirtualAddress%mem != 0 {
			return fmt.Errorf("has an unaligned section %s; stubs of systemd 254 and later have not", s.Name)
		}
		if uint64(s.Offset) != offset || uint64(s.VirtualAddress) < address {
			return fmt.Errorf("has section %s in an unexpected place", s.Name)
		}
		offset, address = offset+uint64(s.Size), uint64(s.VirtualAddress)+uint64(s.VirtualSize)
	}
	if offset != uint64(len(p.data)) {
		return fmt.Errorf("has %d bytes after its last section", uint64(len(p.data))-offset)
	}
	return nil
}

// machineName is the Go and Debian name of a PE machine, empty for those
// whose kernels this package does not know.
func machineName(machine uint16) string {
	switch machine {
	case pe.IMAGE_FILE_MACHINE_AMD64:
		return "amd64"
	case pe.IMAGE_FILE_MACHINE_ARM64:
		return "arm64"
	}
	return ""
}
