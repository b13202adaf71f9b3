package uki_test

import (
	"bytes"
	"crypto/sha256"
	"debug/pe"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/uki"
)

const osRelease = "ID=bocaditos\nPRETTY_NAME=\"Bocaditos test\"\n"

// config returns a correct configuration made of Debian's stub and kernel.
func config(t testing.TB, arch string) uki.Config {
	t.Helper()
	name := map[string]string{"amd64": "linuxx64", "arm64": "linuxaa64"}[arch]
	return uki.Config{
		Stub:      hostFile(t, debiantest.Unpacked(t, arch, "systemd-boot-efi"), "usr/lib/systemd/boot/efi", name+".efi.stub"),
		Kernel:    hostFile(t, debiantest.Unpacked(t, arch, "linux-image-cloud-"+arch), "boot/vmlinuz-*"),
		Initrd:    tree.Bytes(bytes.Repeat([]byte("initrd"), 1000)),
		Cmdline:   "console=ttyS0 quiet",
		OSRelease: osRelease,
	}
}

func hostFile(t testing.TB, pattern ...string) tree.Content {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(pattern...))
	if len(files) != 1 {
		t.Fatalf("%s matches %d files", filepath.Join(pattern...), len(files))
	}
	c, err := tree.HostFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t testing.TB, c tree.Content) []byte {
	t.Helper()
	b, err := tree.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func build(t testing.TB, c uki.Config) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := uki.Build(&buf, c); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// write puts data into a new file and returns its name.
func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// ukify runs the real one, of Debian 13, on the host's Python.
func ukify(t testing.TB, args ...string) string {
	t.Helper()
	script := filepath.Join(debiantest.Unpacked(t, "amd64", "systemd-ukify"), "usr/lib/systemd/ukify")
	return debiantest.Run(t, append([]string{"/usr/bin/python3", script}, args...)...)
}

// extraLine is small: the stub's .sbat section has little room.
const extraLine = "bocaditos,1,B,b,1,https://example.com/"

func TestBuildGivesTheBytesOfUkify(t *testing.T) {
	for _, tt := range []struct {
		name, arch string
		change     func(*uki.Config)
		args       []string
	}{
		{"usual", "amd64", func(*uki.Config) {}, nil},
		{"arm64", "arm64", func(*uki.Config) {}, nil},
		{"no initrd", "amd64", func(c *uki.Config) { c.Initrd = nil }, nil},
		{"uname given", "amd64", func(c *uki.Config) { c.Uname = "6.1-mine" }, []string{"--uname=6.1-mine"}},
		{"sbat", "amd64", func(c *uki.Config) { c.SBAT = extraLine }, []string{
			"--sbat=sbat,1\nuki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/\n" + extraLine,
		}},
		{"extra sections", "amd64", func(c *uki.Config) {
			c.Extra = []uki.Section{
				{Name: ".pcrsig", Data: tree.String("{}")},
				{Name: ".ucode", Data: tree.String("micro")},
				{Name: ".splash", Data: tree.String("BM")},
				{Name: ".pcrpkey", Data: tree.String("key")},
				{Name: ".dtb", Data: tree.String("devices")},
			}
		}, []string{"--microcode", "micro", "--splash", "BM", "--pcrpkey", "key", "--devicetree", "devices", "--section=.pcrsig:{}"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config(t, tt.arch)
			tt.change(&c)
			ours := build(t, c)
			out := filepath.Join(t.TempDir(), "ukify.efi")
			args := []string{
				"build", "--output", out, "--cmdline", c.Cmdline, "--os-release", c.OSRelease,
				"--stub", write(t, "stub", read(t, c.Stub)), "--linux", write(t, "linux", read(t, c.Kernel)),
			}
			if c.Initrd != nil {
				args = append(args, "--initrd", write(t, "initrd", read(t, c.Initrd)))
			}
			for _, a := range tt.args {
				// These options take files.
				if slices.Contains([]string{"micro", "BM", "key", "devices"}, a) {
					a = write(t, a, []byte(a))
				}
				args = append(args, a)
			}
			ukify(t, args...)
			theirs, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ours, theirs) {
				t.Errorf("%d bytes, ukify made %d others; ours:\n%s\ntheirs:\n%s", len(ours), len(theirs),
					debiantest.Run(t, "objdump", "-h", write(t, "ours", ours)), debiantest.Run(t, "objdump", "-h", out))
			}
		})
	}
}

func TestInspectAgreesWithUkify(t *testing.T) {
	image := build(t, config(t, "amd64"))
	var want map[string]struct {
		Size   int64
		SHA256 string
	}
	if err := json.Unmarshal([]byte(ukify(t, "--json=short", "--all", "inspect", write(t, "uki", image))), &want); err != nil {
		t.Fatal(err)
	}
	infos, err := uki.Inspect(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) != len(want) || len(infos) < 10 {
		t.Errorf("%d sections, ukify sees %d", len(infos), len(want))
	}
	for _, i := range infos {
		if w := want[i.Name]; i.Size != w.Size || hex.EncodeToString(i.SHA256[:]) != w.SHA256 {
			t.Errorf("section %s: %d bytes %x, ukify says %v", i.Name, i.Size, i.SHA256, w)
		}
	}
}

func TestSectionsAreWhatInspectFinds(t *testing.T) {
	c := config(t, "amd64")
	sections, err := c.Sections()
	if err != nil {
		t.Fatal(err)
	}
	image := bytes.NewReader(build(t, c))
	infos, err := uki.Inspect(image)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range sections {
		names = append(names, s.Name)
		i := slices.IndexFunc(infos, func(i uki.Info) bool { return i.Name == s.Name })
		if i < 0 || infos[i].SHA256 != sha256.Sum256(read(t, s.Data)) || int64(infos[i].VirtualSize) != s.Data.Size() {
			t.Errorf("section %s is not in the image as announced", s.Name)
		}
	}
	if got, want := strings.Join(names, " "), ".sbat .osrel .cmdline .uname .linux .initrd"; got != want {
		t.Errorf("sections %s, want %s", got, want)
	}
}

// A kernel that is not made for it must not run with data that cannot be executed.
func TestKernelDecidesAboutNXCompat(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		c := config(t, arch)
		kernel := bytes.Clone(read(t, c.Kernel))
		flags := optionalHeader(t, kernel) + 70
		if kernel[flags+1]&1 == 0 {
			t.Fatalf("Debian's %s kernel has no NX_COMPAT: the test needs another", arch)
		}
		for _, want := range []bool{true, false} {
			if !want {
				kernel[flags+1] &^= 1
				c.Kernel = tree.Bytes(kernel)
			}
			f, err := pe.NewFile(bytes.NewReader(build(t, c)))
			if err != nil {
				t.Fatal(err)
			}
			got := f.OptionalHeader.(*pe.OptionalHeader64).DllCharacteristics&pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT != 0
			if got != want {
				t.Errorf("%s: NX_COMPAT of the kernel %v, of the image %v", arch, want, got)
			}
		}
	}
}

func TestUname(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		dir := debiantest.Unpacked(t, arch, "linux-image-cloud-"+arch)
		got, err := uki.Uname(hostFile(t, dir, "boot/vmlinuz-*"))
		if err != nil {
			t.Fatal(err)
		}
		modules, _ := filepath.Glob(filepath.Join(dir, "usr/lib/modules/*"))
		if len(modules) != 1 || filepath.Base(modules[0]) != got {
			t.Errorf("%s: release %q, its modules are in %q", arch, got, modules)
		}
	}
	if _, err := uki.Uname(tree.String("no kernel")); err == nil {
		t.Error("a text file has a release")
	}
}

func BenchmarkBuild(b *testing.B) {
	c := config(b, "amd64")
	initrd := write(b, "initrd", make([]byte, 200<<20))
	c.Initrd = hostFile(b, initrd)
	b.SetBytes(c.Kernel.Size() + c.Initrd.Size())
	b.ReportAllocs()
	for b.Loop() {
		f, err := os.Create(filepath.Join(b.TempDir(), "uki"))
		if err != nil {
			b.Fatal(err)
		}
		if err := uki.Build(f, c); err != nil {
			b.Fatal(err)
		}
		f.Close()
		os.Remove(f.Name())
	}
}
