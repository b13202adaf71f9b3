package qemu

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/qemu"
)

// bootTimeout is generous: under emulation, on a busy machine, a boot takes
// minutes, and a guest may be asked a lot. It bounds a hang, it measures nothing.
const bootTimeout = 20 * time.Minute

var tool string // the bocaditos under test

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "bocaditos-qemu-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		tool = filepath.Join(dir, "bocaditos")
		if out, err := exec.Command("go", "build", "-o", tool, "../../cmd/bocaditos").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
			return 1
		}
		return m.Run()
	}())
}

// An built is an image and where it is.
type built struct {
	dir string
	*image.Manifest
}

func (b built) file(t *testing.T, kind image.Kind) string {
	t.Helper()
	a, err := b.File(kind)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(b.dir, a.File)
}

// build builds an example, after edit has changed its recipe.
func build(t *testing.T, example string, edit func(recipe string) string) built {
	t.Helper()
	return buildIn(t, filepath.Join("../../examples", example), edit)
}

// buildIn builds the recipe in a directory of another place.
func buildIn(t *testing.T, from string, edit func(recipe string) string) built {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, "image.toml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if edit != nil {
		text = []byte(edit(string(text)))
	}
	if err := os.WriteFile(filepath.Join(dir, "image.toml"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	// One lock for all tests: the archive may change between two of them.
	lock := filepath.Join(filepath.Dir(tool), filepath.Base(from)+".lock")
	if data, err := os.ReadFile(lock); err == nil {
		if err := os.WriteFile(filepath.Join(dir, "image.lock"), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(tool, "build", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("bocaditos build: %v\n%s", err, out)
	}
	t.Logf("bocaditos build:\n%s", out)
	if data, err := os.ReadFile(filepath.Join(dir, "image.lock")); err == nil {
		os.WriteFile(lock, data, 0o644)
	}
	found, err := filepath.Glob(filepath.Join(dir, "out", "*", image.FileName))
	if err != nil || len(found) != 1 {
		t.Fatalf("manifests: %v, %v", found, err)
	}
	b := built{dir: filepath.Dir(found[0])}
	if b.Manifest, err = image.Read(b.dir); err != nil {
		t.Fatal(err)
	}
	return b
}

// disk is a machine that boots the image's disk, by firmware or directly.
func (b built) machine(t *testing.T, uefi bool) qemu.Machine {
	t.Helper()
	m := qemu.Machine{
		Name: b.ID, Arch: "amd64", CPUs: 2, Memory: 1 << 30, NoReboot: true,
		Drives: []qemu.Drive{{File: b.file(t, image.Disk)}},
	}
	if uefi {
		firmware, err := qemu.FindUEFI(m.Arch)
		if err != nil {
			t.Fatal(err)
		}
		m.UEFI = &firmware
		return m
	}
	m.Kernel = &qemu.Kernel{File: b.file(t, image.Kernel), Initrd: b.file(t, image.Initrd), Cmdline: b.Boot.CommandLine}
	return m
}

// ask adds a unit to the machine that runs a shell script once the system is
// up. What the script prints comes back by answer.
func ask(t *testing.T, m *qemu.Machine, script string) (answer func() string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "answer")
	m.Channels = append(m.Channels, qemu.Channel{File: file})
	// Type=exec: systemd counts the unit as started while the script still
	// runs, so that the script may wait for the system to be up.
	unit := "[Unit]\nDefaultDependencies=no\n[Service]\nType=exec\nStandardInput=null\nStandardOutput=file:/dev/ttyS1\nStandardError=inherit\nExecStart=/bin/sh -c '. \"$CREDENTIALS_DIRECTORY/script\"; echo; echo DONE'\nLoadCredential=script\n"
	m.Credentials = append(m.Credentials,
		qemu.Credential{Name: "systemd.extra-unit.question.service", Value: []byte(unit)},
		qemu.Credential{Name: "systemd.unit-dropin.multi-user.target", Value: []byte("[Unit]\nWants=question.service\n")},
		qemu.Credential{Name: "script", Value: []byte(script)},
	)
	return func() string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(data), "\r", "")
	}
}

// A guest is a machine that runs.
type guest struct {
	*qemu.Running
	t   *testing.T
	ctx context.Context
}

func start(t *testing.T, m qemu.Machine) *guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootTimeout)
	r, err := qemu.Start(ctx, m)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Kill()
		cancel()
		if t.Failed() {
			t.Logf("console:\n%s", tail(r.Console.Transcript(), 120))
		}
	})
	return &guest{r, t, ctx}
}

// expect waits for output on the console.
func (g *guest) expect(pattern string) {
	g.t.Helper()
	if _, err := g.Console.Expect(g.ctx, regexp.MustCompile(pattern)); err != nil {
		g.t.Fatal(err)
	}
}

// waitAnswer waits until the script of ask has ended.
func (g *guest) waitAnswer(answer func() string) string {
	g.t.Helper()
	for g.ctx.Err() == nil {
		if text := answer(); strings.Contains(text, "\nDONE\n") {
			return text
		}
		select {
		case <-g.Done():
			g.t.Fatalf("QEMU ended before the answer was complete: %q", answer())
		case <-time.After(100 * time.Millisecond):
		}
	}
	g.t.Fatalf("no complete answer in time: %q", answer())
	return ""
}

// ends waits until QEMU has ended: with NoReboot, when the guest reboots.
func (g *guest) ends() {
	g.t.Helper()
	select {
	case <-g.Done():
	case <-g.ctx.Done():
		g.t.Fatal("the guest neither rebooted nor switched itself off")
	}
}

func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// flip copies a disk and flips one bit of one byte of the copy.
func flip(t *testing.T, disk string, offset int64) string {
	t.Helper()
	in, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(t.TempDir(), "tampered.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := out.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := out.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// partition returns where the disk's content of an artifact starts, in bytes:
// both are files, and partitions are aligned to 1 MiB.
func partition(t *testing.T, b built, kind image.Kind) int64 {
	t.Helper()
	disk, err := os.Open(b.file(t, image.Disk))
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	part, err := os.ReadFile(b.file(t, kind))
	if err != nil {
		t.Fatal(err)
	}
	info, err := disk.Stat()
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 4096)
	for off := int64(1 << 20); off < info.Size(); off += 1 << 20 {
		if _, err := disk.ReadAt(head, off); err == nil && bytes.Equal(head, part[:len(head)]) {
			return off
		}
	}
	t.Fatalf("the disk does not contain %s", kind)
	return 0
}
