package main

import (
	"fmt"
	"testing"

	"github.com/bocaditos/bocaditos/internal/archivetest"
)

// bareSystem is what a recipe needs of an archive to get as far as merging:
// its packages and those that every image has. It has no systemd, or one that
// is none: nothing that is built of it gets further.
var bareSystem = []archivetest.Package{
	{Suite: "brot", Name: "layout", Files: map[string]string{"usr/lib/os-release": "ID=brot\n", "usr/share/layout/x": "x"}},
	{Suite: "brot", Name: "one", Files: map[string]string{"usr/bin/tool": "one", "usr/share/one": "1"}},
	{Suite: "brot", Name: "two", Files: map[string]string{"usr/bin/tool": "two", "usr/share/two": "2"}},
	{Suite: "brot", Name: "heir", Fields: "Replaces: one\n", Files: map[string]string{"usr/bin/tool": "heir"}},
	{Suite: "brot", Name: "boots", Files: map[string]string{"DEBIAN/postinst": "#!/bin/sh\nsystemctl enable x\n"}},
	{Suite: "brot", Name: "odd", Files: map[string]string{
		"DEBIAN/config":   "#!/bin/sh\n",
		"DEBIAN/postinst": "#!/bin/sh\nif [ \"$1\" = configure ]; then adduser --system odd; chown odd /var/lib/odd; a 1; a 2; fi\nsystemctl restart odd\n",
		"DEBIAN/prerm":    "#!/usr/bin/perl\n",
	}},
	{Suite: "brot", Name: "init", Files: map[string]string{"usr/lib/systemd/systemd": "elf"}},
	{Suite: "brot", Name: "alice", Files: map[string]string{"usr/lib/sysusers.d/alice.conf": "u alice 150\n"}},
	{Suite: "brot", Name: "bob", Files: map[string]string{"usr/lib/sysusers.d/bob.conf": "# Bob\nu bob 150\n"}},
	{Suite: "brot", Name: "kern", Files: map[string]string{"boot/vmlinuz-1": "MZ"}},
	{Suite: "brot", Name: "systemd-boot-efi", Files: map[string]string{"usr/lib/systemd/boot/efi/linuxx64.efi.stub": "MZ"}},
}

// private makes an archive of packages, and with it a project that installs
// some of them, with a cache of its own and no connection to the host's apt.
type private struct {
	project
	*archivetest.Archive
	cache   string
	install string // TOML
}

func newPrivate(t *testing.T, install string) *private {
	t.Helper()
	archivetest.FakeHost(t, "")
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	usedKeys = true
	pool := t.TempDir()
	archivetest.MakePool(t, pool, bareSystem)
	p := &private{project: project{t.TempDir()}, Archive: k.New(t, pool), cache: t.TempDir(), install: install}
	p.from(t, "file://"+p.Archive.Dir)
	t.Cleanup(func() { noTraces(t, p.dir) })
	return p
}

// from writes the recipe, which names this mirror.
func (p *private) from(t *testing.T, mirror string) {
	t.Helper()
	write(t, p.recipe(), fmt.Sprintf(`id = "box"
version = "1"
[packages]
install = %s
[kernel]
package = "kern"
[debian]
release = "brot"
mirror = %q
keyring = %q
`, p.install, mirror, p.Keyring))
}

// do runs the tool with this project and its cache.
func (p *private) do(t *testing.T, verb string, args ...string) result {
	t.Helper()
	return bocaditos(t, append([]string{verb, p.dir, "--cache", p.cache}, args...)...)
}
