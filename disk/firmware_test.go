package disk

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFirmwareReadsTheESP boots a disk in OVMF. Its shell runs startup.nsh,
// which compares a file on a filesystem of small clusters with its copy on one
// of large clusters.
func TestFirmwareReadsTheESP(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a virtual machine")
	}
	const firmware = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	if _, err := os.Stat(firmware); err != nil {
		t.Fatalf("install the package ovmf: %v", err)
	}
	big := randomBytes(3<<20 + 5)
	script := strings.ReplaceAll(`@echo -off
comp FS0:\EFI\BOOT\A.BIN "FS1:\EFI\Linux\a rather long name.bin"
if %lasterror% == 0 then
  echo big-files-are-equal
endif
type FS1:\loader\entries.srel
reset -s
`, "\n", "\r\n")
	small, err := NewESP([]ESPFile{espFile("EFI/BOOT/A.BIN", big), espFile("startup.nsh", []byte(script))}, ESPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	large, err := NewESP([]ESPFile{
		espFile("EFI/Linux/a rather long name.bin", big),
		espFile("loader/entries.srel", []byte("type1-is-read\r\n")),
	}, ESPOptions{MinSize: 300 << 20})
	if err != nil {
		t.Fatal(err)
	}
	f := newFile(t)
	if _, err := Write(f, Layout{ID: testDisk, Partitions: []Partition{
		{Type: TypeESP, UUID: GUID{1}, Content: small},
		{Type: TypeESP, UUID: GUID{2}, Content: large},
	}}); err != nil {
		t.Fatal(err)
	}
	console := bootFirmware(t, firmware, f.Name())
	for _, want := range []string{"big-files-are-equal", "type1-is-read"} {
		if !strings.Contains(console, want) {
			t.Errorf("console does not show %q:\n%s", want, console)
		}
	}
}

// bootFirmware runs QEMU until the guest powers off and returns what it wrote
// to the serial console.
func bootFirmware(t *testing.T, firmware, disk string) string {
	t.Helper()
	vars := filepath.Join(t.TempDir(), "vars.fd")
	src, err := os.ReadFile(filepath.Join(filepath.Dir(firmware), "OVMF_VARS_4M.fd"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vars, src, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a guest that hangs
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-nodefaults", "-machine", "q35,accel=tcg", "-m", "256", "-display", "none",
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+firmware,
		"-drive", "if=pflash,unit=1,format=raw,file="+vars,
		"-drive", "if=virtio,format=raw,file="+disk,
		"-serial", "stdio", "-no-reboot")
	var console bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &console
	if err := cmd.Run(); err != nil {
		t.Fatalf("qemu: %v\n%s", err, &console)
	}
	return console.String()
}
