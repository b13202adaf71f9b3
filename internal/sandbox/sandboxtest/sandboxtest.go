// Package sandboxtest puts programs of the machine that runs the tests into a
// tree, so that tests of the sandbox and of offline passes run real tools. It
// is for tests only, and it reads no package database: a program comes with
// the shared libraries that ldd(1) names.
package sandboxtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
)

// NewRoot returns a tree with the usual top-level directories, merged into
// /usr, and the programs (see AddPrograms).
func NewRoot(tb testing.TB, programs ...string) *tree.Tree {
	tb.Helper()
	t := tree.New()
	o := tree.Origin{Package: "test-root"}
	for _, dir := range []string{"/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/var", "/usr/bin", "/usr/lib", "/usr/lib64"} {
		if _, err := t.MkdirAll(dir, o); err != nil {
			tb.Fatal(err)
		}
	}
	for at, target := range map[string]string{"/bin": "usr/bin", "/sbin": "usr/bin", "/usr/sbin": "bin", "/lib": "usr/lib", "/lib64": "usr/lib64"} {
		if err := t.Put(at, tree.NewSymlink(target, o)); err != nil {
			tb.Fatal(err)
		}
	}
	AddPrograms(tb, t, programs...)
	return t
}

// AddPrograms copies programs of the host with their shared libraries into t,
// to the paths they have on the host. A program that is not installed fails
// the test.
func AddPrograms(tb testing.TB, t *tree.Tree, programs ...string) {
	tb.Helper()
	for _, name := range programs {
		file, err := exec.LookPath(name)
		if err != nil {
			tb.Fatalf("%s is not installed: %v", name, err)
		}
		if file, err = filepath.Abs(file); err != nil {
			tb.Fatal(err)
		}
		add(tb, t, file)
		ldd := exec.Command("ldd", file)
		ldd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
		var stderr strings.Builder
		ldd.Stderr = &stderr
		out, err := ldd.Output()
		if err != nil {
			if strings.Contains(string(out)+stderr.String(), "not a dynamic executable") {
				continue
			}
			tb.Fatalf("ldd %s: %v: %s%s", file, err, out, &stderr)
		}
		for word := range strings.FieldsSeq(string(out)) {
			if filepath.IsAbs(word) {
				add(tb, t, word)
			}
		}
	}
}

func add(tb testing.TB, t *tree.Tree, file string) {
	tb.Helper()
	if _, n, err := t.Resolve(file); err == nil && n.Type == tree.File {
		return
	}
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		tb.Fatal(err)
	}
	info, err := os.Stat(real)
	if err != nil {
		tb.Fatal(err)
	}
	n, err := tree.ReadHost(real, tree.Origin{Package: "test-root", Rule: file})
	if err != nil {
		tb.Fatal(err)
	}
	n.Mode = uint32(info.Mode().Perm())
	if err := t.Put(file, n); err != nil {
		tb.Fatal(err)
	}
}
