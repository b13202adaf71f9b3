package qemu_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/qemu"
)

// patience is for a slow host; no test is about time.
const patience = 3 * time.Minute

// linux is Debian's kernel and an initrd with testdata/init and the modules.
func linux(t *testing.T, arch string, modules ...string) *qemu.Kernel {
	t.Helper()
	dir := t.TempDir()
	init := filepath.Join(dir, "init")
	build := exec.Command("go", "build", "-o", init, "./testdata/init")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
	debiantest.Output(t, build)
	files := map[string]string{"init": init}
	pkg := debiantest.Unpacked(t, arch, "linux-image-cloud-"+arch)
	for i, m := range modules {
		found, _ := filepath.Glob(filepath.Join(pkg, "usr/lib/modules/*/kernel", m+".ko.xz"))
		if len(found) != 1 {
			t.Fatalf("module %s: found %d", m, len(found))
		}
		file := filepath.Join(dir, filepath.Base(m))
		if err := os.WriteFile(file, []byte(debiantest.Run(t, "xz", "-dc", found[0])), 0o644); err != nil {
			t.Fatal(err)
		}
		files["modules/"+string(rune('a'+i))+".ko"] = file
	}
	kernels, _ := filepath.Glob(filepath.Join(pkg, "boot/vmlinuz-*"))
	if len(kernels) != 1 {
		t.Fatalf("%d kernels in %s", len(kernels), pkg)
	}
	initrd := filepath.Join(dir, "initrd")
	writeInitrd(t, initrd, files)
	console := map[string]string{"amd64": "ttyS0", "arm64": "ttyAMA0"}[arch]
	return &qemu.Kernel{File: kernels[0], Initrd: initrd, Cmdline: "quiet panic=-1 console=" + console}
}

func writeInitrd(t *testing.T, initrd string, files map[string]string) {
	t.Helper()
	f, err := os.Create(initrd)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := cpio.NewWriter(f)
	if err := w.WriteHeader(&cpio.Header{Name: "modules", Mode: cpio.TypeDir | 0o755}); err != nil {
		t.Fatal(err)
	}
	for name, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(&cpio.Header{Name: name, Mode: cpio.TypeReg | 0o755, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// halted is a kernel of a few bytes that does nothing, in real QEMU.
func halted(t testing.TB) *qemu.Kernel {
	t.Helper()
	header := "\x02\xb0\xad\x1b\x00\x00\x01\x00\xfe\x4f\x51\xe4" + // multiboot: magic, flags, checksum
		"\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x00\x10\x00" // addresses
	file := filepath.Join(t.TempDir(), "halted")
	if err := os.WriteFile(file, []byte(header+"\xfa\xf4\xeb\xfd"), 0o644); err != nil { // cli; hlt; jmp
		t.Fatal(err)
	}
	return &qemu.Kernel{File: file}
}

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func start(t testing.TB, m qemu.Machine) *qemu.Running {
	t.Helper()
	r, err := qemu.Start(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Kill)
	return r
}

// guest is a running machine with testdata/init.
type guest struct {
	t *testing.T
	*qemu.Running
}

func boot(t *testing.T, m qemu.Machine) guest {
	t.Helper()
	if m.Arch == "" {
		m.Arch = "amd64"
	}
	m.Memory = 512 << 20
	m.NoReboot = true // a panic must not look like a slow boot
	g := guest{t, start(t, m)}
	g.expect(`(?m)^= ready$`)
	if strings.Contains(g.Console.Transcript(), "= error") {
		t.Fatalf("the guest has problems:\n%s", g.Console.Transcript())
	}
	return g
}

func (g guest) expect(re string) []string {
	g.t.Helper()
	m, err := g.Console.Expect(deadline(g.t), regexp.MustCompile(re))
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

// run gives the guest a command and returns its answer.
func (g guest) run(command string) string {
	g.t.Helper()
	if err := g.Console.Send(command + "\n"); err != nil {
		g.t.Fatal(err)
	}
	return g.expect(`(?m)^= (.*)$\n`)[1]
}

func (g guest) mustRun(command, want string) {
	g.t.Helper()
	if got := g.run(command); got != want {
		g.t.Errorf("%s: %s, want %s", command, got, want)
	}
}

// off lets the guest switch itself off.
func (g guest) off() {
	g.t.Helper()
	if err := g.Console.Send("off\n"); err != nil {
		g.t.Fatal(err)
	}
	if err := g.Wait(); err != nil {
		g.t.Errorf("after the guest switched itself off: %v", err)
	}
}

func disk(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk, raw") // QEMU has its ideas about commas
	if err := os.WriteFile(file, append([]byte(text), make([]byte, 1<<20)...), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// firstBytes are those of a file on the host.
func firstBytes(t *testing.T, file string, n int) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(n)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
