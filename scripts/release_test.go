package scripts_test

import (
	"archive/tar"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const version = "v1.2.3-test"

// TestReleaseIsReproducible builds the release twice, in checkouts of
// different names and with different settings of the user. The compiler's
// cache is shared, which makes this affordable; what this project could get
// wrong (how it links, what it embeds and packs) does not come from that cache.
func TestReleaseIsReproducible(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "another", "checkout")
	copyCheckout(t, "..", first)
	if err := os.CopyFS(second, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	release(t, first)
	release(t, second, "TZ=Asia/Kolkata", "LC_ALL=C.UTF-8", "GOFLAGS=-tags=debug", "GOAMD64=v3", "CGO_ENABLED=1", "GOOS=windows", "UMASK=077")
	sums := read(t, filepath.Join(first, "dist/SHA256SUMS"))
	if again := read(t, filepath.Join(second, "dist/SHA256SUMS")); again != sums {
		t.Errorf("two builds of the same release:\n%s\n%s", sums, again)
	}
	if n := strings.Count(sums, "\n"); n != 3 {
		t.Errorf("SHA256SUMS has %d lines, want 3:\n%s", n, sums)
	}
	command(t, filepath.Join(second, "dist"), os.Environ(), "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")

	t.Run("static", func(t *testing.T) {
		static(t, binary(first, "amd64"), elf.EM_X86_64)
		static(t, binary(first, "arm64"), elf.EM_AARCH64)
	})
	t.Run("docs", func(t *testing.T) { docs(t, filepath.Join(first, "dist/bocaditos_"+version+"_docs.tar")) })
	native := binary(first, runtime.GOARCH)
	t.Run("version", func(t *testing.T) {
		if out := command(t, "", os.Environ(), native, "--version"); out != "bocaditos version "+version+"\n" {
			t.Errorf("--version says %q", out)
		}
	})
	t.Run("init without a go command", func(t *testing.T) {
		// doctor compiles the init, or takes the one inside. Its exit
		// status is about apt, which is not there either.
		cmd := exec.Command(native, "doctor", "--cache", t.TempDir())
		cmd.Env = []string{"PATH=" + t.TempDir(), "HOME=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(strings.Split(string(out), "\n"), func(line string) bool {
			f := strings.Fields(line)
			return len(f) > 2 && f[0] == "ok" && f[1] == "init"
		}) {
			t.Errorf("doctor finds no init:\n%s", out)
		}
	})
}

func TestReleaseRefuses(t *testing.T) {
	for _, v := range []string{"", "a b", "../x", "-X", "1;2"} {
		out, err := exec.Command("./release", v).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "is no version") {
			t.Errorf("release %q: %v, %s", v, err, out)
		}
	}
}

// copyCheckout copies the files that git tracks, or would.
func copyCheckout(t *testing.T, from, to string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(from, ".git")); err != nil {
		t.Skip("not a git checkout: which files belong to the source is not known")
	}
	// safe.directory: the tests may run as root in a user's checkout.
	list := command(t, from, os.Environ(), "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for name := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, but not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if !info.Mode().IsRegular() {
			continue
		}
		dest := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dest, []byte(read(t, filepath.Join(from, name))), info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

func release(t *testing.T, dir string, env ...string) {
	t.Helper()
	env = append(append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000"), env...)
	command(t, dir, env, "sh", "-c", `umask "${UMASK:-022}"; exec scripts/release "$0"`, version)
}

func binary(dir, goarch string) string {
	return filepath.Join(dir, "dist", "bocaditos_"+version+"_linux_"+goarch)
}

func static(t *testing.T, file string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != machine {
		t.Errorf("%s is for %s", file, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s has %s, so it is not static", file, p.Type)
		}
	}
}

func docs(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 1700000000 || h.Mode&0o044 != 0o044 {
			t.Errorf("%s: owner %d:%d, mode %o, %s", h.Name, h.Uid, h.Gid, h.Mode, h.ModTime)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("the files are not sorted: %q", names)
	}
	for _, want := range []string{"man/bocaditos.1", "man/bocaditos-build.1", "completions/bocaditos.bash", "completions/_bocaditos", "completions/bocaditos.fish"} {
		if !slices.Contains(names, "bocaditos_"+version+"_docs/"+want) {
			t.Errorf("%s is not there: %q", want, names)
		}
	}
}

func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, &stderr)
	}
	return string(out)
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
