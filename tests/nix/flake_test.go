package nix_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/internal/nixtest"
)

// nixFiles are the Nix files of the project, relative to its root.
func nixFiles(t *testing.T) []string {
	t.Helper()
	files := []string{"flake.nix"}
	for _, dir := range []string{"nix", "tests/nix", "examples"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(p string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(p, ".nix") {
				files = append(files, strings.TrimPrefix(p, "../../"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestNixFilesParse(t *testing.T) {
	files := nixFiles(t)
	if !slices.Contains(files, "nix/overlay.nix") {
		t.Errorf("found %q", files)
	}
	for _, file := range files {
		run(t, "../..", "nix-instantiate", "--parse", file)
	}
}

// The shape that nixfmt gives (RFC 166 of Nix), as far as it can be told without
// nixfmt, which Debian does not have: two spaces a level, no tabs, no spaces at ends
// of lines, one newline at the end of the file, a function's arguments and a
// list's elements either all in one line or each in one of its own.
func TestNixFilesStyle(t *testing.T) {
	for _, file := range nixFiles(t) {
		data, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
			t.Errorf("%s does not end in one newline", file)
		}
		for i, line := range strings.Split(text, "\n") {
			indent := len(line) - len(strings.TrimLeft(line, " "))
			switch {
			case strings.Contains(line, "\t"):
				t.Errorf("%s:%d: a tab", file, i+1)
			case strings.TrimRight(line, " ") != line:
				t.Errorf("%s:%d: spaces at its end", file, i+1)
			case indent%2 == 1 && strings.TrimSpace(line) != "":
				t.Errorf("%s:%d: indented by %d spaces", file, i+1, indent)
			}
		}
	}
}

// A flake is the project's, with the package set of the tests for nixpkgs.
type flake struct{ dir, nixpkgs string }

// newFlake makes a directory with what git has of the project's, as it is now,
// and a nixpkgs that has Go, too.
func newFlake(t *testing.T, set nixtest.Set) flake {
	t.Helper()
	f := flake{filepath.Join(t.TempDir(), "bocaditos"), filepath.Join(t.TempDir(), "nixpkgs")}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// Files as they are, whether or not they were added to the index.
	list := run(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for name := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // deleted
		}
		write(t, filepath.Join(f.dir, name), data)
	}
	vendor := filepath.Join(t.TempDir(), "vendor")
	run(t, root, "go", "mod", "vendor", "-o", vendor)
	goroot := strings.TrimSpace(run(t, root, "go", "env", "GOROOT"))
	goNix := filepath.Join(root, "tests/nix/go.nix")
	source := filepath.Join(debiantest.Unpacked(t, "amd64", "linux-source-6.12"), "usr/src/linux-source-6.12.tar.xz")
	write(t, filepath.Join(f.nixpkgs, "flake.nix"), []byte("{ outputs = _: { }; }\n"))
	write(t, filepath.Join(f.nixpkgs, "default.nix"), []byte(`{ system, overlays ? [ ], config ? { } }:
import `+set.Path+` {
  inherit system config;
  debs = "`+set.Debs+`";
  overlays = [ (import `+goNix+` { goroot = `+goroot+`; vendor = `+vendor+`; })
    # Kernels of nixpkgs know their source; this one was not compiled by Nix.
    (final: prev: { linux = prev.linux // { src = `+source+`; }; }) ] ++ overlays;
}
`))
	return f
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// nix runs a nix command on the flake. The set is of files on this machine, so
// evaluation is impure.
func (f flake) nix(t *testing.T, command string, args ...string) (string, error) {
	t.Helper()
	var stderr strings.Builder
	args = append([]string{command, "--impure", "--no-write-lock-file", "--override-input", "nixpkgs", "path:" + f.nixpkgs}, args...)
	cmd := exec.Command("nix", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	t.Logf("nix %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	return strings.TrimSpace(string(out)), err
}

func (f flake) ref(attribute string) string { return "path:" + f.dir + "#" + attribute }

func TestFlake(t *testing.T) {
	set := nixtest.PackageSet(t)
	f := newFlake(t, set)
	for _, attribute := range []string{
		"packages.x86_64-linux.default.drvPath", "packages.x86_64-linux.kernel.drvPath", "packages.x86_64-linux.systemd.drvPath",
		"checks.x86_64-linux.bocaditos.drvPath", "checks.x86_64-linux.unit-fixup-hook.drvPath",
	} {
		if got, err := f.nix(t, "eval", "--raw", f.ref(attribute)); err != nil || !strings.HasSuffix(got, ".drv") {
			t.Errorf("%s is %q, %v", attribute, got, err)
		}
	}
	got, err := f.nix(t, "eval", "--json", f.ref("overlays.default"), "--apply", "builtins.isFunction")
	if err != nil || got != "true" {
		t.Errorf("overlays.default is a function: %s, %v", got, err)
	}

	// The tool is compiled as for a release: it needs no Go.
	if _, err := f.nix(t, "build", "--no-link", f.ref("default")); err != nil {
		t.Fatal(err)
	}
	path, err := f.nix(t, "eval", "--raw", f.ref("packages.x86_64-linux.default.outPath"))
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, "", path+"/bin/bocaditos", "--version"); got != "bocaditos version 0-unstable-dirty\n" {
		t.Errorf("it says %q", got)
	}
	doctor := exec.Command(path+"/bin/bocaditos", "doctor")
	doctor.Env = []string{"PATH=/nowhere", "HOME=" + t.TempDir()}
	if out, _ := doctor.CombinedOutput(); !strings.Contains(string(out), "ok       init") {
		t.Errorf("without Go on PATH it says\n%s", out)
	}
	if _, err := f.nix(t, "build", "--no-link", f.ref("checks.x86_64-linux.unit-fixup-hook")); err != nil {
		t.Error("the check of the setup hook fails")
	}
}
