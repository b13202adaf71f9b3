// Package state makes the configuration with which systemd's own tools give an
// image a partition for what outlives a boot: systemd-repart makes it, var.mount
// mounts it at /var, journald writes to it, a factory reset empties it. It
// writes no partition itself.
//
// It follows repart.d(5) and, but for how the partition is found, the UAPI
// Group's Discoverable Partitions Specification.
package state

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"text/template"
)

//go:embed files
var files embed.FS

// Config describes the partition.
type Config struct {
	Prefix   string // where systemd lives: "/usr", or its directory in /nix/store
	Format   string // "ext4" or "btrfs"
	MinBytes int64
	MaxBytes int64 // 0: all the space there is
	TPM      bool  // encrypted, with a key in the machine's TPM
}

// Variable is the EFI variable that asks for a factory reset, as efivarfs names
// it: systemd's name with systemd's vendor UUID.
const Variable = "FactoryReset-8cf2644b-4b0b-428f-9387-6d876050dc67"

// Device is what is mounted at /var, see 61-bocaditos-state.rules.
func (c Config) Device() string {
	if c.TPM {
		return "/dev/mapper/state"
	}
	return "/dev/bocaditos/state"
}

// DeviceUnit is Device as the instance of a unit.
func (c Config) DeviceUnit() string {
	if c.TPM {
		return "dev-mapper-state"
	}
	return "dev-bocaditos-state"
}

func (Config) Variable() string { return Variable }

// Files are the configuration files, by path, in the prefix.
func (c Config) Files() (map[string]string, error) {
	result := map[string]string{}
	err := fs.WalkDir(files, "files", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		t, err := template.ParseFS(files, name)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, c); err != nil {
			return err
		}
		if b.Len() > 0 { // what this configuration does not need is empty
			result[path.Join(c.Prefix, name[len("files/"):])] = b.String()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make the configuration of the state partition: %w", err)
	}
	return result, nil
}

// A Need is a file that the configuration does not work without, as a path in
// the prefix in which "*" stands for one directory, and the package of Debian 13 that has it.
type Need struct{ File, Package string }

// Needs are the files that must be in the image.
func (c Config) Needs() []Need {
	needs := []Need{
		{"bin/systemd-repart", "systemd-repart"},
		{"lib/systemd/systemd-udevd", "udev"},
		{"sbin/modprobe", "kmod"},
		{"bin/cat", "coreutils"}, // and echo
	}
	switch c.Format {
	case "ext4":
		needs = append(needs, Need{"sbin/mkfs.ext4", "e2fsprogs"}, Need{"sbin/fsck", "util-linux"})
	case "btrfs":
		needs = append(needs, Need{"sbin/mkfs.btrfs", "btrfs-progs"})
	}
	if c.TPM {
		// systemd loads the libraries when it finds them, so no package asks for them.
		needs = append(needs,
			Need{"bin/systemd-cryptsetup", "systemd-cryptsetup"},
			Need{"lib/*/libtss2-esys.so.0", "libtss2-esys-3.0.2-0t64"},
			Need{"lib/*/libtss2-mu.so.0", "libtss2-mu-4.0.1-0t64"},
			Need{"lib/*/libtss2-rc.so.0", "libtss2-rc0t64"},
			Need{"lib/*/libtss2-tcti-device.so.0", "libtss2-tcti-device0t64"},
		)
	}
	return needs
}
