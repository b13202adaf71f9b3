// Package image is the manifest of a finished image: what was built, from
// what, how to start it and what to check. It is the contract between the
// builder and everything that uses images (`bocaditos run`, vic, pipelines),
// so it knows no recipe and no builder. docs/manifest.md describes the file.
package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Format is the version of the manifest's own format. It grows when a reader
// of the old one would be misled; new optional keys do not change it.
const Format = 1

// FileName is the manifest's name in an image's directory.
const FileName = "manifest.json"

// Kind is what an artifact is.
type Kind string

// The artifact kinds.
const (
	Disk     Kind = "disk"     // a whole GPT disk, bootable by UEFI
	UKI      Kind = "uki"      // the unified kernel image alone
	Root     Kind = "root"     // the root filesystem, content of the root partition
	Verity   Kind = "verity"   // its dm-verity hash tree, content of the verity partition
	RootHash Kind = "roothash" // the root hash as text, where systemd-dissect looks for it
	Kernel   Kind = "kernel"   // the kernel, for direct boot
	Initrd   Kind = "initrd"   // the initrd, for direct boot
	Config   Kind = "config"   // the kernel's configuration, as /proc/config.gz has it
	Origins  Kind = "origins"  // where each path of the root came from, one JSON object a line
)

// A Manifest describes one version of one image.
type Manifest struct {
	Format       int        `json:"format"`
	ID           string     `json:"id"`
	Version      string     `json:"version"`
	Architecture string     `json:"architecture"` // "x86-64" or "arm64", as systemd spells them
	Epoch        int64      `json:"epoch"`        // the one time stamp of the image, seconds since 1970
	Kinds        []string   `json:"systemKinds"`  // which systems it can serve: "efi", "kernel"
	Artifacts    []Artifact `json:"artifacts"`
	Boot         Boot       `json:"boot"`
	RootFS       RootFS     `json:"root"`
	State        State      `json:"state,omitzero"` // zero: /var is in memory
	Packages     []Package  `json:"packages"`
	Units        []Unit     `json:"units"`
	Credentials  []string   `json:"credentials"` // system credentials that something in it reads; "*" is any text
	Lock         string     `json:"lock"`        // SHA-256 of the lock file it was built from
}

// An Artifact is one file in the image's directory.
type Artifact struct {
	Kind   Kind   `json:"kind"`
	File   string `json:"file"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Boot is what starts the image.
type Boot struct {
	Form         string      `json:"form"` // "partitions"
	Kernel       string      `json:"kernel"`
	KernelBuild  KernelBuild `json:"kernelBuild,omitzero"` // zero: the kernel is a package's
	CommandLine  string      `json:"commandLine"`
	OnCorruption string      `json:"onCorruption"` // "reboot" or "halt"
}

// KernelBuild is what the kernel was made of, for this image.
type KernelBuild struct {
	Source   string   `json:"source"`   // "linux-source-6.12 6.12.30-1"
	Compiler string   `json:"compiler"` // as it names itself: "gcc (Debian 14.2.0-19) 14.2.0"
	Settings []string `json:"settings"` // what was asked for: "EROFS_FS=y"
}

// RootFS is the root filesystem and how dm-verity opens it.
type RootFS struct {
	Format         string `json:"format"`
	Hash           string `json:"hash"` // dm-verity root hash, hex
	Salt           string `json:"salt"`
	VerityUUID     string `json:"verityUUID"`
	DataBlocks     uint64 `json:"dataBlocks"` // of 4096 bytes
	RootPartUUID   string `json:"rootPartUUID"`
	VerityPartUUID string `json:"verityPartUUID"`
}

// State is the partition that the image makes for itself at its first boot.
type State struct {
	MinBytes int64  `json:"minBytes"`
	MaxBytes int64  `json:"maxBytes"` // 0: all that is free on the disk
	Format   string `json:"format"`   // "ext4" or "btrfs"
	TPM      bool   `json:"tpm"`      // encrypted, with a key that only the machine's TPM has
}

// A Package is something installed in the root.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	Bytes        int64  `json:"bytes"` // its file content in the root
}

// A Unit is a service that the system starts, and what `systemd-analyze security`
// says of it.
type Unit struct {
	Name     string  `json:"name"`
	Package  string  `json:"package"`  // that ships it; "recipe" or "vendor" (Bocaditos) where none does
	Exposure float64 `json:"exposure"` // 0.0 to 10.0, the most exposed
	Rating   string  `json:"rating"`   // systemd's word for it
}

// File returns the artifact of that kind, or an error that names those there are.
func (m *Manifest) File(kind Kind) (Artifact, error) {
	var have []string
	for _, a := range m.Artifacts {
		if a.Kind == kind {
			return a, nil
		}
		have = append(have, string(a.Kind))
	}
	return Artifact{}, fmt.Errorf("image %s_%s has no %s, only %s", m.ID, m.Version, kind, strings.Join(have, ", "))
}

// Read reads the manifest of the image in dir.
func Read(dir string) (*Manifest, error) {
	file := filepath.Join(dir, FileName)
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read image manifest: %w", err)
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("read image manifest %s: %w", file, err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("read image manifest %s: format %d is not the format %d that this version reads", file, m.Format, Format)
	}
	for _, a := range m.Artifacts {
		if a.File != filepath.Base(a.File) || !filepath.IsLocal(a.File) {
			return nil, fmt.Errorf("read image manifest %s: artifact %q is not a file name", file, a.File)
		}
	}
	return m, nil
}

// Encode is the manifest as the bytes of manifest.json.
func (m *Manifest) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// Describe makes the artifact of a finished file: its size and digest.
func Describe(kind Kind, file string) (Artifact, error) {
	f, err := os.Open(file)
	if err != nil {
		return Artifact{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Artifact{}, fmt.Errorf("digest %s: %w", file, err)
	}
	return Artifact{Kind: kind, File: filepath.Base(file), Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// Check compares the files in dir with the manifest and names each one that is
// missing or differs. It reads every byte.
func (m *Manifest) Check(dir string) error {
	var errs []error
	for _, a := range m.Artifacts {
		got, err := Describe(a.Kind, filepath.Join(dir, a.File))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			errs = append(errs, fmt.Errorf("%s is missing", a.File))
		case err != nil:
			errs = append(errs, err)
		case got != a:
			errs = append(errs, fmt.Errorf("%s is not the file that was built: %d bytes, SHA-256 %s; the manifest says %d, %s", a.File, got.Size, got.SHA256, a.Size, a.SHA256))
		}
	}
	return errors.Join(errs...)
}

// Sums is the content of SHA256SUMS: what `sha256sum --check` reads, sorted by
// file name.
func (m *Manifest) Sums() []byte {
	list := slices.Clone(m.Artifacts)
	slices.SortFunc(list, func(a, b Artifact) int { return strings.Compare(a.File, b.File) })
	var b bytes.Buffer
	for _, a := range list {
		fmt.Fprintf(&b, "%s *%s\n", a.SHA256, a.File)
	}
	return b.Bytes()
}
