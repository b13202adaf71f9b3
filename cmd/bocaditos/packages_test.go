package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/archivetest"
)

func TestPackageThatIsNotThere(t *testing.T) {
	p := derive(t, `"kmod",`, `"kmood",`)
	bocaditos(t, "build", p.dir).wants(t, 4, `package set "root": there is no package kmood in debian trixie main`,
		"\n  hint: instead of kmood, did you mean kmod?")
	p.holds(t)
	// The lock of the last good recipe is still there to compare with.
	if read(t, p.lock()) != read(t, built(t).lock()) {
		t.Error("the lock changed")
	}
}

func TestPackagesThatConflict(t *testing.T) {
	p := derive(t, `"kmod",`, `"systemd-sysv", "sysvinit-core",`)
	bocaditos(t, "build", p.dir).wants(t, 4, `package set "root" cannot be solved: apt says:`, "sysvinit-core", "Conflicts")
	p.holds(t)
}

func TestMirrorThatIsDown(t *testing.T) {
	p := newPrivate(t, `["layout"]`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	p.from(t, "http://"+l.Addr().String())
	p.do(t, "build").wants(t, 4, l.Addr().String(), "connection refused", "\n  hint: check the network, the proxy in apt's configuration and mirror in [debian]\n")
	p.holds(t)
	if _, err := os.Stat(p.lock()); err == nil {
		t.Error("there is a lock")
	}
}

func TestMirrorThatDiesMidway(t *testing.T) {
	p := newPrivate(t, `["layout", "one"]`)
	m := archivetest.Serve(t, p.Archive.Dir)
	p.from(t, m.URL)
	p.do(t, "lock").wants(t, exitOK)
	m.Fail(archivetest.Cut(p.Archive.Dir, 1))
	r := p.do(t, "build").wants(t, 4, "fetch ", "tried 5 times", "warning: trying again: ")
	if n := strings.Count(r.stderr, "warning: "); n < 4 {
		t.Errorf("%d retries were reported, want at least 4", n)
	}
	p.holds(t)
	// With the mirror well again, the same command goes on where it stopped.
	m.Heal()
	p.do(t, "build").wants(t, 5, "the image has no /usr/lib/systemd/systemd").without(t, "resolve ", "warning: ")
	// What was fetched needs no mirror.
	m.Close()
	p.do(t, "build").wants(t, 5, "(cached)", "the image has no /usr/lib/systemd/systemd")
	p.holds(t)
}

func TestPackageThatTheMirrorNoLongerHas(t *testing.T) {
	p := newPrivate(t, `["layout", "one"]`)
	m := archivetest.Serve(t, p.Archive.Dir)
	p.from(t, m.URL)
	m.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		gone := strings.Contains(r.URL.Path, "/one_")
		if gone {
			http.NotFound(w, r)
		}
		return gone
	})
	p.do(t, "build").wants(t, 4, "fetch one 1.0: the mirror no longer has it", "\n  hint: run `bocaditos update`\n")
	p.holds(t)
}

// A blob that was changed in the cache is not used, and does not stay.
func TestTamperedCache(t *testing.T) {
	p := newPrivate(t, `["layout", "one"]`)
	p.do(t, "build").wants(t, 5) // fetches and unpacks
	sum := regexp.MustCompile(`name = 'one'(?s:.*?)sha256 = '([0-9a-f]{64})'`).FindStringSubmatch(read(t, p.lock()))
	if sum == nil {
		t.Fatalf("the lock names no digest of one:\n%s", read(t, p.lock()))
	}
	blob := filepath.Join(p.cache, "blobs/sha256", sum[1])
	data := []byte(read(t, blob))
	data[len(data)/2] ^= 1
	write(t, blob, string(data))
	unpacked, err := filepath.Glob(filepath.Join(p.cache, "unpacked", sum[1]+"*"))
	if err != nil || len(unpacked) != 2 {
		t.Fatalf("unpacked: %q, %v", unpacked, err)
	}
	for _, file := range unpacked {
		os.Remove(file)
	}
	p.do(t, "build").wants(t, 4, "unpack one: ", blob+": SHA-256 is ",
		"\n  hint: the cache is damaged, the file was removed: build again, and check the disk\n")
	p.holds(t)
	if left, _ := filepath.Glob(filepath.Join(p.cache, "unpacked", sum[1]+"*")); left != nil {
		t.Errorf("left: %q", left)
	}
	p.do(t, "build").wants(t, 5, "the image has no /usr/lib/systemd/systemd") // the advice was right
}

func TestPackagesWithOnePath(t *testing.T) {
	p := newPrivate(t, `["layout", "one", "two"]`)
	p.do(t, "build").wants(t, 5, "merge packages: ", "/usr/bin/tool", "one", "two",
		"\n  hint: leave one of the packages out, or remove the path with root.exclude\n")
	p.holds(t)
	// A package that says so takes the path over.
	p.install = `["layout", "one", "heir"]`
	p.from(t, "file://"+p.Archive.Dir)
	p.do(t, "build").wants(t, 5, "the image has no /usr/lib/systemd/systemd").without(t, "/usr/bin/tool")
	p.holds(t)
}

func TestPackagesWithOneUID(t *testing.T) {
	p := newPrivate(t, `["layout", "init", "alice", "bob"]`)
	p.do(t, "build").wants(t, 5, "users and groups clash:\n"+
		"uid 150 is that of user alice in usr/lib/sysusers.d/alice.conf:1 (package alice) and of bob in usr/lib/sysusers.d/bob.conf:2 (package bob)\n",
		"\n  hint: a file of the same name in /etc/sysusers.d, made by [[files]], is read instead of the package's\n")
	p.holds(t)
	// The advice is right.
	recipe := read(t, p.recipe())
	write(t, p.recipe(), recipe+"[[files]]\npath = \"/etc/sysusers.d/bob.conf\"\ncontent = \"u bob -\"\n")
	p.do(t, "build").wants(t, 5, "the image has no systemd-sysusers below /usr")
	write(t, p.recipe(), recipe+"[[files]]\npath = \"/etc/sysusers.d/alice.conf\"\ncontent = \"u alice 151\\nu bob 151\"\n")
	p.do(t, "build").wants(t, 5, "uid 151 is that of user alice in etc/sysusers.d/alice.conf:1 (recipe (files \"/etc/sysusers.d/alice.conf\")) and of bob in etc/sysusers.d/alice.conf:2",
		"user bob has uid 151 in etc/sysusers.d/alice.conf:2 ")
}

func TestPackagesThatMakeNoSystem(t *testing.T) {
	p := newPrivate(t, `["one"]`)
	p.do(t, "build").wants(t, 5, "the image has no /usr/lib/os-release", "\n  hint: add \"base-files\" to packages.install\n")
	p.install = `["one", "layout"]`
	p.from(t, "file://"+p.Archive.Dir)
	p.do(t, "build").wants(t, 5, "the image has no /usr/lib/systemd/systemd", "\n  hint: add \"systemd\" to packages.install\n")
	p.holds(t)
}
