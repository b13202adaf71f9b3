package nixtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
)

// Trixie returns a directory with Debian 13's nix, nix-build, nix-instantiate and
// nix-store, which any host can run: their own ld.so starts them.
func Trixie(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "bocaditos-test", "trixie", "nix-programs")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	tmp, err := os.MkdirTemp(mkdir(t, filepath.Dir(dir)), ".nix-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	apt := debiantest.Apt(t, "amd64", filepath.Join(tmp, "apt"))
	apt("apt-get", "-q", "update")
	apt(append([]string{"apt-get", "-q", "download"}, closure(apt, []string{"nix-bin"})...)...)
	debs, _ := filepath.Glob(filepath.Join(tmp, "apt", "*.deb"))
	out := mkdir(t, filepath.Join(tmp, "out"))
	for _, deb := range debs {
		debiantest.Run(t, "dpkg-deb", "-x", deb, filepath.Join(out, "root"))
	}
	for _, name := range []string{"nix", "nix-build", "nix-instantiate", "nix-store"} {
		// NIX_BIN_DIR: else its build hook would be started as ld.so.
		script := fmt.Sprintf("#!/bin/sh\nNIX_BIN_DIR=%[1]s exec %[1]s/root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path %[1]s/root/usr/lib/x86_64-linux-gnu --argv0 %[2]s %[1]s/root/usr/bin/nix \"$@\"\n", dir, name)
		if err := os.WriteFile(filepath.Join(out, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Another test may have been faster; its result is as good.
	if err := os.Rename(out, dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return dir
}
