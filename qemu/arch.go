package qemu

import (
	"fmt"
	"os/exec"
)

// arch is what differs between architectures.
type arch struct {
	binary, binaryPackage string // and the Debian package that has it
	machine               string
	versions              string // a versioned name of machine, for firmware descriptors
	emulated              string // -cpu under TCG
	firmware              string // what firmware descriptors call it
	firmwarePackage       string
	tpm                   string // the device
	probe                 probe
}

var arches = map[string]arch{
	"amd64": {
		binary: "qemu-system-x86_64", binaryPackage: "qemu-system-x86",
		// Before QEMU 8.0, CMPXCHG16B leaves random flags behind, the trap flag
		// among them. Linux crashes or hangs if an interrupt comes just then: 6
		// of 25 boots of Debian's kernel, without the instruction none.
		machine: "q35", versions: "pc-q35-1.0", emulated: "max,-cx16",
		firmware: "x86_64", firmwarePackage: "ovmf",
		tpm:   "tpm-crb",
		probe: multibootProbe,
	},
	"arm64": {
		binary: "qemu-system-aarch64", binaryPackage: "qemu-system-arm",
		// Emulating the architected pointer authentication takes half the time.
		machine: "virt", versions: "virt-1.0", emulated: "max,pauth-impdef=on",
		firmware: "aarch64", firmwarePackage: "qemu-efi-aarch64",
		tpm:   "tpm-tis-device",
		probe: psciProbe,
	},
}

// findBinary returns the architecture and the path of its QEMU.
func findBinary(name string) (arch, string, error) {
	a, ok := arches[name]
	if !ok {
		return a, "", fmt.Errorf("no machine of architecture %q is known: amd64, arm64", name)
	}
	binary, err := exec.LookPath(a.binary)
	if err != nil {
		return a, "", fmt.Errorf("%s not found: install the package %s", a.binary, a.binaryPackage)
	}
	return a, binary, nil
}

// cpu returns what -cpu has to be.
func (a arch) cpu(accel string) string {
	if accel == KVM {
		return "host"
	}
	return a.emulated
}
