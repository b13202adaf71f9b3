package nix_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/internal/nixtest"
)

// Debian 12's nix and Debian 13's evaluate the set to the same derivations, and
// the newer one builds from an empty store, in its sandbox, what the older one
// built.
func TestVersions(t *testing.T) {
	set := nixtest.PackageSet(t)
	newer := nixtest.Trixie(t)
	if version := debiantest.Run(t, filepath.Join(newer, "nix"), "--version"); !strings.Contains(version, " 2.26") {
		t.Errorf("Debian 13's nix says it is %s", version)
	}
	// A store of its own: it shall not touch what the host's nix made.
	store := t.TempDir()
	t.Cleanup(func() { exec.Command("chmod", "-R", "u+w", store).Run() })
	for _, attribute := range []string{"bocaditos.systemd", "openssh", "hostname"} {
		a := debiantest.Run(t, "nix-instantiate", "--expr", set.Expr(), "-A", attribute)
		b := debiantest.Run(t, filepath.Join(newer, "nix-instantiate"), "--store", store, "--expr", set.Expr(), "-A", attribute)
		if a != b {
			t.Errorf("%s: %s, but with the newer nix %s", attribute, a, b)
		}
	}
	out := strings.TrimSpace(debiantest.Run(t, filepath.Join(newer, "nix-build"), "--store", store, "--no-out-link", "--expr", set.Expr(), "-A", "hostname"))
	host := set.Build(t, "hostname")[0]
	if out != host {
		t.Fatalf("built %s and %s", host, out)
	}
	a := debiantest.Run(t, "nix-store", "--dump", host)
	b := debiantest.Run(t, "nix-store", "--dump", filepath.Join(store, out))
	if a != b {
		t.Errorf("%s is not the same, built twice", host)
	}
	if _, err := os.Stat(filepath.Join(store, "nix/store")); err != nil {
		t.Error(err)
	}
}
