// Package nixtest prepares what tests with a real Nix need: Debian 13's packages
// and sources, which the package set in tests/nix/pkgs is made of, and an
// environment in which the host's nix builds it. What it built stays in the
// host's /nix/store, so only the first test waits; a store of a test's own would
// build everything again. It is for tests only.
package nixtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
)

// A Set is the package set of tests/nix/pkgs.
type Set struct {
	Path string // the directory with its default.nix: what a recipe calls nixpkgs
	Debs string // the directory that it takes as the argument debs
}

// PackageSet downloads what the set is made of, unless the user's cache has it,
// and sets the environment of the test so that any nix runs as it must here. It
// builds nothing.
func PackageSet(t testing.TB) Set {
	t.Helper()
	set := Set{Path: filepath.Join(root(t), "tests/nix/pkgs"), Debs: debs(t)}
	t.Setenv("BOCADITOS_TEST_DEBS", set.Debs)
	// A sandbox has nothing of the host but a shell, which system(3) and ninja
	// need. Debian 13's nix would take one that is rarely installed.
	t.Setenv("NIX_CONFIG", Config+"sandbox-paths = /bin/sh="+filepath.Join(set.Debs, "bootstrap/busybox")+"\n")
	t.Setenv("NIX_PATH", "nixpkgs="+set.Path)
	// The user's own configuration must neither help nor hinder.
	t.Setenv("NIX_USER_CONF_FILES", os.DevNull)
	return set
}

// Config is nix.conf for the tests: root without build users, and nothing that
// would come from elsewhere.
const Config = `build-users-group =
sandbox = true
substituters =
max-jobs = 2
cores = 2
extra-experimental-features = nix-command flakes
warn-dirty = false
`

// Build builds attributes of the set with the overlay of the project, and returns
// the store path of each, in order. An attribute may name an output (glibc.bin).
func (s Set) Build(t testing.TB, attributes ...string) []string {
	t.Helper()
	args := []string{"--no-out-link", "--expr", s.Expr()}
	for _, a := range attributes {
		args = append(args, "-A", a)
	}
	cmd := exec.Command("nix-build", args...)
	return strings.Fields(debiantest.Output(t, cmd))
}

// Expr is a Nix expression of the set with the overlay of the project.
func (s Set) Expr() string {
	overlay := filepath.Join(s.Path, "../../../nix/overlay.nix")
	return fmt.Sprintf("import %s { debs = %q; overlays = [ (import %s) ]; }", s.Path, s.Debs, filepath.Clean(overlay))
}

// root is the directory of the module.
func root(t testing.TB) string {
	t.Helper()
	mod := strings.TrimSpace(debiantest.Run(t, "go", "env", "GOMOD"))
	return filepath.Dir(mod)
}

// A file of Debian, as tests/nix/pkgs/debs.nix reads it.
type file struct {
	Version string `json:"version"`
	File    string `json:"file"`
	Suffix  string `json:"suffix,omitempty"` // of an archive of sources
	SHA256  string `json:"sha256"`
}

type index struct {
	Packages  map[string]file `json:"packages"`
	Toolchain []string        `json:"toolchain"` // names of the packages that make the toolchain
	Sources   map[string]file `json:"sources"`
}

// debs returns the directory of Debian's files, which it makes if need be.
func debs(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	// Another list of packages is another directory; the same one stays as it
	// is, whatever Debian releases, so that nothing is built again.
	key := sha256.Sum256([]byte(strings.Join(slices.Concat(image, toolchain, sources), " ")))
	dir := filepath.Join(cache, "bocaditos-test", "trixie", "debs-"+hex.EncodeToString(key[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	tmp, err := os.MkdirTemp(mkdir(t, filepath.Dir(dir)), ".debs-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	apt := debiantest.Apt(t, "amd64", filepath.Join(tmp, "apt"))
	apt("apt-get", "-q", "update")
	ix := index{Packages: map[string]file{}, Sources: map[string]file{}, Toolchain: closure(apt, toolchain)}
	out := mkdir(t, filepath.Join(tmp, "debs"))
	names := slices.Concat(ix.Toolchain, closure(apt, image))
	slices.Sort(names)
	apt(append([]string{"apt-get", "-q", "download"}, slices.Compact(names)...)...)
	found, _ := filepath.Glob(filepath.Join(tmp, "apt", "*.deb"))
	for _, path := range found {
		name, rest, _ := strings.Cut(filepath.Base(path), "_")
		version, _, _ := strings.Cut(rest, "_")
		if version, err = url.PathUnescape(version); err != nil { // epochs: 1%3a2.0
			t.Fatal(err)
		}
		ix.Packages[name] = file{Version: version, File: filepath.Base(path), SHA256: move(t, path, out)}
	}
	for _, name := range sources {
		ix.Sources[name] = source(t, apt, name, filepath.Join(tmp, "apt"), out)
	}
	busybox(t, filepath.Join(out, ix.Packages["busybox-static"].File), mkdir(t, filepath.Join(out, "bootstrap")))
	data, err := json.MarshalIndent(ix, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "debs.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	// Another test may have been faster; its result is as good.
	if err := os.Rename(out, dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return dir
}

// closure returns the names of packages and of all they depend on.
func closure(apt func(...string) string, names []string) []string {
	var all []string
	out := apt(append([]string{"apt-get", "-qq", "install", "--no-install-recommends", "--print-uris"}, names...)...)
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 4 { // 'uri' file size digest
			name, _, _ := strings.Cut(f[1], "_")
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// source downloads the upstream part of a source package to dir.
func source(t testing.TB, apt func(...string) string, name, tmp, dir string) file {
	t.Helper()
	for line := range strings.Lines(apt("apt-get", "-qq", "source", "--print-uris", name)) {
		f := strings.Fields(line)
		if len(f) != 4 || !strings.Contains(f[1], ".orig.tar.") || strings.HasSuffix(f[1], ".asc") {
			continue
		}
		apt("/usr/lib/apt/apt-helper", "download-file", strings.Trim(f[0], "'"), filepath.Join(tmp, f[1]), f[3])
		_, rest, _ := strings.Cut(f[1], "_")
		version, suffix, _ := strings.Cut(rest, ".orig.")
		return file{Version: version, File: f[1], Suffix: suffix, SHA256: move(t, filepath.Join(tmp, f[1]), dir)}
	}
	t.Fatalf("Debian's source package %s has no upstream archive", name)
	return file{}
}

// busybox takes the one program that must run before any other is there.
func busybox(t testing.TB, deb, dir string) {
	t.Helper()
	debiantest.Run(t, "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -C "$2" --strip-components=3 -xf - ./usr/bin/busybox`, "sh", deb, dir)
}

// move moves a file to a directory and returns its SHA-256.
func move(t testing.TB, path, dir string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, filepath.Join(dir, filepath.Base(path))); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func mkdir(t testing.TB, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
