package nix

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/pkgs/debian"
	"github.com/bocaditos/bocaditos/tree"
)

// programs are the versions of nix to test with: the host's, and Debian 13's.
func programs(t *testing.T, f func(t *testing.T, program string)) {
	t.Run("host", func(t *testing.T) { f(t, "nix") })
	t.Run("trixie", func(t *testing.T) { f(t, trixieNix(t)) })
}

// trixieNix is Debian 13's nix with all its libraries, which any host can run:
// they are kept in the user's cache, and started by their own ld.so.
func trixieNix(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "bocaditos-test", "trixie", "nix")
	program := filepath.Join(dir, "nix")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".nix-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	root := filepath.Join(tmp, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	archive, err := debian.New(debian.Config{CacheDir: filepath.Join(cache, "bocaditos-test", "debian")})
	if err != nil {
		t.Fatal(err)
	}
	l, err := archive.Resolve(t.Context(), pkgs.Request{Arch: "x86-64", Sets: []pkgs.Set{{Name: "nix", Install: []string{"nix-bin"}, Closure: true}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := archive.Fetch(t.Context(), l, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range l.Packages {
		pkg, err := archive.Open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		unpack(t, pkg.Tree, root)
	}
	// Debian 13's /lib64 is a link that base-files makes; ld.so itself is below /usr.
	for _, name := range []string{"nix", "nix-store", "nix-daemon"} {
		script := fmt.Sprintf("#!/bin/sh\nexport NIX_BIN_DIR=%[1]s # else its build hook is started as ld.so\nexec %[1]s/root/usr/lib64/ld-linux-x86-64.so.2 --library-path %[1]s/root/usr/lib/x86_64-linux-gnu --argv0 %[2]s %[1]s/root/usr/bin/nix \"$@\"\n", dir, name)
		if err := os.WriteFile(filepath.Join(tmp, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(tmp, dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return program
}

// unpack writes files and links of a tree to the host.
func unpack(t *testing.T, from *tree.Tree, to string) {
	t.Helper()
	err := from.Walk(func(p string, n *tree.Node) error {
		file := filepath.Join(to, p)
		switch n.Type {
		case tree.Dir:
			return os.MkdirAll(file, 0o755)
		case tree.Symlink:
			return os.Symlink(n.Target, file)
		case tree.File:
			data, err := tree.ReadAll(n.Content)
			if err != nil {
				return err
			}
			return os.WriteFile(file, data, os.FileMode(n.Mode&0o777))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVersions(t *testing.T) {
	var locks []*pkgs.Lock
	programs(t, func(t *testing.T, program string) {
		if version := debiantest.Run(t, program, "--version"); program != "nix" && !strings.Contains(version, " 2.26") {
			t.Errorf("Debian 13's nix says it is %s", version)
		}
		cfg := config(t)
		cfg.Program = program
		s := newSource(t, cfg)
		req := request("greeter", "link", "twins", "file", "bocaditos.added")
		req.Sets = append(req.Sets, pkgs.Set{Name: "other", Install: []string{"greeter.dev"}})
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "overlay.nix"), []byte("final: prev: { bocaditos.added = prev.script; }"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.cfg.Overlay = dir
		l := resolve(t, s, req)
		if err := s.Fetch(t.Context(), l, nil); err != nil {
			t.Fatal(err)
		}
		// It was enough to ask nix: each path is remembered.
		if n, _ := filepath.Glob(filepath.Join(cfg.CacheDir, "nix", "verified", "*")); len(n) != len(l.Packages) {
			t.Errorf("%d of %d paths are remembered", len(n), len(l.Packages))
		}
		openAll(t, s, l)
		locks = append(locks, l)
	})
	if len(locks) == 2 {
		if d := pkgs.Diff(locks[0], locks[1]); len(d) > 0 {
			t.Errorf("two versions of nix make two locks: %v", d)
		}
	}
}
