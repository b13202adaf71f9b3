package uki_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/tree"
)

func TestObjdumpReadsIt(t *testing.T) {
	out := debiantest.Run(t, "objdump", "-h", write(t, "uki", build(t, config(t, "amd64"))))
	for _, name := range []string{".sdmagic", ".osrel", ".cmdline", ".uname", ".linux", ".initrd"} {
		if !strings.Contains(out, " "+name+" ") {
			t.Errorf("no section %s in:\n%s", name, out)
		}
	}
}

func TestCanBeSigned(t *testing.T) {
	image := tree.Bytes(build(t, config(t, "amd64")))
	dir := t.TempDir()
	key, cert := newKey(t, dir)
	out := filepath.Join(dir, "signed")
	unsigned := write(t, "uki", read(t, image))
	debiantest.Run(t, "sbsign", "--key", key, "--cert", cert, "--output", out, unsigned)
	debiantest.Run(t, "sbverify", "--cert", cert, out)

	data := read(t, hostFile(t, out))
	at := bytes.Index(data, []byte("console=ttyS0"))
	data[at] = 'C'
	if err := exec.Command("sbverify", "--cert", cert, write(t, "changed", data)).Run(); err == nil {
		t.Error("sbverify accepts a changed command line: the signature does not cover it")
	}
}

// The firmware starts the stub, the stub the kernel with the command line.
func TestBootsUnderOVMF(t *testing.T) {
	c := config(t, "amd64")
	c.Cmdline = "console=ttyS0 earlyprintk=ttyS0 panic=-1 bocaditos.uki"
	esp := t.TempDir()
	if err := os.MkdirAll(filepath.Join(esp, "EFI/BOOT"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(esp, "EFI/BOOT/BOOTX64.EFI"), build(t, c), 0o644); err != nil {
		t.Fatal(err)
	}
	vars := write(t, "vars", read(t, hostFile(t, "/usr/share/OVMF/OVMF_VARS_4M.fd")))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	qemu := exec.CommandContext(ctx, "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot",
		"-machine", "q35", "-accel", "tcg", "-cpu", "max,-cx16", "-m", "512", "-display", "none", "-serial", "stdio",
		"-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
		"-drive", "if=pflash,format=raw,file="+vars,
		"-drive", "if=virtio,format=raw,file=fat:rw:"+esp)
	// Without a root the kernel panics, and with panic=-1 that ends QEMU.
	out, err := qemu.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"Linux version 6.", "Command line: " + c.Cmdline, "Trying to unpack rootfs image as initramfs"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("no %q on the console:\n%s", want, out)
		}
	}
}
