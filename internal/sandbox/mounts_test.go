package sandbox_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/sandbox"
)

func TestMounts(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(in, "data"), []byte("in\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var heard bytes.Buffer
	script := `cat /in/data; echo new >/in/more && echo written; echo out >/out/file; chmod 4755 /out/file; echo end`
	r, err := sandbox.Run(t.Context(), testTree(t), []sandbox.Command{
		{Name: "one", Args: []string{"sh", "-c", script}},
		{Name: "two", Args: []string{"sh", "-c", "cat /out/file"}},
	}, sandbox.Options{Dir: t.TempDir(), Output: &heard, Mounts: []sandbox.Mount{
		{Source: in, Name: "in", ReadOnly: true}, {Source: out, Name: "out"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r[0].Output); !strings.HasPrefix(got, "in\n") || strings.Contains(got, "written") || !strings.Contains(got, "Read-only file system") || !strings.HasSuffix(got, "end\n") {
		t.Errorf("first command: %q", got)
	}
	if got := string(r[1].Output); got != "out\n" {
		t.Errorf("second command: %q", got)
	}
	if got, want := heard.String(), string(r[0].Output)+string(r[1].Output); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	if entries, _ := os.ReadDir(in); len(entries) != 1 {
		t.Errorf("the read-only directory has %v", entries)
	}
	after := testTree(t)
	if changes := apply(t, after, r[0]); len(changes) != 0 {
		t.Errorf("what was written to a mount shows in the changes: %v", changes)
	}
}

func TestMountThatDoesNotExist(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	_, err := sandbox.Run(t.Context(), testTree(t), []sandbox.Command{{Name: "true", Args: []string{"true"}}},
		sandbox.Options{Dir: t.TempDir(), Mounts: []sandbox.Mount{{Source: gone, Name: "src"}}})
	if err == nil || !strings.Contains(err.Error(), "mount "+gone+" at /src: no such file or directory") {
		t.Errorf("got %v", err)
	}
}

func TestInPlace(t *testing.T) {
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "file"), []byte("host\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	lonely := filepath.Join(t.TempDir(), "lonely")
	if err := os.WriteFile(lonely, []byte("alone\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	tr := testTree(t)
	for p, content := range map[string]string{"/store/a/file": "host\n", "/store/b": "alone\n", "/store/c/file": "unpacked\n"} {
		if err := tr.Put(p, file(0o444, content)); err != nil {
			t.Fatal(err)
		}
	}
	inPlace := []sandbox.InPlace{{Path: "/store/a", Source: host}, {Path: "/store/b", Source: lonely}}
	script := `cat /store/*/file /store/b; echo x >/store/a/more; echo x >/store/new`
	r, err := sandbox.Run(t.Context(), tr, []sandbox.Command{{Name: "one", Args: []string{"sh", "-c", script}}},
		sandbox.Options{Dir: t.TempDir(), InPlace: inPlace})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r[0].Output); !strings.HasPrefix(got, "host\nunpacked\nalone\n") || !strings.Contains(got, "Read-only file system") {
		t.Errorf("output %q", got)
	}
	if changes := apply(t, tr, r[0]); len(changes) != 1 || changes[0].Path != "/store/new" {
		t.Errorf("changes %v", changes)
	}
}
