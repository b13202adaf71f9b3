package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/image"
)

func TestWhy(t *testing.T) {
	p := built(t)
	for _, c := range []struct {
		path string
		want []string
	}{
		{"/usr/bin/bash", []string{"/usr/bin/bash  file 0755 0:0\n    package bash"}},
		{"/etc/motd", []string{`/etc/motd  file 0644 0:0`, `files "/etc/motd"`}},
		{"/etc/passwd", []string{"/etc/passwd  file 0644 0:0\n    systemd-sysusers"}},
		{"/usr/lib/os-release", []string{"base-files", "id, version"}},
		// Each link of a chain is explained.
		{"/bin/sh", []string{"/bin → usr/bin  symlink", "/usr/bin/sh → dash  symlink", "/usr/bin/dash  file 0755 0:0\n"}},
		{"/etc/os-release", []string{"/etc/os-release → ../usr/lib/os-release  symlink", "/usr/lib/os-release  file"}},
	} {
		bocaditos(t, "why", "--image", p.image(), c.path).wants(t, exitOK, c.want...)
	}
	bocaditos(t, "why", "--image", p.dir, "/").wants(t, exitOK, "/  dir 0755")
	bocaditos(t, "why", "--image", p.dir, "/bin/no-such-program").wants(t, exitFailure, "/bin/no-such-program is not in box_1")
	bocaditos(t, "why", "--image", p.dir, "/no/such/path").wants(t, exitFailure, "/no/such/path is not in box_1")
	// A link that points nowhere is in the image all the same.
	bocaditos(t, "why", "--image", p.dir, "/etc/mtab").wants(t, exitOK, "/etc/mtab → ../proc/self/mounts", "systemd-tmpfiles (usr/lib/tmpfiles.d/")
}

func TestCheck(t *testing.T) {
	p := project{t.TempDir()}
	write(t, p.recipe(), read(t, built(t).recipe()))
	if err := os.MkdirAll(p.image(), 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(built(t).image())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // links: an image is large, and check only reads
		if err := os.Symlink(filepath.Join(built(t).image(), e.Name()), filepath.Join(p.image(), e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	whole(t, p.image())

	uki, initrd := p.file(t, image.UKI), p.file(t, image.Initrd)
	data := []byte(read(t, uki))
	data[len(data)/2] ^= 1
	os.Remove(uki)
	os.Remove(initrd)
	write(t, uki, string(data))
	bocaditos(t, "check", p.image()).wants(t, exitFailure, "check "+p.image()+":\n",
		filepath.Base(uki)+" is not the file that was built", filepath.Base(initrd)+" is missing\n").without(t, ".vmlinuz", "as they were built")

	write(t, filepath.Join(p.dir, "broken", image.FileName), "{")
	bocaditos(t, "check", filepath.Join(p.dir, "broken")).wants(t, exitFailure, "read image manifest ")
	write(t, filepath.Join(p.dir, "newer", image.FileName), `{"format": 99}`)
	bocaditos(t, "check", filepath.Join(p.dir, "newer")).wants(t, exitFailure, "format 99")
	write(t, filepath.Join(p.dir, "evil", image.FileName), strings.Replace(read(t, p.image()+"/manifest.json"), `"box_1.efi"`, `"../box_1.efi"`, 1))
	bocaditos(t, "check", filepath.Join(p.dir, "evil")).wants(t, exitFailure, `artifact "../box_1.efi" is not a file name`)
}
