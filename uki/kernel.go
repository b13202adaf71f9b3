package uki

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"

	"github.com/bocaditos/bocaditos/tree"
)

// Offsets in the setup header of a bzImage, from the kernel's x86 boot
// protocol, and the magic of an arm64 Image, from its booting document.
const (
	bzMagic         = 0x202
	bzKernelVersion = 0x20e // plus bzVersionBase: where the version string starts
	bzVersionBase   = 0x200
	bzCmdlineSize   = 0x238
	bzHeaderEnd     = 0x264

	arm64Magic = 0x38
	zbootMagic = 4 // of a compressed EFI program that unpacks itself
)

// readKernel reads a kernel that systemd-stub can start on machine.
func readKernel(c tree.Content, machine uint16) (*program, error) {
	p, err := readProgram(c)
	if err != nil {
		return nil, err
	}
	if p.Machine != machine {
		return nil, fmt.Errorf("is for machine %#x, the stub for %#x (%s)", p.Machine, machine, machineName(machine))
	}
	switch {
	case machine == pe.IMAGE_FILE_MACHINE_AMD64 && isBzImage(p.data):
	case machine == pe.IMAGE_FILE_MACHINE_ARM64 && (hasAt(p.data, arm64Magic, "ARM\x64") || hasAt(p.data, zbootMagic, "zimg")):
	default:
		return nil, fmt.Errorf("is an EFI program, but no %s Linux kernel", machineName(machine))
	}
	return p, nil
}

func hasAt(data []byte, offset int, magic string) bool {
	return len(data) >= offset && bytes.HasPrefix(data[offset:], []byte(magic))
}

func isBzImage(data []byte) bool { return len(data) >= bzHeaderEnd && hasAt(data, bzMagic, "HdrS") }

// maxCmdline is how many bytes of a command line the kernel takes; it drops
// the rest without a word.
func maxCmdline(kernel []byte) int {
	if isBzImage(kernel) {
		return int(binary.LittleEndian.Uint32(kernel[bzCmdlineSize:]))
	}
	return 2047 // COMMAND_LINE_SIZE of arm64, less the final NUL
}

// Uname returns the release of a kernel image, as `uname -r` prints it once
// the kernel runs. It knows bzImage and uncompressed Image files.
func Uname(kernel tree.Content) (string, error) {
	data, err := tree.ReadAll(kernel)
	if err != nil {
		return "", fmt.Errorf("read the release of a kernel: %w", err)
	}
	r, err := release(data)
	if err != nil {
		return "", fmt.Errorf("read the release of a kernel: %w", err)
	}
	return r, nil
}

var (
	bzRelease = regexp.MustCompile(`^([0-9][A-Za-z0-9._+~-]*) \(`)
	banner    = regexp.MustCompile(`Linux version ([0-9][A-Za-z0-9._+~-]*) \(`)
)

func release(kernel []byte) (string, error) {
	var m [][]byte
	if isBzImage(kernel) {
		if start := int(binary.LittleEndian.Uint16(kernel[bzKernelVersion:])) + bzVersionBase; start < len(kernel) {
			m = bzRelease.FindSubmatch(kernel[start:])
		}
	} else {
		m = banner.FindSubmatch(kernel)
	}
	if m == nil {
		return "", errors.New("it does not tell its release (is it compressed?), so it must be given")
	}
	return string(m[1]), nil
}
