package uki_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/uki"
)

// optionalHeader returns where it starts in a PE program.
func optionalHeader(t testing.TB, program []byte) int {
	t.Helper()
	if len(program) < 0x40 {
		t.Fatal("no PE program")
	}
	return int(binary.LittleEndian.Uint32(program[0x3c:])) + 24
}

// huge is content that claims a size and cannot be read.
type huge int64

func (h huge) Size() int64                { return int64(h) }
func (huge) Open() (io.ReadCloser, error) { return nil, errors.New("must not be read") }
func (huge) ID() string                   { return "huge" }

// short has less than it claims.
type short struct{ tree.Content }

func (s short) Size() int64 { return s.Content.Size() + 1 }

func TestBuildRefuses(t *testing.T) {
	good := config(t, "amd64")
	arm := config(t, "arm64")
	stub, kernel := read(t, good.Stub), read(t, good.Kernel)
	patched := func(data []byte, offset int, value ...byte) tree.Content {
		data = bytes.Clone(data)
		copy(data[offset:], value)
		return tree.Bytes(data)
	}
	opt := optionalHeader(t, stub)
	addon := hostFile(t, debiantest.Unpacked(t, "amd64", "systemd-boot-efi"), "usr/lib/systemd/boot/efi/addonx64.efi.stub")
	ia32 := hostFile(t, debiantest.Unpacked(t, "i386", "systemd-boot-efi"), "usr/lib/systemd/boot/efi/linuxia32.efi.stub")
	boot := hostFile(t, debiantest.Unpacked(t, "amd64", "systemd-boot-efi"), "usr/lib/systemd/boot/efi/systemd-bootx64.efi")

	for _, tt := range []struct {
		name   string
		change func(*uki.Config)
		want   string
	}{
		{"no stub", func(c *uki.Config) { c.Stub = nil }, "stub: none given"},
		{"empty stub", func(c *uki.Config) { c.Stub = tree.String("") }, "stub: is no EFI program: it is empty"},
		{"truncated stub", func(c *uki.Config) { c.Stub = tree.Bytes(stub[:len(stub)-1]) }, "stub: is truncated: section .reloc ends at byte"},
		{"half a stub header", func(c *uki.Config) { c.Stub = tree.Bytes(stub[:opt+20]) }, "stub: is a damaged EFI program"},
		{"PE32", func(c *uki.Config) { c.Stub = ia32 }, "stub: is not a 64-bit EFI program"},
		{"Windows program", func(c *uki.Config) { c.Stub = patched(stub, opt+68, 3) }, "stub: is a program, but not for EFI"},
		{"unknown machine", func(c *uki.Config) { c.Stub = patched(stub, opt-20, 0x64, 0x50) }, "stub: is for a machine (0x5064) that is neither"},
		{"signed stub", func(c *uki.Config) { c.Stub = signed(t, stub) }, "stub: is signed"},
		{"addon stub", func(c *uki.Config) { c.Stub = addon }, "stub: is not systemd-stub"},
		{"boot loader as stub", func(c *uki.Config) { c.Stub = boot }, "stub: is not systemd-stub"},
		{"UKI as stub", func(c *uki.Config) { c.Stub = tree.Bytes(build(t, good)) }, "stub: has a .osrel section"},
		{"stub with a tail", func(c *uki.Config) { c.Stub = tree.Bytes(append(bytes.Clone(stub), 1)) }, "stub: has 1 bytes after its last section"},
		{"small headers", func(c *uki.Config) { c.Stub = patched(stub, opt+60, 0, 2) }, "stub: has room for 0 more section headers, 5 are needed"},
		{"unaligned stub", func(c *uki.Config) { c.Stub = patched(stub, opt+240+20, 1) }, "stub: has an unaligned section .text"},
		{"overlapping stub", func(c *uki.Config) { c.Stub = patched(stub, opt+240+40+20, 0x00, 0x0e, 0x01) }, "stub: has section .rodata in an unexpected place"},
		{"no kernel", func(c *uki.Config) { c.Kernel = nil }, "kernel: none given"},
		{"text as kernel", func(c *uki.Config) { c.Kernel = tree.String("no kernel") }, "kernel: is no EFI program: it does not start with MZ"},
		{"gzip kernel", func(c *uki.Config) { c.Kernel = tree.String("\x1f\x8b\x08") }, "kernel: is no EFI program: it is compressed with gzip"},
		{"vmlinux", func(c *uki.Config) { c.Kernel = tree.String("\x7fELF") }, "it is an ELF file"},
		{"boot loader as kernel", func(c *uki.Config) { c.Kernel = boot }, "kernel: is an EFI program, but no amd64 Linux kernel"},
		{"truncated kernel", func(c *uki.Config) { c.Kernel = tree.Bytes(kernel[:5<<20]) }, "kernel: is truncated"},
		{"foreign kernel", func(c *uki.Config) { c.Kernel = arm.Kernel }, "kernel: is for machine 0xaa64, the stub for 0x8664 (amd64)"},
		{"kernel without release", func(c *uki.Config) { c.Kernel = patched(kernel, 0x20e, 0xff, 0xff) }, "kernel: it does not tell its release"},
		{"bad release", func(c *uki.Config) { c.Uname = "6.1 mine" }, `kernel release "6.1 mine"`},
		{"empty initrd", func(c *uki.Config) { c.Initrd = tree.String("") }, "section .initrd is empty"},
		{"4 GiB initrd", func(c *uki.Config) { c.Initrd = huge(4 << 30) }, "section .initrd of 4294967296 bytes does not fit"},
		{"almost 4 GiB initrd", func(c *uki.Config) { c.Initrd = huge(4<<30 - 1) }, "section .initrd of 4294967295 bytes does not fit"},
		{"exabyte initrd", func(c *uki.Config) { c.Initrd = huge(1<<63 - 1) }, "does not fit"},
		{"initrd shorter than announced", func(c *uki.Config) { c.Initrd = short{tree.String("x")} }, "section .initrd: content is not as long as announced (2 bytes)"},
		{"empty command line", func(c *uki.Config) { c.Cmdline = "" }, "command line: is empty"},
		{"blank command line", func(c *uki.Config) { c.Cmdline = " \n" }, "command line: is empty"},
		{"two command lines", func(c *uki.Config) { c.Cmdline = "a\nb" }, "command line: has a control character"},
		{"long command line", func(c *uki.Config) { c.Cmdline = strings.Repeat("x", 2048) }, "command line: has 2048 bytes; this kernel takes 2047"},
		{"no os-release", func(c *uki.Config) { c.OSRelease = "" }, "os-release: has no ID= line"},
		{"os-release with only other ids", func(c *uki.Config) { c.OSRelease = "VERSION_ID=1\n#ID=a\nID=Two Words\n" }, "os-release: has no ID= line"},
		{"bad SBAT", func(c *uki.Config) { c.SBAT = "mine,1" }, `SBAT: line "mine,1" has 2 of the six fields`},
		{"SBAT generation", func(c *uki.Config) { c.SBAT = "mine,0,a,b,c,d" }, "a generation of 1 or more"},
		{"long SBAT", func(c *uki.Config) { c.SBAT = strings.Repeat(extraLine+"\n", 9) }, "do not fit into the 512 of the stub's section"},
		{"unknown section", func(c *uki.Config) { c.Extra = []uki.Section{{Name: ".text", Data: tree.String("x")}} }, `section ".text" is not one of .dtb`},
		{"section with own field", func(c *uki.Config) { c.Extra = []uki.Section{{Name: ".linux", Data: tree.String("x")}} }, `section ".linux" is not one of`},
		{"section twice", func(c *uki.Config) {
			c.Extra = []uki.Section{{Name: ".dtb", Data: tree.String("x")}, {Name: ".dtb", Data: tree.String("y")}}
		}, "section .dtb is there twice"},
		{"section without data", func(c *uki.Config) { c.Extra = []uki.Section{{Name: ".dtb"}} }, "section .dtb has no data"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			var out bytes.Buffer
			err := uki.Build(&out, c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if out.Len() > 0 && strings.HasPrefix(err.Error(), "build UKI") {
				t.Errorf("wrote %d bytes before refusing", out.Len())
			}
		})
	}
}

// signed returns the program with a signature by a key made for this test.
func signed(t *testing.T, program []byte) tree.Content {
	t.Helper()
	dir := t.TempDir()
	key, cert := newKey(t, dir)
	out := filepath.Join(dir, "signed")
	debiantest.Run(t, "sbsign", "--key", key, "--cert", cert, "--output", out, write(t, "unsigned", program))
	return hostFile(t, out)
}

func newKey(t *testing.T, dir string) (key, cert string) {
	t.Helper()
	key, cert = filepath.Join(dir, "key"), filepath.Join(dir, "cert")
	debiantest.Run(t, "openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", key, "-out", cert)
	return key, cert
}

func TestInspectRefuses(t *testing.T) {
	image := build(t, config(t, "amd64"))
	for name, data := range map[string][]byte{
		"nothing":   nil,
		"text":      []byte("MZ but no program"),
		"truncated": image[:len(image)-4096],
	} {
		if _, err := uki.Inspect(bytes.NewReader(data)); err == nil || !strings.HasPrefix(err.Error(), "inspect UKI: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzHeaders changes bytes of the stub: whatever they are, Build must
// answer with an error or an image, not with a crash.
func FuzzHeaders(f *testing.F) {
	c := config(f, "amd64")
	stub := read(f, c.Stub)
	f.Add(uint16(0x3c), uint32(0xffffffff))
	f.Add(uint16(optionalHeader(f, stub)-4), uint32(0))
	f.Add(uint16(optionalHeader(f, stub)+240+20), uint32(0xfffffe00))
	f.Fuzz(func(t *testing.T, offset uint16, value uint32) {
		data := bytes.Clone(stub)
		if int(offset)+4 > len(data) {
			return
		}
		binary.LittleEndian.PutUint32(data[offset:], value)
		c := c
		c.Stub = tree.Bytes(data)
		uki.Build(io.Discard, c)
		uki.Inspect(bytes.NewReader(data))
	})
}
