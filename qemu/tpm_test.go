package qemu_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/qemu"
)

// The directory is made, and the next machine can use it at once, also after
// one that was killed.
func TestTPM(t *testing.T) {
	k := linux(t, "amd64")
	dir := filepath.Join(t.TempDir(), "tpm, state")
	for _, end := range []string{"off", "kill", "off"} {
		g := boot(t, qemu.Machine{Kernel: k, TPM: dir})
		g.mustRun("tpm", "20 bytes: 800100000014000000000008")
		if end == "off" {
			g.off()
		} else {
			g.Kill()
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		t.Errorf("the TPM's memory holds %v, %v", entries, err)
	}
}

func TestNoTPM(t *testing.T) {
	g := boot(t, qemu.Machine{Kernel: linux(t, "amd64")})
	g.mustRun("tpm", "error: open /dev/tpm0: no such file or directory")
	g.off()
}

func TestTPMOfAnotherMachine(t *testing.T) {
	dir := t.TempDir()
	start(t, qemu.Machine{Arch: "amd64", Kernel: halted(t), TPM: dir})
	_, err := qemu.Start(t.Context(), qemu.Machine{Arch: "amd64", Kernel: halted(t), TPM: dir})
	if err == nil || !strings.HasSuffix(err.Error(), dir+" is that of another machine, which runs") {
		t.Errorf("a second machine with that TPM: %v", err)
	}
}

func TestTPMThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tpm2-00.permall"), []byte("not the memory of a TPM"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := qemu.Start(t.Context(), qemu.Machine{Arch: "amd64", Kernel: halted(t), TPM: dir})
	if err == nil || !strings.Contains(err.Error(), "swtpm: Error: Could not initialize the TPM") {
		t.Errorf("with a broken memory: %v", err)
	}
}

// A disk keeps its machine, whatever way its path is written; others have others.
func TestUUID(t *testing.T) {
	k := linux(t, "amd64")
	one, other := disk(t, "one"), disk(t, "other")
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(working, one)
	if err != nil {
		t.Fatal(err)
	}
	uuid := func(m qemu.Machine) string {
		m.Kernel = k
		g := boot(t, m)
		defer g.off()
		return g.run("uuid")
	}
	first := uuid(qemu.Machine{Drives: []qemu.Drive{{File: one}}})
	if len(first) != 36 || strings.HasPrefix(first, "00000000") {
		t.Errorf("UUID %q", first)
	}
	if again := uuid(qemu.Machine{Drives: []qemu.Drive{{File: relative}, {File: other}}}); again != first {
		t.Errorf("the disk's machine was %s and is %s", first, again)
	}
	if second := uuid(qemu.Machine{Drives: []qemu.Drive{{File: other}}}); second == first {
		t.Error("two disks have one machine")
	}
	const given = "01234567-89ab-cdef-0123-456789abcdef"
	if got := uuid(qemu.Machine{UUID: given, Drives: []qemu.Drive{{File: one}}}); got != given {
		t.Errorf("UUID %s, want %s", got, given)
	}
}
