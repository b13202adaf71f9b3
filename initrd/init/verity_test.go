package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTableOfARealSuperblock(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []string
		halt    bool
		want    string
	}{
		{
			name:    "sha256",
			options: []string{"--salt=5a5b"},
			want:    "1 254:2 254:3 4096 4096 4 1 sha256 HASH 5a5b 1 restart_on_corruption",
		},
		{
			name:    "sha512, other blocks, no salt, halt",
			options: []string{"--salt=-", "--hash=sha512", "--data-block-size=512", "--hash-block-size=1024"},
			halt:    true,
			want:    "1 254:2 254:3 512 1024 32 1 sha512 HASH - 1 panic_on_corruption",
		},
		{
			name:    "the older hash type",
			options: []string{"--salt=01", "--format=0"},
			want:    "0 254:2 254:3 4096 4096 4 1 sha256 HASH 01 1 restart_on_corruption",
		},
	} {
		dir := t.TempDir()
		data, tree, hash := filepath.Join(dir, "data"), filepath.Join(dir, "tree"), filepath.Join(dir, "hash")
		if err := os.WriteFile(data, make([]byte, 16<<10), 0o644); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"format", "--uuid=01234567-89ab-cdef-0123-456789abcdef", "--root-hash-file=" + hash}, test.options...)
		if out, err := exec.Command("veritysetup", append(args, data, tree)...).CombinedOutput(); err != nil {
			t.Fatalf("veritysetup: %v (is it installed? make test does that)\n%s", err, out)
		}
		text, err := os.ReadFile(hash)
		if err != nil {
			t.Fatal(err)
		}
		rootHash, err := decodeHex(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		image, err := os.ReadFile(tree)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseSuperblock(image[:superblockSize])
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Replace(s.table(rootHash, "254:2", "254:3", test.halt), encodeHex(rootHash), "HASH", 1); got != test.want {
			t.Errorf("%s: table\n%s\nwant\n%s", test.name, got, test.want)
		}
		if s.sectors() != 32 || s.uuid != "0123456789abcdef0123456789abcdef" {
			t.Errorf("%s: %d sectors, UUID %s", test.name, s.sectors(), s.uuid)
		}
		if err := checkSuperblock(tree, image[:superblockSize]); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		image[20]++
		if err := checkSuperblock(tree, image[:superblockSize]); err == nil || !strings.HasPrefix(err.Error(), "refused") {
			t.Errorf("%s: another superblock gave %v", test.name, err)
		}
	}
}

func TestParseSuperblockRefuses(t *testing.T) {
	for _, test := range []struct {
		at   int
		b    byte
		want string
	}{
		{0, 'V', "not a verity superblock of version 1"},
		{8, 2, "not a verity superblock of version 1"},
		{32, 0, "verity superblock without a hash algorithm"},
		{35, ' ', "verity superblock without a hash algorithm"},
		{65, 0x11, "verity block of 4352 bytes"},
		{69, 0, "verity block of 0 bytes"},
		{72, 0, "verity device of 0 blocks"},
		{78, 1, "verity device of 281474976710657 blocks"},
		{81, 2, "verity salt of more than 256 bytes"},
	} {
		b := make([]byte, superblockSize)
		copy(b, "verity\x00\x00\x01")
		copy(b[32:], "sha256")
		b[65], b[69], b[72], b[80] = 0x10, 0x10, 1, 1
		if _, err := parseSuperblock(b); err != nil {
			t.Fatal(err)
		}
		b[test.at] = test.b
		if _, err := parseSuperblock(b); err == nil || err.Error() != test.want {
			t.Errorf("byte %d: got error %v, want %s", test.at, err, test.want)
		}
	}
}

// Links lead where they will lead after the switch of root, and not out of it.
func TestCheckExecutable(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"usr/lib", "sbin"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"usr/lib/systemd-only-here": 0o755, "usr/lib/data": 0o644} {
		if err := os.WriteFile(filepath.Join(root, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"sbin/init": "/usr/lib/systemd-only-here", "sbin/up": "../../../../usr/lib/systemd-only-here", "sbin/host": "/bin/sh",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for p, want := range map[string]string{
		"/sbin/init":    "",
		"/sbin/up":      "",
		"/sbin/host":    "no such file or directory",
		"/sbin/nothing": "no such file or directory",
		"/usr/lib/data": "not an executable file",
		"/usr/lib":      "not an executable file",
	} {
		got := ""
		if err := checkExecutable(root, p); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", p, got, want)
		}
	}
}
