package main

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// settingsText is what package initrd writes; its tests compare with the same file.
func settingsText(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../testdata/root")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestParseRoot(t *testing.T) {
	r, err := parseRoot(settingsText(t))
	if err != nil {
		t.Fatal(err)
	}
	const id = "12345678-1234-5678-1234-567812345678"
	if r.dataUUID() != id || r.hashUUID() != id || len(r.superblock) != 512 || string(r.superblock[:6]) != "verity" ||
		!r.halt || r.wait != 30*time.Second || r.name != "root" || r.next != "/usr/lib/systemd/systemd" ||
		r.dataType != "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" || r.hashType != "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5" {
		t.Errorf("got %+v", r)
	}
}

func TestParseRootRefuses(t *testing.T) {
	good := settingsText(t)
	for _, test := range []struct{ old, new, want string }{
		{"wait 30\n", "", "wait: need 1 to 3600 seconds"},
		{"wait 30\n", "wait 30\nwait 31\n", "second line for wait"},
		{"wait 30", "wait 3601", "wait: need 1 to 3600 seconds"},
		{"wait 30", "wait", `line without a value: "wait"`},
		{"wait 30", "", `line without a value: ""`},
		{"wait 30\n", "wait 30\nshell yes\n", `unknown setting "shell"`},
		{"halt", "ignore", "on-corruption: neither reboot nor halt"},
		{"root-hash 12", "root-hash 1g", "root-hash: need 32 to 64 bytes in hexadecimal"},
		{"root-hash 12", "root-hash ", "root-hash: need 32 to 64 bytes in hexadecimal"},
		{"superblock 76", "superblock ", "superblock: need 512 bytes in hexadecimal"},
		{"root-type 4f", "root-type 4F", "root-type: not a lower-case UUID"},
		{"verity-type 2c", "verity-type c", "verity-type: not a lower-case UUID"},
		{"name root", "name ../root", "name: not a device-mapper name"},
		{"exec /usr", "exec usr", "exec: not an absolute path"},
		{"exec /usr", "modules usr\nexec /usr", "modules: not an absolute path"},
	} {
		_, err := parseRoot(strings.Replace(good, test.old, test.new, 1))
		if err == nil || err.Error() != test.want {
			t.Errorf("%q for %q: got error %v, want %s", test.new, test.old, err, test.want)
		}
	}
}

func FuzzParseRoot(f *testing.F) {
	f.Add(settingsText(f))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRoot(text)
		if err != nil {
			return
		}
		if len(r.hash) < 32 || len(r.superblock) != 512 || r.wait <= 0 || r.wait > time.Hour ||
			!isUUID(r.dataType) || !isUUID(r.hashType) || r.next[0] != '/' || !isUUID(r.dataUUID()) || !isUUID(r.hashUUID()) {
			t.Errorf("accepted %+v", r)
		}
	})
}

func TestParseModules(t *testing.T) {
	got, err := parseModules("required /lib/modules/b.ko\noptional /lib/modules/a.ko /lib/modules/c.ko /lib/modules/b.ko\n")
	want := []module{{"/lib/modules/b.ko", []string{}, true}, {"/lib/modules/a.ko", []string{"/lib/modules/c.ko", "/lib/modules/b.ko"}, false}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v (%v)", got, err)
	}
	for _, bad := range []string{"/lib/modules/a.ko", "required a.ko", "sometimes /a.ko", "required", "required ", "required /a.ko b.ko", "required /a.ko "} {
		if _, err := parseModules(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestLoadAll(t *testing.T) {
	modules := []module{
		{path: "/ok"},
		{path: "/no-hardware"},
		{path: "/driver", needs: []string{"/ok", "/no-hardware"}},
		{path: "/upper", needs: []string{"/driver"}},
		{path: "/fine", needs: []string{"/ok"}},
		{path: "/must", needs: []string{"/no-hardware"}, required: true}, // it is tried all the same
		{path: "/later"},
	}
	var tried []string
	load := func(fails ...string) (int, error) {
		tried = nil
		return loadAll(modules, func(path string) error {
			if tried = append(tried, path); slices.Contains(fails, path) {
				return syscall.ENODEV
			}
			return nil
		})
	}
	if loaded, err := load("/no-hardware"); loaded != 4 || err != nil || strings.Join(tried, " ") != "/ok /no-hardware /fine /must /later" {
		t.Errorf("loaded %d, tried %q: %v", loaded, tried, err)
	}
	if loaded, err := load("/no-hardware", "/must"); loaded != 2 || err == nil || err.Error() != "load module /must: no such device" {
		t.Errorf("loaded %d: %v", loaded, err)
	}
}
