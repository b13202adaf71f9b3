package recipe

import "runtime"

// Arch is a CPU architecture, as systemd spells it.
type Arch string

// The architectures images are built for.
const (
	X8664 Arch = "x86-64"
	ARM64 Arch = "arm64"
)

func (Arch) Enum() []string { return []string{string(X8664), string(ARM64)} }

// Aliases are the names that Debian, the kernel and compilers use.
func (Arch) Aliases() map[string]string {
	return map[string]string{"amd64": string(X8664), "x86_64": string(X8664), "x64": string(X8664), "aarch64": string(ARM64)}
}

// HostArch is the architecture this program runs on, or "" if no images are
// built for it.
func HostArch() Arch {
	return map[string]Arch{"amd64": X8664, "arm64": ARM64}[runtime.GOARCH]
}

// Source is where packages come from.
type Source string

// The sources of packages.
const (
	SourceDebian Source = "debian"
	SourceNix    Source = "nix"
)

func (Source) Enum() []string { return []string{string(SourceDebian), string(SourceNix)} }

// RootFormat is the format of the root filesystem.
type RootFormat string

// The formats of root filesystems.
const EROFS RootFormat = "erofs"

func (RootFormat) Enum() []string { return []string{string(EROFS)} }

// StateFormat is the format of the state partition.
type StateFormat string

// The formats of the state partition.
const (
	Ext4  StateFormat = "ext4"
	Btrfs StateFormat = "btrfs"
)

func (StateFormat) Enum() []string { return []string{string(Ext4), string(Btrfs)} }

// Encryption is what opens an encrypted partition.
type Encryption string

// TPM is the security chip of the machine: no other machine can open it.
const TPM Encryption = "tpm"

func (Encryption) Enum() []string { return []string{string(TPM)} }

// BootForm is where the root filesystem is when the image boots.
type BootForm string

// Partitions is a GPT disk with an ESP, a root and a verity partition.
const Partitions BootForm = "partitions"

func (BootForm) Enum() []string { return []string{string(Partitions)} }

// OnCorruption is what the kernel does when the root is not what was built.
type OnCorruption string

// What can be done about corruption: to go on is not among it.
const (
	Reboot OnCorruption = "reboot"
	Halt   OnCorruption = "halt"
)

func (OnCorruption) Enum() []string { return []string{string(Reboot), string(Halt)} }

// Kind is a kind of file that a build writes.
type Kind string

// The kinds of output.
const (
	Disk        Kind = "disk"   // a bootable GPT disk
	UKI         Kind = "uki"    // the unified kernel image alone
	RootImage   Kind = "root"   // the root filesystem alone
	Verity      Kind = "verity" // its hash tree alone
	KernelFiles Kind = "kernel" // kernel and initrd, for direct boot
)

func (Kind) Enum() []string {
	return []string{string(Disk), string(UKI), string(RootImage), string(Verity), string(KernelFiles)}
}
