package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/archivetest"
)

func TestLockAndUpdate(t *testing.T) {
	p := newPrivate(t, `["layout", "one"]`)
	says := func(r result, want string) {
		t.Helper()
		if r.wants(t, exitOK); r.stdout != want {
			t.Errorf("it says\n%s\nwant\n%s", r.stdout, want)
		}
	}
	says(p.do(t, "lock"), "added    kern 1.0\nadded    layout 1.0\nadded    one 1.0\nadded    systemd-boot-efi 1.0\n")
	first := read(t, p.lock())

	archivetest.MakeDeb(t, p.Archive.Dir+"/pool/brot-updates/one_2.deb", "one", "Version: 1.1\n", "xz", map[string]string{"usr/bin/tool": "one, again"})
	k, _ := keys()
	p.Publish(t, archivetest.SignWith(k.Good))
	says(p.do(t, "lock"), "no package changed\n")
	if read(t, p.lock()) != first {
		t.Error("lock changed a lock that fits the recipe")
	}
	says(p.do(t, "update"), "changed  one 1.0 -> 1.1\n")
	if read(t, p.lock()) == first {
		t.Error("update did not change the lock")
	}
	says(p.do(t, "update"), "no package changed\n")

	p.install = `["layout", "two"]`
	p.from(t, "file://"+p.Archive.Dir)
	says(p.do(t, "lock"), "removed  one 1.1\nadded    two 1.0\n")

	p.install = `["layout", "one"]`
	p.from(t, "file://"+p.Archive.Dir)
	r := p.do(t, "update", "--json").wants(t, exitOK)
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if last := lines[len(lines)-1]; last != `{"changes":[{"name":"one","new":"1.1"},{"name":"two","old":"1.0"}]}` {
		t.Errorf("the last line is %s", last)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	r = p.do(t, "lock", "--json").wants(t, exitOK)
	if r.stdout != "{\"changes\":[]}\n" {
		t.Errorf("no change is %s", r.stdout)
	}
}

func TestLocked(t *testing.T) {
	p := derive(t)
	os.Remove(p.lock())
	bocaditos(t, "build", p.dir, "--locked").wants(t, 4, "the lock would change: "+p.lock()+" does not exist", "\n  hint: bocaditos lock writes it\n")
	if _, err := os.Stat(p.lock()); err == nil {
		t.Error("there is a lock now")
	}
	p = derive(t, `"kmod",`, `"kmod", "sed",`)
	before := read(t, p.lock())
	bocaditos(t, "build", p.dir, "--locked").wants(t, 4, `the lock would change: set "root" now also asks for sed`, "hint: bocaditos lock")
	if read(t, p.lock()) != before {
		t.Error("the lock changed")
	}
	p.holds(t)
}

// A lock that names another digest than the archive has is not fulfilled, and
// not papered over either.
func TestLockWithAWrongDigest(t *testing.T) {
	p := newPrivate(t, `["layout", "one"]`)
	m := archivetest.Serve(t, p.Archive.Dir)
	p.from(t, m.URL)
	p.do(t, "lock").wants(t, exitOK)
	digest := regexp.MustCompile(`(name = 'one'(?s:.*?)sha256 = ')[0-9a-f]{64}`)
	wrong := strings.Repeat("0123456789abcdef", 4)
	text := digest.ReplaceAllString(read(t, p.lock()), "${1}"+wrong)
	write(t, p.lock(), text)
	p.do(t, "build").wants(t, 4, "fetch one: ", "the lock says "+wrong, "\n  hint: the mirror is broken or lies: choose another one\n")
	if read(t, p.lock()) != text {
		t.Error("the lock changed")
	}
	p.holds(t)
	// Downloads that its failure cut off stay to be continued; its own does not.
	if left, _ := filepath.Glob(p.cache + "/partial/" + wrong + "*"); left != nil {
		t.Errorf("left: %q", left)
	}
	write(t, p.lock(), strings.Replace(text, wrong, "xyz", 1))
	p.do(t, "build").wants(t, 4, "read lock "+p.lock()+": package one: sha256 is not 64 lower-case hex digits", "hint: bocaditos update writes it anew")
}
