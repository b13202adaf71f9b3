// Package initrd writes the initrd of an image: a newc archive, compressed
// with zstd, that holds one static program (see initrd/init), the modules it
// loads, and what it must know about the root. Its bytes depend on its Config
// only.
//
// The format is the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
package initrd

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/klauspost/compress/zstd"
)

// Config is all that goes into an initrd.
type Config struct {
	Init    []byte // the program, see InitBinary
	Root    Root
	Modules []Module // in load order; none for a kernel with all that is needed built in
}

// Root says which root to boot and how to verify it.
type Root struct {
	// Hash is verity's root hash, 32 to 64 bytes. The disk is found by it:
	// its first 128 bits are the UUID of the root's partition, its last 128
	// bits that of the verity partition.
	Hash []byte
	// Superblock is the first 512 bytes of the verity partition. Salt, block
	// sizes, number of blocks and algorithm are taken from this copy; a
	// different one on the disk is refused.
	Superblock []byte
	// DataType and HashType are the partition types the two must have, from
	// the Discoverable Partitions Specification.
	DataType, HashType string
	// OnCorruption says what happens when a block does not verify, and when
	// the boot fails before.
	OnCorruption Policy
	// Wait is how long to wait for the disk, in whole seconds up to an hour.
	Wait time.Duration
	// Name is that of the device-mapper device.
	Name string
	// Next is the program to start in the root, an absolute path there.
	Next string
	// Modules is the directory in the root whose lib/modules has the kernel's
	// modules, where that is not the root itself: the init links
	// /run/booted-system/kernel-modules to it, where nixpkgs' libkmod looks.
	Modules string
}

// Policy is what to do with a root that cannot be verified.
type Policy string

// The policies. Neither starts a shell, neither goes on.
const (
	Reboot Policy = "reboot"
	Halt   Policy = "halt"
)

// A Module is a kernel module to load.
type Module struct {
	Name     string // as lsmod prints it
	Data     []byte // the decompressed .ko file
	Required bool   // the boot ends when it cannot be loaded
	// Needs are the names of those that this one cannot be loaded without. They
	// come before it; where one of them could not be loaded it is not tried.
	Needs []string
}

var (
	uuidPattern   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	modulePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// normalize checks c and brings UUIDs into the form that init compares.
func (c *Config) normalize() error {
	r := &c.Root
	r.DataType, r.HashType = strings.ToLower(r.DataType), strings.ToLower(r.HashType)
	switch {
	case len(c.Init) == 0:
		return errors.New("no init program")
	case len(r.Hash) < 32 || len(r.Hash) > 64:
		return fmt.Errorf("root hash of %d bytes, need 32 to 64", len(r.Hash))
	case len(r.Superblock) != 512 || string(r.Superblock[:8]) != "verity\x00\x00":
		return errors.New("not a verity superblock of 512 bytes")
	case !uuidPattern.MatchString(r.DataType):
		return fmt.Errorf("partition type of the root %q is not a UUID", r.DataType)
	case !uuidPattern.MatchString(r.HashType):
		return fmt.Errorf("partition type of the verity data %q is not a UUID", r.HashType)
	case r.OnCorruption != Reboot && r.OnCorruption != Halt:
		return fmt.Errorf("policy on corruption %q is neither %s nor %s", r.OnCorruption, Reboot, Halt)
	case r.Wait < time.Second || r.Wait > time.Hour || r.Wait%time.Second != 0:
		return fmt.Errorf("waiting time %s is not between 1 s and 1 h in whole seconds", r.Wait)
	case r.Name == "" || len(r.Name) > 64 || !modulePattern.MatchString(r.Name):
		return fmt.Errorf("device-mapper name %q: need 1 to 64 letters, digits, dashes or underscores", r.Name)
	case !strings.HasPrefix(r.Next, "/") || strings.ContainsAny(r.Next, "\n\x00"):
		return fmt.Errorf("program to start %q is not an absolute path", r.Next)
	case r.Modules != "" && (!strings.HasPrefix(r.Modules, "/") || strings.ContainsAny(r.Modules, "\n\x00")):
		return fmt.Errorf("directory of modules %q is not an absolute path", r.Modules)
	}
	seen := map[string]bool{}
	for _, m := range c.Modules {
		if !modulePattern.MatchString(m.Name) {
			return fmt.Errorf("module name %q is not letters, digits, dashes and underscores", m.Name)
		}
		if seen[m.Name] {
			return fmt.Errorf("module %s twice", m.Name)
		}
		seen[m.Name] = true
	}
	for _, m := range c.Modules {
		for _, need := range m.Needs {
			if !seen[need] {
				return fmt.Errorf("module %s needs %s, which is not there", m.Name, need)
			}
		}
	}
	return nil
}

// Write writes the initrd.
func Write(w io.Writer, c Config) error {
	if err := c.normalize(); err != nil {
		return fmt.Errorf("write initrd: %w", err)
	}
	// One encoder, one frame: the bytes do not depend on the number of cores.
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("write initrd: %w", err)
	}
	if err := writeArchive(z, c); err != nil {
		z.Close()
		return fmt.Errorf("write initrd: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write initrd: %w", err)
	}
	return nil
}

func writeArchive(w io.Writer, c Config) error {
	a := archive{w: cpio.NewWriter(w)}
	a.dir("dev")
	// Go's runtime opens this when the kernel found no console for process 1,
	// and gives up without. A plain file will do until devtmpfs is mounted;
	// /dev/console comes with the kernel's own built-in archive.
	a.file("dev/null", 0o666, nil)
	a.dir("etc")
	a.dir("etc/bocaditos")
	if len(c.Modules) > 0 {
		a.file("etc/bocaditos/modules", 0o444, moduleList(c.Modules))
	}
	a.file("etc/bocaditos/root", 0o444, c.Root.settings())
	a.file("init", 0o755, c.Init)
	if len(c.Modules) > 0 {
		a.dir("lib")
		a.dir("lib/modules")
	}
	for _, m := range c.Modules {
		a.file(modulePath(m.Name), 0o444, m.Data)
	}
	if a.err != nil {
		return a.err
	}
	return a.w.Close()
}

func modulePath(name string) string { return "lib/modules/" + name + ".ko" }

// moduleList is /etc/bocaditos/modules.
func moduleList(modules []Module) []byte {
	var b strings.Builder
	for _, m := range modules {
		how := "optional"
		if m.Required {
			how = "required"
		}
		fmt.Fprintf(&b, "%s /%s", how, modulePath(m.Name))
		for _, need := range m.Needs {
			b.WriteString(" /" + modulePath(need))
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// settings is /etc/bocaditos/root.
func (r Root) settings() []byte {
	var b strings.Builder
	for _, kv := range [][2]string{
		{"root-hash", hex.EncodeToString(r.Hash)},
		{"superblock", hex.EncodeToString(r.Superblock)},
		{"root-type", r.DataType},
		{"verity-type", r.HashType},
		{"on-corruption", string(r.OnCorruption)},
		{"wait", fmt.Sprint(int(r.Wait / time.Second))},
		{"name", r.Name},
		{"exec", r.Next},
		{"modules", r.Modules},
	} {
		if kv[1] == "" {
			continue
		}
		fmt.Fprintf(&b, "%s %s\n", kv[0], kv[1])
	}
	return []byte(b.String())
}

// archive writes entries that belong to root and have no time. The first
// error sticks.
type archive struct {
	w   *cpio.Writer
	err error
}

func (a *archive) dir(name string) { a.entry(name, cpio.TypeDir|0o755, 2, nil) }

func (a *archive) file(name string, mode cpio.FileMode, data []byte) {
	a.entry(name, cpio.TypeReg|mode, 1, data)
}

func (a *archive) entry(name string, mode cpio.FileMode, links int, data []byte) {
	if a.err == nil {
		a.err = a.w.WriteHeader(&cpio.Header{Name: name, Mode: mode, Links: links, Size: int64(len(data))})
	}
	if a.err == nil && len(data) > 0 {
		_, a.err = a.w.Write(data)
	}
}
