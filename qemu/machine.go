// Package qemu starts images in QEMU: it turns a description of a machine into
// QEMU's arguments, runs it so that it never outlives its parent, and talks to
// its console and its monitor (QMP). It leaves nothing behind: what QEMU needs
// beside the caller's files it gets through inherited file descriptors. It
// knows nothing of how images are built.
package qemu

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Machine describes a virtual machine. Arch and one of UEFI and Kernel are
// required.
type Machine struct {
	Name   string
	Arch   string // amd64 or arm64
	Accel  string // KVM or TCG, see Probe; empty: TCG, which works everywhere
	CPUs   int    // 0: 1
	Memory int64  // bytes, in whole MiB; 0: DefaultMemory

	// UUID is what the firmware says the machine is (SMBIOS); systemd makes the
	// machine ID of it. Empty: one that belongs to the first drive's file, by
	// its path, so that a disk keeps its machine; without drives there is none.
	UUID string
	// TPM is a directory with the memory of an emulated TPM 2.0, made if there
	// is none yet. Empty: no TPM. One machine at a time can use it.
	TPM string

	// UEFI is the firmware to boot with, nil for none: then Kernel is started
	// directly. With both, the firmware starts Kernel, which may be a UKI.
	UEFI   *UEFI
	Kernel *Kernel

	Drives      []Drive // the firmware tries them in this order
	Network     Network
	MAC         string    // of the network interface; empty: QEMU's own, the same for all machines
	Forwards    []Forward // need a network
	Credentials []Credential
	Channels    []Channel
	NoReboot    bool // a reboot of the guest ends QEMU
	Screen      bool // a VGA screen that only QMP sees (screendump); its keyboard is QMP's send-key. amd64 only

	// Terminal connects the console to a terminal, for a person: Ctrl-A X
	// ends QEMU, Ctrl-A H lists more. Nil: a program uses Running.Console.
	Terminal *Terminal
	// Log gets a copy of all console output, if there is no Terminal.
	Log io.Writer
}

// The accelerators: the kernel's virtualisation, and QEMU's own emulation.
const (
	KVM = "kvm"
	TCG = "tcg"
)

// DefaultMemory is enough for a small system without a desktop.
const DefaultMemory = 1 << 30

// Kernel is what to boot without a disk: a kernel or, under UEFI, also a UKI.
type Kernel struct {
	File    string
	Initrd  string // empty: none
	Cmdline string // anybody on the host can read it, so no secrets
}

// Interface is how a drive is attached.
type Interface string

// The interfaces of drives. In Linux a Virtio drive is /dev/vda and so on, an
// NVMe drive /dev/nvme0n1 and so on.
const (
	Virtio Interface = "virtio"
	NVMe   Interface = "nvme"
)

// Drive is a disk of the machine. What the guest writes is discarded when
// QEMU ends, unless Persistent is set.
type Drive struct {
	File       string
	Format     string    // raw, qcow2 or another that QEMU knows; empty: raw
	Interface  Interface // empty: Virtio
	Persistent bool      // writes go to File
	ReadOnly   bool      // the guest sees a drive it cannot write to
}

// Network is what the guest can reach.
type Network int

// The kinds of networks. Both real ones hide the guest behind the host's own
// connections, at 10.0.2.15, and need no privilege.
const (
	NoNetwork Network = iota
	UserNetwork
	IsolatedNetwork // forwards reach the guest, but the guest reaches nothing
)

// Channel is a further connection with the guest, to a file or a socket of
// the host.
type Channel struct {
	// Name is the virtio port, /dev/virtio-ports/NAME. Empty: a serial port,
	// /dev/ttyS1 and so on (amd64 only).
	Name string
	// File gets what the guest writes.
	File string
	// Socket is a Unix socket that QEMU listens on, instead of File.
	Socket string
}

// Terminal is the two ends of a terminal, usually os.Stdin and os.Stdout.
type Terminal struct{ In, Out *os.File }

func (m Machine) withDefaults() Machine {
	if m.Accel == "" {
		m.Accel = TCG
	}
	if m.CPUs == 0 {
		m.CPUs = 1
	}
	if m.Memory == 0 {
		m.Memory = DefaultMemory
	}
	if m.UUID == "" && len(m.Drives) > 0 {
		m.UUID = uuidFor(m.Drives[0].File)
	}
	return m
}

// uuidFor is the version 8 UUID (RFC 9562: the bits are the maker's) of the
// machine whose disk is file.
func uuidFor(file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		abs = file
	}
	u := sha256.Sum256([]byte("bocaditos machine\x00" + abs))
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// check finds what QEMU would not refuse, or not in words that help.
func (m Machine) check() error {
	if m.UEFI == nil && m.Kernel == nil {
		return errors.New("nothing to boot: neither firmware nor a kernel is given")
	}
	if m.Accel != KVM && m.Accel != TCG {
		return fmt.Errorf("unknown accelerator %q: it is %s or %s", m.Accel, KVM, TCG)
	}
	if m.CPUs < 0 {
		return fmt.Errorf("%d CPUs are too few", m.CPUs)
	}
	if m.Memory < 0 || m.Memory%(1<<20) != 0 {
		return fmt.Errorf("memory of %d bytes is not in whole MiB", m.Memory)
	}
	if m.Arch == "arm64" && m.UEFI == nil && len(m.Credentials) > 0 {
		return errors.New("credentials reach an arm64 machine only through UEFI firmware")
	}
	if m.Screen && m.Arch != "amd64" {
		return fmt.Errorf("%s machines have no VGA screen", m.Arch)
	}
	if m.Network == NoNetwork && len(m.Forwards) > 0 {
		return fmt.Errorf("cannot forward port %d: the machine has no network", m.Forwards[0].HostPort)
	}
	for _, d := range m.Drives {
		if d.Persistent && d.ReadOnly {
			return fmt.Errorf("drive %s is to be persistent and read-only", d.File)
		}
		if d.Interface != "" && drivers[d.Interface] == "" {
			return fmt.Errorf("drive %s: unknown interface %q", d.File, d.Interface)
		}
	}
	for _, c := range m.Channels {
		if (c.File == "") == (c.Socket == "") {
			return fmt.Errorf("channel %q needs a file or a socket", c.Name)
		}
		if strings.ContainsAny(c.Name, "/,") {
			return fmt.Errorf("channel %q: not a name", c.Name)
		}
		if c.Name == "" && m.Arch != "amd64" {
			return fmt.Errorf("%s machines have one serial port, so a channel needs a name", m.Arch)
		}
	}
	return nil
}
