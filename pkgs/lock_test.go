package pkgs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/pkgs"
)

var sum = strings.Repeat("0123456789abcdef", 4)

func lock() *pkgs.Lock {
	return &pkgs.Lock{
		Version: pkgs.LockVersion,
		Request: pkgs.Request{From: "debian trixie main", Arch: "x86-64", Sets: []pkgs.Set{
			{Name: "root", Install: []string{"systemd", "bash"}, Closure: true},
			{Name: "kernel", Install: []string{"linux"}},
		}},
		Releases: []pkgs.Release{
			{Name: "trixie-updates", Origin: "Debian", Label: "Debian", Suite: "stable-updates", Codename: "trixie-updates", Date: time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC), SHA256: sum, Key: "ab"},
			{Name: "trixie", Origin: "Debian", Label: "Debian", Suite: "stable", Codename: "trixie", Version: "13.1", Date: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), SHA256: sum, Key: "ab"},
		},
		Packages: []pkgs.Locked{
			{Name: "systemd", Version: "257-1", Arch: "amd64", Size: 10, SHA256: sum, Path: "pool/s.deb", Release: "trixie", Sets: []string{"root", "kernel"}},
			{Name: "bash", Version: "1:5~x", Arch: "all", Size: 1 << 40, SHA256: sum, Path: "pool/b.deb", Release: "trixie-updates", Sets: []string{"root"}},
		},
	}
}

const lockText = `# Made by bocaditos update. Keep it in version control; do not edit.
version = 1

[request]
from = 'debian trixie main'
architecture = 'x86-64'

[[request.set]]
name = 'kernel'
install = [
  'linux'
]
closure = false

[[request.set]]
name = 'root'
install = [
  'bash',
  'systemd'
]
closure = true

[[release]]
name = 'trixie'
origin = 'Debian'
label = 'Debian'
suite = 'stable'
codename = 'trixie'
version = '13.1'
date = 2026-09-01T08:00:00Z
sha256 = '` + "%[1]s" + `'
key = 'ab'

[[release]]
name = 'trixie-updates'
origin = 'Debian'
label = 'Debian'
suite = 'stable-updates'
codename = 'trixie-updates'
date = 2026-09-02T00:00:00Z
sha256 = '` + "%[1]s" + `'
key = 'ab'

[[package]]
name = 'bash'
version = '1:5~x'
architecture = 'all'
size = 1099511627776
sha256 = '` + "%[1]s" + `'
path = 'pool/b.deb'
release = 'trixie-updates'
sets = ['root']

[[package]]
name = 'systemd'
version = '257-1'
architecture = 'amd64'
size = 10
sha256 = '` + "%[1]s" + `'
path = 'pool/s.deb'
release = 'trixie'
sets = ['kernel', 'root']
`

func TestLockRoundTrip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "image.lock")
	l := lock()
	for range 2 {
		if err := l.Write(file); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(lockText, sum); string(data) != want {
			t.Fatalf("got\n%s\nwant\n%s", data, want)
		}
		// Any order in memory gives the same file, also after reading.
		if l, err = pkgs.ReadLock(file); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(l.Packages)
	}
	if !reflect.DeepEqual(lock().Packages[1], l.Packages[1]) {
		t.Errorf("got %+v", l.Packages[1])
	}
	if got := l.Epoch(); !got.Equal(time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("epoch %s", got)
	}
	if files, _ := os.ReadDir(filepath.Dir(file)); len(files) != 1 {
		t.Errorf("left over: %v", files)
	}
}

func TestWriteFailureKeepsTheOldLock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "image.lock")
	if err := lock().Write(file); err != nil {
		t.Fatal(err)
	}
	bad := lock()
	bad.Packages[0].Path = "../x"
	if err := bad.Write(file); err == nil {
		t.Fatal("a bad lock was written")
	}
	if _, err := pkgs.ReadLock(file); err != nil {
		t.Fatal(err)
	}
}

func TestReadLockRefuses(t *testing.T) {
	good := fmt.Sprintf(lockText, sum)
	for _, c := range []struct{ name, old, new, want string }{
		{"another format", "version = 1", "version = 2", "format version 2, this program reads 1"},
		{"unknown key", "key = 'ab'", "key = 'ab'\ncolour = 'red'", "colour"},
		{"path out of the archive", "pool/b.deb", "../b.deb", "not a clean relative path"},
		{"absolute path", "pool/b.deb", "/b.deb", "not a clean relative path"},
		{"digest as path", "0123456789abcdef'\npath", "../456789abcdef'\npath", "64 lower-case hex digits"},
		{"digest in capitals", "abcdef'\npath", "ABCDEF'\npath", "64 lower-case hex digits"},
		{"no size", "size = 10\n", "size = 0\n", "size 0"},
		{"unknown release", "release = 'trixie-updates'", "release = 'sid'", `release "sid" is not in the lock`},
		{"unknown set", "sets = ['root']", "sets = ['boot']", `set "boot" is not in the lock`},
		{"not TOML", "version = 1", "version 1", "read lock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatalf("no %q in the lock", c.old)
			}
			file := filepath.Join(t.TempDir(), "image.lock")
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := pkgs.ReadLock(file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := pkgs.ReadLock(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing lock is %v", err)
	}
}

func TestSatisfies(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*pkgs.Request)
		want   string
	}{
		{"same", func(r *pkgs.Request) {}, ""},
		{"another order", func(r *pkgs.Request) { slices.Reverse(r.Sets); slices.Reverse(r.Sets[1].Install) }, ""},
		{"any source", func(r *pkgs.Request) { r.From = "" }, ""},
		{"another source", func(r *pkgs.Request) { r.From = "debian forky main" }, `the lock was made from "debian trixie main", not from "debian forky main"`},
		{"another architecture", func(r *pkgs.Request) { r.Arch = "arm64" }, "the lock was made for x86-64, not for arm64"},
		{"one more", func(r *pkgs.Request) { r.Sets[0].Install = append(r.Sets[0].Install, "nano") }, `set "root" now also asks for nano`},
		{"one less", func(r *pkgs.Request) { r.Sets[0].Install = r.Sets[0].Install[:1] }, `set "root" no longer asks for bash`},
		{"a new set", func(r *pkgs.Request) { r.Sets = append(r.Sets, pkgs.Set{Name: "stub"}) }, `the lock has no set "stub"`},
		{"a set gone", func(r *pkgs.Request) { r.Sets = r.Sets[:1] }, `set "kernel" is no longer asked for`},
		{"now with dependencies", func(r *pkgs.Request) { r.Sets[1].Closure = true }, `the lock has set "kernel" without dependencies`},
	} {
		r := lock().Request
		c.change(&r)
		err := lock().Satisfies(r)
		if got := fmt.Sprint(err); got != c.want && !(err == nil && c.want == "") {
			t.Errorf("%s: %s, want %q", c.name, got, c.want)
		}
	}
}

func TestDiff(t *testing.T) {
	change := func(f func(*pkgs.Lock)) *pkgs.Lock { l := lock(); f(l); return l }
	for _, c := range []struct {
		old, new *pkgs.Lock
		want     string
	}{
		{lock(), lock(), ""},
		{nil, lock(), "added    bash 1:5~x\nadded    systemd 257-1"},
		{lock(), change(func(l *pkgs.Lock) { l.Packages = l.Packages[:1] }), "removed  bash 1:5~x"},
		{lock(), change(func(l *pkgs.Lock) { l.Packages[0].Version = "257-2" }), "changed  systemd 257-1 -> 257-2"},
		{lock(), change(func(l *pkgs.Lock) { l.Packages[0].SHA256 = "x" }), "rebuilt  systemd 257-1 (same version, other bytes)"},
		{lock(), change(func(l *pkgs.Lock) { l.Packages[0].Sets = nil }), ""},
	} {
		var lines []string
		for _, d := range pkgs.Diff(c.old, c.new) {
			lines = append(lines, d.String())
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}
