package qemu

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// UEFI is a firmware image and the template of its variables. Each machine
// gets its own copy of the variables, which ends with it.
type UEFI struct {
	Code, Vars string
}

// FindUEFI returns the firmware that the host has for machines of arch, one
// without Secure Boot. It reads the descriptors that firmware packages install
// for that purpose (QEMU's docs/interop/firmware.json).
func FindUEFI(arch string) (UEFI, error) {
	return findUEFI(arch, "/etc/qemu/firmware", "/usr/share/qemu/firmware")
}

// findUEFI looks through directories of descriptors; a file in an earlier one
// replaces the one of the same name in a later one.
func findUEFI(name string, dirs ...string) (UEFI, error) {
	a, ok := arches[name]
	if !ok {
		return UEFI{}, fmt.Errorf("find UEFI firmware: unknown architecture %q", name)
	}
	files := map[string]string{}
	var names []string
	for _, dir := range dirs {
		found, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, file := range found {
			if base := filepath.Base(file); files[base] == "" {
				files[base] = file
				names = append(names, base)
			}
		}
	}
	slices.Sort(names) // they start with a number: the preferred come first
	for _, base := range names {
		d, err := readDescriptor(files[base])
		if err != nil {
			return UEFI{}, fmt.Errorf("find UEFI firmware: %w", err)
		}
		if u, ok := d.uefi(a); ok {
			return u, nil
		}
	}
	return UEFI{}, fmt.Errorf("no UEFI firmware for %s found: install the package %s", name, a.firmwarePackage)
}

type descriptor struct {
	InterfaceTypes []string `json:"interface-types"`
	Mapping        struct {
		Device string
		Mode   string
		Code   flash `json:"executable"`
		Vars   flash `json:"nvram-template"`
	}
	Targets []struct {
		Architecture string
		Machines     []string
	}
	Features []string
}

type flash struct{ Filename, Format string }

func readDescriptor(file string) (*descriptor, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return &descriptor{}, nil // how an administrator hides one
	}
	d := &descriptor{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// uefi returns the firmware if it suits machines of a.
func (d *descriptor) uefi(a arch) (UEFI, bool) {
	if !slices.Contains(d.InterfaceTypes, "uefi") || d.Mapping.Device != "flash" ||
		d.Mapping.Code.Format != "raw" || d.Mapping.Vars.Format != "raw" {
		return UEFI{}, false
	}
	for _, unwanted := range []string{"requires-smm", "secure-boot", "enrolled-keys"} {
		if slices.Contains(d.Features, unwanted) {
			return UEFI{}, false
		}
	}
	for _, t := range d.Targets {
		for _, pattern := range t.Machines {
			if ok, _ := path.Match(pattern, a.versions); ok && t.Architecture == a.firmware {
				return UEFI{d.Mapping.Code.Filename, d.Mapping.Vars.Filename}, true
			}
		}
	}
	return UEFI{}, false
}
