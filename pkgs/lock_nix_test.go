package pkgs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/pkgs"
)

func storePath(digit, name string) string {
	return "/nix/store/" + strings.Repeat(digit, 32) + "-" + name
}

// nixLock is a closure of three, and a kernel without its closure.
func nixLock() *pkgs.Lock {
	return &pkgs.Lock{
		Version: pkgs.LockVersion,
		Request: pkgs.Request{From: "nix <nixpkgs>", Arch: "x86-64", Sets: []pkgs.Set{
			{Name: "root", Install: []string{"bash"}, Closure: true},
			{Name: "kernel", Install: []string{"linux"}},
		}},
		Releases: []pkgs.Release{{Name: "nixpkgs", Origin: "<nixpkgs>"}},
		Packages: []pkgs.Locked{
			{Name: "bash", Version: "5.2", Arch: "x86_64-linux", Size: 1, SHA256: sum, Path: storePath("1", "bash-5.2"), Release: "nixpkgs", Sets: []string{"root"},
				References: []string{"glibc", "hook"}, Cache: "https://example.org", Signatures: []string{"k-1:x"}},
			{Name: "glibc", Version: "2.40", Arch: "x86_64-linux", Size: 1, SHA256: sum, Path: storePath("2", "glibc-2.40"), Release: "nixpkgs", Sets: []string{"root"}},
			{Name: "hook", Arch: "x86_64-linux", Size: 1, SHA256: sum, Path: storePath("3", "hook"), Release: "nixpkgs", Sets: []string{"root"}, References: []string{"glibc"}},
			{Name: "linux", Version: "6.12", Arch: "x86_64-linux", Size: 1, SHA256: sum, Path: storePath("4", "linux-6.12"), Release: "nixpkgs", Sets: []string{"kernel"},
				References: []string{storePath("5", "other"), "glibc"}},
		},
	}
}

func TestNixLockRoundTrip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "image.lock")
	if err := nixLock().Write(file); err != nil {
		t.Fatal(err)
	}
	l, err := pkgs.ReadLock(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(l.Packages, nixLock().Packages) {
		t.Errorf("got %+v", l.Packages)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// What only Debian's archive has is not in it.
	for _, word := range []string{"codename", "suite", "label", "key ="} {
		if strings.Contains(string(data), word) {
			t.Errorf("%q in\n%s", word, data)
		}
	}
}

func TestNixLockRefuses(t *testing.T) {
	at := func(name string, f func(*pkgs.Locked)) func(*pkgs.Lock) {
		return func(l *pkgs.Lock) {
			for i := range l.Packages {
				if l.Packages[i].Name == name {
					f(&l.Packages[i])
				}
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*pkgs.Lock)
		want   string
	}{
		{"a reference that is missing", func(l *pkgs.Lock) { l.Packages = append(l.Packages[:1:1], l.Packages[2:]...) }, "package bash: it refers to glibc, which is not in the lock"},
		{"a path for a reference in a closure", at("hook", func(p *pkgs.Locked) { p.References = []string{storePath("5", "other")} }), `which is not in set "root": its closure is not whole`},
		{"a reference of another set", at("hook", func(p *pkgs.Locked) { p.References = []string{"linux"} }), `package hook: it refers to linux, which is not in set "root": its closure is not whole`},
		{"a path for what the lock has", at("linux", func(p *pkgs.Locked) { p.References = []string{storePath("2", "glibc-2.40")} }), "is not a store path that the lock does without"},
		{"a reference to a file", at("linux", func(p *pkgs.Locked) { p.References = []string{"/etc/passwd"} }), "is not a store path that the lock does without"},
		{"to itself", at("glibc", func(p *pkgs.Locked) { p.References = []string{"glibc"} }), "package glibc: its references lead back to it"},
		{"in a circle", at("glibc", func(p *pkgs.Locked) { p.References = []string{"hook"} }), "its references lead back to it"},
		{"two of one name", at("hook", func(p *pkgs.Locked) { p.Name, p.Version = "glibc", "2.41" }), "two store paths have this name"},
		{"a path twice", at("hook", func(p *pkgs.Locked) { p.Path = storePath("2", "glibc-2.40") }), "is there twice"},
		{"a path in another store", at("hook", func(p *pkgs.Locked) { p.Path = "/gnu/store/" + strings.Repeat("3", 32) + "-hook" }), "nor one of a Nix store"},
		{"a path below a store path", at("hook", func(p *pkgs.Locked) { p.Path += "/bin" }), "nor one of a Nix store"},
		{"a path out of the store", at("hook", func(p *pkgs.Locked) { p.Path = "/nix/store/../../etc" }), "nor one of a Nix store"},
		{"a short hash", at("hook", func(p *pkgs.Locked) { p.Path = "/nix/store/333-hook" }), "nor one of a Nix store"},
		{"a hash with another digit", at("hook", func(p *pkgs.Locked) { p.Path = storePath("e", "hook") }), "nor one of a Nix store"},
		{"references of a deb", at("glibc", func(p *pkgs.Locked) { p.Path, p.References = "pool/g.deb", []string{"hook"} }), "it has references, but is no store path"},
		{"no size", at("hook", func(p *pkgs.Locked) { p.Size = 0 }), "size 0"},
	} {
		l := nixLock()
		c.change(l)
		if err := l.Write(filepath.Join(t.TempDir(), "image.lock")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
