package initrd_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/initrd"
)

func TestInitBinary(t *testing.T) {
	cache := t.TempDir()
	for goarch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		b, err := initrd.InitBinary(t.Context(), goarch, cache)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != machine {
			t.Errorf("%s: ELF file for %s", goarch, f.Machine)
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s: has %s, so it is not static", goarch, p.Type)
			}
		}
	}
}

// TestInitBinaryIsTheSourceOfThisRepository fails when a file is missing in
// the list that is embedded, or when the way of compiling lets the place or
// the settings of the user into the bytes.
func TestInitBinaryIsTheSourceOfThisRepository(t *testing.T) {
	t.Setenv("GOFLAGS", "-tags=debug -mod=mod")
	t.Setenv("GOAMD64", "v3")
	t.Setenv("GOWORK", "/nowhere/go.work")
	t.Setenv("CGO_ENABLED", "1")
	b := initBinary(t, "amd64")
	out := filepath.Join(t.TempDir(), "init")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "./init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOFLAGS=", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	if !bytes.Equal(b, read(t, out)) {
		t.Error("InitBinary differs from a build of ./init")
	}
}

func TestInitBinaryUsesTheCache(t *testing.T) {
	cache := t.TempDir()
	if _, err := initrd.InitBinary(t.Context(), "amd64", cache); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(cache)
	if err != nil || len(files) != 1 {
		t.Fatalf("the cache has %v (%v), want one file", files, err)
	}
	if err := os.WriteFile(filepath.Join(cache, files[0].Name()), []byte("cached"), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := initrd.InitBinary(t.Context(), "amd64", cache)
	if err != nil || string(b) != "cached" {
		t.Errorf("got %d bytes (%v), want the cached file", len(b), err)
	}
}

func TestInitBinaryErrors(t *testing.T) {
	if _, err := initrd.InitBinary(t.Context(), "riscv64", t.TempDir()); err == nil || !strings.Contains(err.Error(), "riscv64: only amd64 and arm64") {
		t.Errorf("riscv64: got error %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err := initrd.InitBinary(t.Context(), "amd64", t.TempDir())
	const want = "compile init of the initrd for amd64: no go command on PATH: " +
		"install Go 1.26 or later, or use a release build of bocaditos, which needs none"
	if err == nil || err.Error() != want {
		t.Errorf("without go: got error %v, want %s", err, want)
	}
}
