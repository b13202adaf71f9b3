package main

import (
	"os"
	"testing"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/qemu"
)

func TestTPMOfAnImage(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	plain, encrypted := &image.Manifest{}, &image.Manifest{State: image.State{TPM: true}}
	for _, c := range []struct {
		name  string
		flags runFlags
		image *image.Manifest
		want  string
	}{
		{"not needed", runFlags{persistent: true}, plain, ""},
		{"asked for", runFlags{tpm: "chip"}, plain, "chip"},
		{"needed and given", runFlags{tpm: "chip", persistent: true}, encrypted, "chip"},
		{"of the disk", runFlags{persistent: true}, encrypted, "/out/box_1.raw.tpm"},
	} {
		m := qemu.Machine{Drives: []qemu.Drive{{File: "/out/box_1.raw"}}}
		if _, err := c.flags.addTPM(&m, c.image); err != nil || m.TPM != c.want {
			t.Errorf("%s: TPM in %q, %v; want %q", c.name, m.TPM, err, c.want)
		}
	}
	m := qemu.Machine{Drives: []qemu.Drive{{File: "/out/box_1.raw"}}}
	cleanUp, err := (&runFlags{}).addTPM(&m, encrypted)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(m.TPM); err != nil {
		t.Error(err)
	}
	cleanUp()
	if _, err := os.Stat(m.TPM); err == nil {
		t.Error("the TPM of a machine that kept nothing is left behind")
	}
}
