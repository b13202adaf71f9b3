package kernel_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/tree"
)

// files makes a tree of path and content.
func files(t *testing.T, content map[string]string) *tree.Tree {
	t.Helper()
	tr := tree.New()
	for p, text := range content {
		n := tree.NewFile(0o644, tree.String(text), tree.Origin{})
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			n = tree.NewSymlink(target, tree.Origin{})
		}
		if err := tr.Put(p, n); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

// bzImage is the header of an x86 kernel of that version, and no more.
func bzImage(version string) string {
	b := make([]byte, 0x300)
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x20e:], 0x80)
	copy(b[0x280:], version+" (someone@somewhere) #1 SMP\x00")
	return string(b)
}

func arm64Image() string {
	b := make([]byte, 64)
	copy(b[0x38:], "ARM\x64")
	return string(b)
}

func zboot(machine uint16) string {
	b := make([]byte, 128)
	copy(b, "MZ\x00\x00zimg")
	binary.LittleEndian.PutUint32(b[0x3c:], 64)
	copy(b[64:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(b[68:], machine)
	return string(b)
}

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name          string
		tree          map[string]string
		version, path string
		arch          string
		err           string
	}{
		{name: "in /boot", tree: map[string]string{"/boot/vmlinuz-6.1-x": bzImage("6.1-x")}, version: "6.1-x", path: "/boot/vmlinuz-6.1-x", arch: "amd64"},
		{name: "beside its modules", tree: map[string]string{"/usr/lib/modules/6.1/vmlinuz": arm64Image()}, version: "6.1", path: "/usr/lib/modules/6.1/vmlinuz", arch: "arm64"},
		{
			name:    "merged /usr, and a link in /boot",
			tree:    map[string]string{"/lib": "-> usr/lib", "/usr/lib/modules/6.1/vmlinuz": bzImage("6.1"), "/boot/vmlinuz-6.1": "-> ../usr/lib/modules/6.1/vmlinuz"},
			version: "6.1", path: "/usr/lib/modules/6.1/vmlinuz", arch: "amd64",
		},
		{name: "EFI zboot", tree: map[string]string{"/boot/vmlinuz-6.1": zboot(0xaa64)}, version: "6.1", path: "/boot/vmlinuz-6.1", arch: "arm64"},
		{
			name: "two", tree: map[string]string{"/boot/vmlinuz-6.2": bzImage("6.2"), "/usr/lib/modules/6.1/vmlinuz": bzImage("6.1")},
			err: "find kernel: 2 kernels where one is needed: /boot/vmlinuz-6.2, /usr/lib/modules/6.1/vmlinuz",
		},
		{name: "none", tree: map[string]string{"/boot/config-6.1": ""}, err: "find kernel: no kernel (looked for /boot/vmlinuz-VERSION and /usr/lib/modules/VERSION/vmlinuz)"},
		{name: "of another version", tree: map[string]string{"/boot/vmlinuz-6.1": bzImage("6.2")}, err: "kernel image /boot/vmlinuz-6.1: its header says it is version 6.2"},
		{
			name: "not a kernel", tree: map[string]string{"/boot/vmlinuz-6.1": "text"},
			err: "kernel image /boot/vmlinuz-6.1: not a kernel for amd64 or arm64 (neither bzImage nor ARM64 Image nor EFI zboot)",
		},
		{name: "of a machine we do not know", tree: map[string]string{"/boot/vmlinuz-6.1": zboot(0x5064)}, err: "kernel image /boot/vmlinuz-6.1: EFI zboot image for unknown machine 0x5064"},
		{
			name: "dangling link", tree: map[string]string{"/boot/vmlinuz-6.1": "-> nothing"},
			err: "kernel image /boot/vmlinuz-6.1: look up /boot/vmlinuz-6.1: no such file or directory in the tree",
		},
	} {
		k, err := kernel.Find(files(t, test.tree))
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: got error %v, want %s", test.name, err, test.err)
			}
			continue
		}
		if err != nil || k.Version != test.version || k.ImagePath != test.path || k.Arch != test.arch {
			t.Errorf("%s: got %s at %s for %s (%v)", test.name, k.Version, k.ImagePath, k.Arch, err)
		}
	}
	if _, err := kernel.Find(tree.New()); !errors.Is(err, kernel.ErrNone) {
		t.Errorf("empty tree: got error %v", err)
	}
}

// modulesDir is a small kernel: top needs mid, mid needs low; mid would like
// soft (an alias of two) before it and after after it.
var modulesDir = map[string]string{
	"/usr/lib/modules/6.1/modules.dep": "k/top-mod.ko: k/mid.ko k/low.ko\nk/mid.ko: k/low.ko\nk/low.ko:\n" +
		"k/soft_a.ko: k/low.ko\nk/soft_b.ko:\nk/after.ko: k/mid.ko k/low.ko\nk/loop.ko: k/mid.ko k/low.ko\n",
	"/usr/lib/modules/6.1/modules.softdep": "# comment\nsoftdep mid ignored pre: crypto-soft loop missing post: after\n",
	"/usr/lib/modules/6.1/modules.alias":   "alias crypto-soft soft_a\nalias crypto_soft soft_b\nalias pci:v*d* low\n",
	"/usr/lib/modules/6.1/modules.builtin": "kernel/built-in.ko\n",
	"/usr/lib/modules/6.1/k/top-mod.ko":    "top", "/usr/lib/modules/6.1/k/mid.ko": "mid", "/usr/lib/modules/6.1/k/low.ko": "low",
	"/usr/lib/modules/6.1/k/soft_a.ko": "a", "/usr/lib/modules/6.1/k/soft_b.ko": "b", "/usr/lib/modules/6.1/k/after.ko": "after",
	"/usr/lib/modules/6.1/k/loop.ko": "loop",
}

func TestModules(t *testing.T) {
	for _, test := range []struct {
		name               string
		required, optional []string
		want               string // "!" marks the required ones
		err                string
	}{
		{name: "one", optional: []string{"low"}, want: "low"},
		{name: "dependencies and soft dependencies", required: []string{"top_mod"}, want: "low! soft_a soft_b mid! after top_mod!"},
		{name: "dashes", optional: []string{"top-mod"}, want: "low soft_a soft_b mid after top_mod"},
		{name: "required later", required: []string{"mid"}, optional: []string{"low", "after"}, want: "low! soft_a soft_b mid! after"},
		{name: "built in, and missing", required: []string{"built_in"}, optional: []string{"built-in", "missing"}, want: ""},
		{name: "alias", optional: []string{"crypto_soft"}, want: "low soft_a soft_b"},
		{name: "required and missing", required: []string{"dm-verity"}, err: "kernel 6.1 has no module dm-verity, neither as a file nor built in"},
	} {
		modules, err := kernel.Modules(files(t, modulesDir), "6.1", test.required, test.optional)
		var got []string
		for _, m := range modules {
			name := m.Name
			if m.Required {
				name += "!"
			}
			if m.Name == "top_mod" && !slices.Equal(m.Needs, []string{"mid", "low"}) {
				t.Errorf("%s: top_mod needs %v", test.name, m.Needs)
			}
			got = append(got, name)
		}
		if test.err == "" && (err != nil || strings.Join(got, " ") != test.want) {
			t.Errorf("%s: got %s (%v), want %s", test.name, got, err, test.want)
		}
		if test.err != "" && (err == nil || err.Error() != test.err) {
			t.Errorf("%s: got error %v, want %s", test.name, err, test.err)
		}
	}
}

func TestModulesErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		tree map[string]string
		err  string
	}{
		{"no directory", map[string]string{"/usr/lib/modules/6.2/modules.dep": ""}, "kernel 6.1 has no modules directory (looked for /usr/lib/modules/6.1)"},
		{"no depmod", map[string]string{"/usr/lib/modules/6.1/k/a.ko": ""}, "/usr/lib/modules/6.1 has no modules.dep: depmod has not been run"},
		{"odd modules.dep", map[string]string{"/usr/lib/modules/6.1/modules.dep": "k/a.ko"}, `/usr/lib/modules/6.1/modules.dep: line without colon: "k/a.ko"`},
		{
			"file missing", map[string]string{"/usr/lib/modules/6.1/modules.dep": "k/a.ko:"},
			"module a of kernel 6.1: look up /usr/lib/modules/6.1/k/a.ko: no such file or directory in the tree",
		},
	} {
		if _, err := kernel.Modules(files(t, test.tree), "6.1", nil, []string{"a"}); err == nil || err.Error() != test.err {
			t.Errorf("%s: got error %v, want %s", test.name, err, test.err)
		}
	}
}

// TestModuleData reads what the compressors themselves write.
func TestModuleData(t *testing.T) {
	want := bytes.Repeat([]byte("a module\n"), 10000)
	dir := t.TempDir()
	file := filepath.Join(dir, "a.ko")
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
	for ext, command := range map[string][]string{
		"": {"cat"}, ".xz": {"xz", "--check=crc32", "--lzma2=dict=1MiB", "-c"}, ".zst": {"zstd", "-q", "-19", "-c"}, ".gz": {"gzip", "-9", "-c"},
	} {
		packed, err := exec.Command(command[0], append(command[1:], file)...).Output()
		if err != nil {
			t.Fatalf("%s: %v (is it installed? make test does that)", command[0], err)
		}
		tr := files(t, map[string]string{"/lib/modules/6.1/modules.dep": "a.ko" + ext + ":", "/lib/modules/6.1/a.ko" + ext: string(packed)})
		modules, err := kernel.Modules(tr, "6.1", []string{"a"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := modules[0].Data(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("a.ko%s: got %d bytes (%v), want %d", ext, len(got), err, len(want))
		}
		if ext == "" {
			continue
		}
		tr = files(t, map[string]string{"/lib/modules/6.1/modules.dep": "a.ko" + ext + ":", "/lib/modules/6.1/a.ko" + ext: string(packed[:len(packed)/2])})
		if modules, err = kernel.Modules(tr, "6.1", []string{"a"}, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := modules[0].Data(); err == nil || !strings.HasPrefix(err.Error(), "read module /lib/modules/6.1/a.ko"+ext) {
			t.Errorf("half of a.ko%s: got %d bytes (%v), want an error", ext, len(got), err)
		}
	}
}
