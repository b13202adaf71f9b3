package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/archivetest"
	"github.com/bocaditos/bocaditos/pkgs"
)

// summary is a lock as "name version arch release sets" lines.
func summary(l *pkgs.Lock) string {
	var lines []string
	for _, p := range l.Packages {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s", p.Name, p.Version, p.Arch, p.Release, strings.Join(p.Sets, ",")))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

const appLock = `app 1.1 amd64 brot-updates root
base 1.0 all brot root
kern-1+x 1:6.1~x+b1 amd64 brot kernel
libthing 2:1.2+dfsg~rc1-1 amd64 brot root`

var appRequest = pkgs.Request{Arch: "x86-64", Sets: []pkgs.Set{
	{Name: "root", Install: []string{"app"}, Closure: true},
	{Name: "kernel", Install: []string{"kern-meta"}},
}}

func TestResolveFetchOpen(t *testing.T) {
	archive := newArchive(t)
	for _, scheme := range []string{"http", "file"} {
		t.Run(scheme, func(t *testing.T) {
			trace := archivetest.FakeHost(t, "")
			uri := "file://" + archive.Dir
			if scheme == "http" {
				uri = archivetest.Serve(t, archive.Dir).URL
			}
			s := archive.source(t, uri)
			l := resolve(t, s, appRequest)
			if got := summary(l); got != appLock {
				t.Errorf("got\n%s\nwant\n%s", got, appLock)
			}
			for _, p := range l.Packages {
				if info, err := os.Stat(filepath.Join(archive.Dir, p.Path)); err != nil || info.Size() != p.Size {
					t.Errorf("path or size of %s: %v", p.Path, err)
				}
			}
			var last pkgs.Event
			if err := s.Fetch(context.Background(), l, func(e pkgs.Event) { last = e }); err != nil {
				t.Fatal(err)
			}
			if last.Packages != 4 || last.TotalPackages != 4 || last.Bytes != last.TotalBytes || last.Bytes == 0 {
				t.Errorf("progress ended with %+v", last)
			}
			checkApp(t, s, l)
			if _, err := os.Stat(trace); !errors.Is(err, fs.ErrNotExist) {
				t.Error("the host's apt hooks ran")
			}
		})
	}
}

func checkApp(t *testing.T, s *Archive, l *pkgs.Lock) {
	t.Helper()
	i := slices.IndexFunc(l.Packages, func(p pkgs.Locked) bool { return p.Name == "app" })
	p, err := s.Open(context.Background(), l.Packages[i])
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.Tree.Text()
	if err != nil {
		t.Fatal(err)
	}
	p.Tree = nil
	got := fmt.Sprintf("%+v\n%s", *p, text)
	want := `{Name:app Version:1.1 Arch:amd64 Prefix:/usr InPlace: Depends:[base other-base libthing virtual-thing] Provides:[] Replaces:[oldapp] Scripts:[{Name:postinst Text:#!/bin/sh
exit 1
} {Name:triggers Text:activate-noawait ldconfig
}] Tree:<nil>}
/: dir 0755
/usr: dir 0755
/usr/bin: dir 0755
/usr/bin/app: file 0755 9a8383ff
/usr/bin/su: file 4755 f59e1c02
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestResolveErrors(t *testing.T) {
	archive := newArchive(t)
	archivetest.FakeHost(t, "")
	s := archive.source(t, "file://"+archive.Dir)
	for _, c := range []struct {
		name string
		req  pkgs.Request
		want []string
	}{
		{"no such package", request("libhting"), []string{`package set "root": there is no package libhting in debian brot main`, "\n  hint: instead of libhting, did you mean libthing?"}},
		{"no such package and nothing near", request("zzzzzzzz"), []string{"there is no package zzzzzzzz", "hint: is it in another release or component?"}},
		{"two of them", request("ap", "kern-tols", "app"), []string{"there is no package ap, kern-tols in", "instead of kern-tols, did you mean kern-tools?"}},
		{"no such version", request("app=3"), []string{"Version '3' for 'app' was not found"}},
		{"dependency cannot be met", request("broken"), []string{`package set "root" cannot be solved`, "broken", "libthing (>= 3:0)"}},
		{"conflict", request("app", "fights"), []string{"cannot be solved", "fights", "Conflicts"}},
		{"not a name", request("app-"), []string{`"app-" is not a Debian package name`}},
		{"an option", request("-oDir::Etc=/"), []string{"is not a Debian package name"}},
		{"unknown architecture", pkgs.Request{Arch: "vax"}, []string{`architecture "vax": want x86-64 or arm64`}},
		{"another source's request", pkgs.Request{From: "debian sid main", Arch: "x86-64"}, []string{`this source is "debian brot main"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Resolve(context.Background(), c.req)
			wantError(t, err, c.want...)
		})
	}
}

func TestNamesWithRegexpCharactersAreNames(t *testing.T) {
	archive := newArchive(t)
	archivetest.FakeHost(t, "")
	// As a regular expression, "kern.tools" would match kern-tools.
	_, err := archive.source(t, "file://"+archive.Dir).Resolve(context.Background(), request("kern.tools"))
	wantError(t, err, "there is no package kern.tools")
}

func TestRefusedArchives(t *testing.T) {
	expired := archivetest.Signing{Key: keys.Expired, FakedTime: "20200101T120000"}
	for _, c := range []struct {
		name    string
		publish archivetest.Signing
		spoil   func(t *testing.T, a *testArchive)
		want    string
	}{
		{name: "unsigned", publish: archivetest.Signing{Unsigned: true}, want: "is not signed"},
		{name: "signed with a key that is not in the keyring", publish: archivetest.SignWith(keys.Bad), want: "not in the keyring"},
		{name: "signed with an expired key", publish: expired, want: "is not signed"},
		{name: "changed after it was signed", publish: archivetest.SignWith(keys.Good), spoil: func(t *testing.T, a *testArchive) {
			edit(t, a.Dir+"/dists/brot/InRelease", "Origin: Test", "Origin: Best")
		}, want: "signature"},
		{name: "tampered Packages", publish: archivetest.SignWith(keys.Good), spoil: func(t *testing.T, a *testArchive) {
			edit(t, a.Dir+"/dists/brot/main/binary-amd64/Packages", "Package: app", "Package: apx")
			os.Remove(a.Dir + "/dists/brot/main/binary-amd64/Packages.xz")
		}, want: "an index that is not the one its signed Release names"},
		{name: "too old", publish: archivetest.Signing{Key: keys.Good, Release: []string{"Date=Wed, 01 Jan 2020 00:00:00 UTC"}}, want: "more than the 400 allowed"},
		{name: "past its Valid-Until", publish: archivetest.Signing{Key: keys.Good, Release: []string{"ValidTime=1", "Date=Wed, 01 Jan 2020 00:00:00 UTC", "Valid-Until=Thu, 02 Jan 2020 00:00:00 UTC"}}, want: "Release"},
		{name: "another release's", publish: archivetest.Signing{Key: keys.Good, Release: []string{"Suite=x", "Codename=kuchen"}}, want: "it is the Release of kuchen (x)"},
		{name: "no such release", publish: archivetest.SignWith(keys.Good), spoil: func(t *testing.T, a *testArchive) {
			os.RemoveAll(a.Dir + "/dists/brot")
		}, want: "no such release on the mirror"},
	} {
		t.Run(c.name, func(t *testing.T) {
			archivetest.FakeHost(t, "")
			archive := newArchive(t)
			archive.Publish(t, c.publish)
			if c.spoil != nil {
				c.spoil(t, archive)
			}
			_, err := archive.source(t, archivetest.Serve(t, archive.Dir).URL).Resolve(context.Background(), request("app"))
			wantError(t, err, c.want, "hint: ")
		})
	}
}

// edit replaces text of the same length in a file.
func edit(t *testing.T, file, old, new string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(old) != len(new) || !strings.Contains(string(data), old) {
		t.Fatalf("%s has no %q", file, old)
	}
	archivetest.Write(t, file, strings.Replace(string(data), old, new, 1), 0o644)
}

func TestMirrorDown(t *testing.T) {
	archivetest.FakeHost(t, "")
	archive := newArchive(t)
	m := archivetest.Serve(t, archive.Dir)
	m.Close()
	_, err := archive.source(t, m.URL).Resolve(context.Background(), request("app"))
	wantError(t, err, "connection refused", "hint: check the network")
}

func TestHostWithoutApt(t *testing.T) {
	archive := newArchive(t)
	t.Setenv("PATH", t.TempDir())
	_, err := archive.source(t, "file://"+archive.Dir).Resolve(context.Background(), request("app"))
	wantError(t, err, "apt-get is not on this host's PATH", "hint: ", "install the package apt")
}

// A release other than the host's, from where the host's apt has its own.
func TestHostSources(t *testing.T) {
	archive := newArchive(t)
	// The host runs "rinde", which like brot is signed, and says so.
	debian := archivetest.Signing{Key: keys.Good, Release: []string{"Origin=Debian"}}
	archive.Publish(t, debian)
	m := archivetest.Serve(t, archive.Dir)
	// Two others: one signed with a known key that does not say it is Debian's,
	// one that says so, signed with another key.
	vendor, liar := newArchive(t), newArchive(t)
	liar.Publish(t, archivetest.Signing{Key: keys.Bad, Release: []string{"Origin=Debian"}})
	others := []*archivetest.Mirror{archivetest.Serve(t, vendor.Dir), archivetest.Serve(t, liar.Dir)}
	for _, e := range [][2]string{{"brot", "rinde"}, {"brot-updates", "rinde-updates"}} {
		archivetest.Command(t, exec.Command("cp", "-r", archive.Dir+"/dists/"+e[0], archive.Dir+"/dists/"+e[1]))
	}
	stanza := "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n%s\n\n"
	sources := "# first a comment\n\n# Types: deb\n" + fmt.Sprintf(stanza, others[0].URL, "brot", "Trusted: yes") +
		fmt.Sprintf(stanza, m.URL, "rinde rinde-updates", "Signed-By: "+archive.Keyring)

	for _, lists := range []bool{true, false} {
		t.Run(fmt.Sprintf("lists=%t", lists), func(t *testing.T) {
			list := sources
			if !lists {
				list = fmt.Sprintf(stanza, others[1].URL, "brot", "Trusted: yes") + sources
			}
			archivetest.FakeHost(t, list)
			cfg := Config{Release: "brot", CacheDir: t.TempDir()}
			if lists {
				archivetest.Command(t, exec.Command("apt-get", "-qq", "update"))
			} else {
				cfg.Keyring = archive.Keyring // without lists, only Debian's keys tell
			}
			s, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			l := resolve(t, s, appRequest)
			if got := summary(l); got != appLock {
				t.Errorf("got\n%s\nwant\n%s", got, appLock)
			}
			for _, src := range s.found {
				if src.uri != m.URL {
					t.Errorf("%s is taken from %s", src.name, src.uri)
				}
			}
			if err := s.Fetch(context.Background(), l, nil); err != nil {
				t.Fatal(err)
			}
			if others[0].Served.Load()+others[1].Served.Load() != 0 {
				t.Error("another vendor was asked for packages")
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		archivetest.FakeHost(t, "")
		s, err := New(Config{Release: "brot", CacheDir: t.TempDir(), Keyring: archive.Keyring})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Resolve(context.Background(), appRequest)
		wantError(t, err, "the host's apt has no source of Debian's archive", "hint: set mirror")
	})
}
