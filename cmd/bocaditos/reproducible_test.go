package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sources are files that the recipe takes from the host, in a directory.
var sources = []string{"a", "b/c", "b/d/e", "f", "g"}

// writeSources makes them, in this order, with a time and a mode that no build
// may see.
func writeSources(t *testing.T, dir string, names []string, at time.Time, mode os.FileMode) {
	t.Helper()
	for _, name := range names {
		file := filepath.Join(dir, name)
		write(t, file, "this is "+name+"\n")
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// The same recipe and the same lock give the same bytes, whoever builds them
// and wherever. Each build here shares nothing with the first but downloads:
// it unpacks, runs the image's tools and writes everything anew, at another
// time of the day. A clock that is days off is not tried: the tool is static
// and asks the kernel, so nothing but the kernel's own clock could change it.
func TestReproducible(t *testing.T) {
	edit := []string{"", "[[files]]\npath = \"/srv\"\nsource = \"srv\"\n"}
	first := derive(t, edit...)
	writeSources(t, first.dir+"/srv", sources, time.Now(), 0o644)
	bocaditos(t, "build", first.dir).wants(t, exitOK)

	t.Run("another environment", func(t *testing.T) {
		p := derive(t, edit...)
		backward := slices.Clone(sources)
		slices.Reverse(backward)
		writeSources(t, p.dir+"/srv", backward, time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), 0o600)
		out := filepath.Join(t.TempDir(), "elsewhere")
		file, err := program()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", `umask 077; exec "$@"`, "sh", file, "build", p.dir, "-o", out, "--cache", ownCache(t, t.TempDir()))
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), "TZ=Pacific/Kiritimati", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "GOMAXPROCS=1", "TMPDIR="+t.TempDir(), "HOSTNAME=other", "USER=other")
		r := finish(t, cmd).wants(t, exitOK)
		anew(t, r)
		sameImage(t, first.image(), filepath.Join(out, "box_1"))
	})

	t.Run("another user", func(t *testing.T) {
		u := newUser(t)
		// t.TempDir is below a directory of mode 0700.
		home, err := os.MkdirTemp(scratch, "home-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(home) })
		p := project{filepath.Join(home, "work")}
		write(t, p.recipe(), read(t, first.recipe()))
		write(t, p.lock(), read(t, first.lock()))
		writeSources(t, p.dir+"/srv", sources, time.Now(), 0o444)
		cache := filepath.Join(home, "cache", "bocaditos")
		if err := os.MkdirAll(cache, 0o755); err != nil {
			t.Fatal(err)
		}
		ownCache(t, cache)
		u.takes(t, home)

		cmd := command(t, "build", "--locked")
		cmd.Dir = p.dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.uid, Gid: u.gid}}
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CACHE_HOME=" + filepath.Join(home, "cache")}
		r := finish(t, cmd).wants(t, exitOK)
		anew(t, r)
		p.holds(t, "box_1")
		if info, err := os.Stat(p.image()); err != nil || owner(info) != fmt.Sprintf("%d:%d", u.uid, u.gid) {
			t.Errorf("the image is not the user's: %v", err)
		}
		sameImage(t, first.image(), p.image())
		if left := partials(cache); len(left) > 0 {
			t.Errorf("left in the cache: %q", left)
		}
		noTraces(t, home)
	})
}

// anew checks that a build used no results of an earlier one.
func anew(t *testing.T, r result) {
	t.Helper()
	for line := range strings.Lines(r.stderr) {
		if strings.Contains(line, "(cached)") != strings.HasPrefix(line, "fetch ") && strings.Contains(line, " s  ") {
			t.Errorf("only downloads should come from the cache: %s", line)
		}
	}
}

// A testUser is a user that this test made, with subordinate ids, as adduser
// gives them.
type testUser struct{ uid, gid uint32 }

func newUser(t *testing.T) testUser {
	t.Helper()
	name := fmt.Sprintf("bocaditos-%d", os.Getpid())
	if out, err := exec.Command("useradd", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v\n%s", err, out)
		}
		for _, file := range []string{"/etc/passwd", "/etc/subuid", "/etc/subgid"} {
			if data, err := os.ReadFile(file); err != nil || bytes.Contains(data, []byte(name)) {
				t.Errorf("%s still has %s: %v", file, name, err)
			}
		}
	})
	for file, option := range map[string]string{"/etc/subuid": "--add-subuids", "/etc/subgid": "--add-subgids"} {
		if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte(name+":")) {
			continue
		}
		if out, err := exec.Command("usermod", option, "700000-765535", name).CombinedOutput(); err != nil {
			t.Fatalf("usermod: %v\n%s", err, out)
		}
	}
	entry, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.ParseUint(entry.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(entry.Gid, 10, 32)
	if err1 != nil || err2 != nil || uid == 0 {
		t.Fatalf("%s is user %s, group %s", name, entry.Uid, entry.Gid)
	}
	return testUser{uint32(uid), uint32(gid)}
}

// takes gives the user all of a directory.
func (u testUser) takes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.Walk(dir, func(file string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(file, int(u.uid), int(u.gid))
	})
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
