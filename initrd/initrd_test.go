package initrd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/initrd"
)

// example is a small initrd; testdata/root is what it says of the root, which
// the tests of initrd/init read too.
func example() initrd.Config {
	super := make([]byte, 512)
	copy(super, "verity\x00\x00")
	return initrd.Config{
		Init: []byte("the program"),
		Root: initrd.Root{
			Hash: bytes.Repeat([]byte{0x12, 0x34, 0x56, 0x78}, 8), Superblock: super,
			DataType: strings.ToUpper(typeRoot), HashType: typeVerity,
			OnCorruption: initrd.Halt, Wait: 30 * time.Second, Name: "root", Next: "/usr/lib/systemd/systemd",
		},
		Modules: []initrd.Module{
			{Name: "dm_mod", Data: []byte("first"), Required: true},
			{Name: "crc32c-intel", Data: []byte("second"), Needs: []string{"dm_mod"}},
		},
	}
}

func write(t testing.TB, c initrd.Config) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := initrd.Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpack has zstd(1) and cpio(1) read an initrd; it returns cpio's listing and
// the directory with the files.
func unpack(t *testing.T, b []byte) (listing []string, dir string) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, "initrd")
	if err := os.WriteFile(file+".zst", b, 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, "zstd", "-q", "-d", file+".zst", "-o", file)
	tool(t, "cpio", "-i", "-d", "--quiet", "--no-absolute-filenames", "-D", dir, "-F", file)
	for line := range strings.Lines(tool(t, "cpio", "-i", "-t", "-v", "--numeric-uid-gid", "--quiet", "-F", file)) {
		f := strings.Fields(line) // mode links uid gid size month day year name
		listing = append(listing, strings.Join(append(f[:5:5], f[7:]...), " "))
	}
	return listing, dir
}

func TestWrite(t *testing.T) {
	listing, dir := unpack(t, write(t, example()))
	want := []string{
		"drwxr-xr-x 2 0 0 0 1970 dev",
		"-rw-rw-rw- 1 0 0 0 1970 dev/null",
		"drwxr-xr-x 2 0 0 0 1970 etc",
		"drwxr-xr-x 2 0 0 0 1970 etc/bocaditos",
		"-r--r--r-- 1 0 0 93 1970 etc/bocaditos/modules",
		"-r--r--r-- 1 0 0 1274 1970 etc/bocaditos/root",
		"-rwxr-xr-x 1 0 0 11 1970 init",
		"drwxr-xr-x 2 0 0 0 1970 lib",
		"drwxr-xr-x 2 0 0 0 1970 lib/modules",
		"-r--r--r-- 1 0 0 5 1970 lib/modules/dm_mod.ko",
		"-r--r--r-- 1 0 0 6 1970 lib/modules/crc32c-intel.ko",
	}
	if !slices.Equal(listing, want) {
		t.Errorf("cpio lists\n%s\nwant\n%s", strings.Join(listing, "\n"), strings.Join(want, "\n"))
	}
	c := example()
	c.Modules = nil
	listing, _ = unpack(t, write(t, c))
	want = append(want[:4:4], want[5:7]...)
	if !slices.Equal(listing, want) {
		t.Errorf("without modules cpio lists\n%s\nwant\n%s", strings.Join(listing, "\n"), strings.Join(want, "\n"))
	}
	for file, want := range map[string]string{
		"init":                        "the program",
		"lib/modules/crc32c-intel.ko": "second",
		"etc/bocaditos/modules":       "required /lib/modules/dm_mod.ko\noptional /lib/modules/crc32c-intel.ko /lib/modules/dm_mod.ko\n",
		"etc/bocaditos/root":          string(read(t, "testdata/root")),
	} {
		if got := read(t, filepath.Join(dir, file)); string(got) != want {
			t.Errorf("%s is\n%s\nwant\n%s", file, got, want)
		}
	}
}

func TestWriteIsDeterministic(t *testing.T) {
	c := example()
	c.Init = bytes.Repeat([]byte("a program of some length, so that there is something to compress\n"), 50000)
	first := write(t, c)
	t.Setenv("TZ", "Pacific/Kiritimati")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 2))
	if !bytes.Equal(first, write(t, c)) {
		t.Error("the same config gave other bytes the second time")
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, test := range []struct {
		change func(*initrd.Config)
		want   string
	}{
		{func(c *initrd.Config) { c.Init = nil }, "write initrd: no init program"},
		{func(c *initrd.Config) { c.Root.Hash = c.Root.Hash[:31] }, "write initrd: root hash of 31 bytes, need 32 to 64"},
		{func(c *initrd.Config) { c.Root.Superblock = make([]byte, 512) }, "write initrd: not a verity superblock of 512 bytes"},
		{func(c *initrd.Config) { c.Root.DataType = "root" }, `write initrd: partition type of the root "root" is not a UUID`},
		{func(c *initrd.Config) { c.Root.HashType = "" }, `write initrd: partition type of the verity data "" is not a UUID`},
		{func(c *initrd.Config) { c.Root.OnCorruption = "ignore" }, `write initrd: policy on corruption "ignore" is neither reboot nor halt`},
		{func(c *initrd.Config) { c.Root.Wait = 0 }, "write initrd: waiting time 0s is not between 1 s and 1 h in whole seconds"},
		{func(c *initrd.Config) { c.Root.Name = "a/b" }, `write initrd: device-mapper name "a/b": need 1 to 64 letters, digits, dashes or underscores`},
		{func(c *initrd.Config) { c.Root.Next = "/init\nwait 1" }, `write initrd: program to start "/init\nwait 1" is not an absolute path`},
		{func(c *initrd.Config) { c.Modules[0].Name = "../init" }, `write initrd: module name "../init" is not letters, digits, dashes and underscores`},
		{func(c *initrd.Config) { c.Modules[1].Needs = []string{"dm_bufio"} }, "write initrd: module crc32c-intel needs dm_bufio, which is not there"},
		{func(c *initrd.Config) { c.Modules[0].Name = c.Modules[1].Name }, "write initrd: module crc32c-intel twice"},
	} {
		c := example()
		test.change(&c)
		if err := initrd.Write(new(bytes.Buffer), c); err == nil || err.Error() != test.want {
			t.Errorf("got error %q, want %q", err, test.want)
		}
	}
}

// TestSize keeps the promise of a small initrd, with what a real cloud kernel
// needs.
func TestSize(t *testing.T) {
	_, modules := debianKernel(t)
	c := example()
	c.Init, c.Modules = initBinary(t, "amd64"), modules
	size := len(write(t, c))
	t.Logf("initrd of %d bytes: init %d bytes, %d modules", size, len(c.Init), len(modules))
	if size > 2_000_000 {
		t.Errorf("initrd of %d bytes, promised are at most 2 MB", size)
	}
	if len(c.Init) > 1_800_000 {
		t.Errorf("init of %d bytes, promised are at most 1.8 MB", len(c.Init))
	}
}

func BenchmarkWrite(b *testing.B) {
	c := example()
	program, err := initrd.InitBinary(b.Context(), "amd64", b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	c.Init = program
	b.SetBytes(int64(len(program)))
	for b.Loop() {
		write(b, c)
	}
}
