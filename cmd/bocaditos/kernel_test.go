package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/uki"
)

// A kernel that cannot open the root is refused before it is compiled.
func TestKernelWithoutEROFS(t *testing.T) {
	p := derive(t, "", "[kernel.build]\nfragments = [\"base\", \"x86-64\", \"systemd\", \"network\", \"virtio\", \"efi\", \"dm-verity\"]\n")
	r := bocaditos(t, "build", p.dir).wants(t, int(builder.Content), "EROFS_FS", "the root is an EROFS filesystem", "kernel.build.fragments")
	r.without(t, "compiling")
	p.holds(t)
	bocaditos(t, "kernel", "check", p.dir).wants(t, int(builder.Content), "error    EROFS_FS", "note     AUDIT")
	bocaditos(t, "kernel", "check", "--json", "--config", filepath.Join(p.dir, "none"), p.dir).wants(t, int(builder.Recipe), "none: no such file")
	write(t, filepath.Join(p.dir, "config"), bocaditos(t, "kernel", "config", built(t).dir).wants(t, exitOK).stdout)
	// Debian's has it as a module, which is of use only with Debian's modules in the image.
	bocaditos(t, "kernel", "check", "--config", filepath.Join(p.dir, "config"), p.dir).wants(t, int(builder.Content), "EROFS_FS=y")
	for _, args := range [][]string{nil, {"--config", filepath.Join(p.dir, "config")}} { // with them it will do
		bocaditos(t, append([]string{"kernel", "check", built(t).dir}, args...)...).wants(t, exitOK, "the kernel has all that the image needs")
	}
}

// The cross compiler of the lock makes kernels for the other architecture.
func TestKernelForARM64(t *testing.T) {
	p := kernelProject(t, "")
	text := strings.Replace(read(t, p.recipe()), "x86-64", "arm64", 1)
	write(t, p.recipe(), text)
	os.Remove(p.lock())
	bocaditos(t, "kernel", "config", p.dir).wants(t, exitOK, "CONFIG_ARM64=y", "CONFIG_EROFS_FS=y", "CONFIG_DM_VERITY=y")
	lock := read(t, p.lock())
	for _, want := range []string{"name = 'gcc-aarch64-linux-gnu'", "architecture = 'amd64'", "architecture = 'arm64'"} {
		if !strings.Contains(lock, want) {
			t.Errorf("the lock lacks %s", want)
		}
	}
	write(t, p.recipe(), text+"\n"+tiny)
	write(t, filepath.Join(p.dir, "tiny.config"), "CONFIG_EXPERT=y\nCONFIG_IKCONFIG=y\nCONFIG_EFI=y\n")
	dir := kernelDir(t, bocaditos(t, "kernel", "build", p.dir).wants(t, exitOK, "Linux 6."))
	if image := read(t, filepath.Join(dir, "vmlinuz")); len(image) < 0x40 || image[0x38:0x3c] != "ARM\x64" {
		t.Error("what was made is no kernel for arm64")
	}
	if config := read(t, filepath.Join(dir, "config")); !strings.Contains(config, "aarch64-linux-gnu-gcc") {
		t.Error("the configuration does not name the cross compiler")
	}
	content := func(file string) tree.Content {
		c, err := tree.HostFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	stub := filepath.Join(debiantest.Unpacked(t, "arm64", "systemd-boot-efi"), "usr/lib/systemd/boot/efi/linuxaa64.efi.stub")
	var unified bytes.Buffer
	err := uki.Build(&unified, uki.Config{
		Stub: content(stub), Kernel: content(filepath.Join(dir, "vmlinuz")), Initrd: tree.String("initrd"),
		Cmdline: "quiet", OSRelease: "ID=test\n", Uname: strings.TrimSpace(read(t, filepath.Join(dir, "release"))),
	})
	if err != nil {
		t.Errorf("its unified kernel image: %v", err)
	}
}

// A kernelProject has a recipe with a kernel to make, of Debian's source unless
// tables say otherwise. Its lock is that of the first one, so that all tests use
// the same packages.
func kernelProject(t *testing.T, build string, more ...string) project {
	t.Helper()
	p := project{t.TempDir()}
	write(t, filepath.Join(p.dir, "tiny.config"), "# as small as it gets\nCONFIG_EXPERT=y\nCONFIG_64BIT=y\nCONFIG_IKCONFIG=y\n")
	write(t, p.recipe(), `id = "box"
version = "1"
architecture = "x86-64"
packages.install = ["base-files"]
`+strings.Join(more, "\n")+`
[kernel.build]
`+build)
	lock := filepath.Join(scratch, "kernel.lock")
	if strings.Contains(build, "compiler") || strings.Contains(build, "directory") || strings.Contains(build, "tarball") {
		return p
	}
	if _, err := os.Stat(lock); err != nil {
		bocaditos(t, "lock", p.dir).wants(t, exitOK)
		write(t, lock, read(t, p.lock()))
	}
	write(t, p.lock(), read(t, lock))
	return p
}

// The smallest kernel for this architecture: it is made in a minute.
const tiny = `fragments = ["./tiny.config"]
`

// What is asked for and does not come true is an error that says why.
func TestKernelConfigErrors(t *testing.T) {
	for _, c := range []struct {
		name, build string
		code        int
		want        []string
	}{
		{"unknown symbol", `options = ["EROFS_FZ=y"]`, int(builder.Recipe), []string{"EROFS_FZ", "EROFS_FS"}},
		{"unmet dependency", `fragments = ["./tiny.config"]` + "\n" + `options = ["DM_VERITY=y"]`, int(builder.Recipe), []string{"DM_VERITY", "BLK_DEV_DM"}},
		{"modules", `options = ["EXT4_FS=m"]`, int(builder.Recipe), []string{"EXT4_FS=m", "no modules"}},
		{"no such fragment", `fragments = ["virtoi"]`, int(builder.Recipe), []string{`no fragment "virtoi"`, "virtio", "./virtoi.config"}},
		{"no such file", `fragments = ["./none.config"]`, int(builder.Recipe), []string{"none.config", "no such file"}},
		{"conflict", `fragments = ["erofs", "./other.config"]`, int(builder.Recipe), []string{"EROFS_FS", "erofs:", "other.config:2", "kernel.build.options"}},
		{"other architecture", `fragments = ["base", "arm64"]`, int(builder.Recipe), []string{`"arm64" is for another architecture, the kernel is for x86-64`, "leave it out"}},
		{"bad line", `fragments = ["./bad.config"]`, int(builder.Recipe), []string{"bad.config:2", "EROFS_FS"}},
		{"no such compiler", `compiler = "gcc-3"`, int(builder.Packages), []string{"gcc-3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Contains(c.build, "[\"./") || strings.Contains(c.build, "options") {
				c.build += "\n"
			}
			p := kernelProject(t, c.build)
			write(t, filepath.Join(p.dir, "other.config"), "# of ours\n# CONFIG_EROFS_FS is not set\n")
			write(t, filepath.Join(p.dir, "bad.config"), "CONFIG_A=y\nEROFS_FS=yes please\n")
			bocaditos(t, "kernel", "config", p.dir).wants(t, c.code, c.want...)
		})
	}
}

// A source directory that is no kernel, but has what make is asked for: errors of
// compiling it are those of any kernel.
func sourceTree(t *testing.T, dir, recipe string) {
	t.Helper()
	for name, text := range map[string]string{
		"Kconfig":              "config A\n\tbool \"a\"\n",
		"scripts/kconfig/none": "",
		"arch/none":            "",
		"broken.c":             "int f(void)\n{\n\treturn missing;\n}\n",
		"Makefile":             "allnoconfig:\n\t@cat $(KCONFIG_ALLCONFIG) > $(O)/.config\nbzImage:\n" + recipe,
	} {
		write(t, filepath.Join(dir, name), text)
	}
}

func TestKernelThatDoesNotCompile(t *testing.T) {
	for _, c := range []struct {
		name, recipe string
		want         []string
	}{
		{"error in the source", "\t@echo '  CC      broken.o'; $(CC) -c broken.c -o $(O)/broken.o\n", []string{"broken.c:3:16: error: 'missing' undeclared", "return missing;", "build.log"}},
		{"program that is not there", "\tpahole --version\n", []string{"pahole", `"dwarves" to kernel.build.tools`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			sourceTree(t, dir, c.recipe)
			p := kernelProject(t, "directory = \""+dir+"\"\noptions = [\"A=y\"]\nfragments = []\n")
			bocaditos(t, "kernel", "build", p.dir).wants(t, int(builder.Content), c.want...).without(t, "Error 2")
		})
	}
}

func TestKernelSource(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "linux.tar")
	write(t, file, "not a kernel")
	wrong := strings.Repeat("0", 64)
	for _, c := range []struct {
		name, build string
		code        int
		want        []string
	}{
		{"another file", "tarball = \"" + file + "\"\nsha256 = \"" + wrong + "\"", int(builder.Packages), []string{file, "its SHA-256 is", wrong, "find out which"}},
		{"another file, fetched", "tarball = \"file://" + file + "\"\nsha256 = \"" + wrong + "\"", int(builder.Packages), []string{"linux.tar", "its SHA-256 is"}},
		{"no file", "tarball = \"none.tar\"\nsha256 = \"" + wrong + "\"", int(builder.Recipe), []string{"none.tar", "no such file"}},
		{"no archive", "tarball = \"" + file + "\"\nsha256 = \"" + sum(t, file) + "\"", int(builder.Packages), []string{"linux.tar", "unpack"}},
		{"no source", "directory = \"" + dir + "\"", int(builder.Recipe), []string{"kernel.build.directory", "Makefile"}},
		{"no package with a source", `package = "hello"`, int(builder.Packages), []string{"hello", "/usr/src/linux-source-"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := kernelProject(t, c.build)
			os.Remove(p.lock())
			bocaditos(t, "kernel", "config", p.dir).wants(t, c.code, c.want...)
		})
	}
}

func sum(t *testing.T, file string) string {
	t.Helper()
	out, err := exec.Command("sha256sum", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out[:64])
}

// Two builds of one kernel are the same, also when one of them was killed and
// went on, with another cache, user mask, time zone and number of jobs. A
// third one does nothing.
func TestKernelTwice(t *testing.T) {
	p := kernelProject(t, tiny)
	first := kernelDir(t, bocaditos(t, "kernel", "build", p.dir).wants(t, exitOK, "configure", "Linux 6."))

	cache := t.TempDir()
	from, err := builder.CacheDir("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"blobs", "kernel-source"} { // what would take a while
		if err := os.Symlink(filepath.Join(from, name), filepath.Join(cache, name)); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"-c", `umask 077; exec "$0" "$@"`}
	again := func(t *testing.T) *watched {
		w := watchCommand(t, "kernel", "build", "--json", "--cache", cache, p.dir)
		w.Args = append(append([]string{"sh"}, args...), w.Args...)
		w.Path = "/bin/sh"
		w.Env = append(os.Environ(), "TZ=Asia/Kathmandu", "LC_ALL=C.UTF-8", "GOMAXPROCS=3", "KBUILD_BUILD_USER=somebody")
		w.begin(t)
		return w
	}
	w := again(t)
	w.until(t, builder.Progress, "kernel")
	for range 150 {
		w.until(t, builder.Progress, "kernel")
	}
	syscall.Kill(-w.Process.Pid, syscall.SIGKILL)
	if code := w.end(t); code != -1 {
		t.Fatalf("the build that was to be killed ended with %d:\n%s", code, w.stderr.String())
	}
	w = again(t)
	files := 0
	for w.next(t) {
		if w.event.Type == builder.Progress && w.event.Stage == "kernel" {
			files++
		}
	}
	if code := w.end(t); code != exitOK {
		t.Fatalf("the build that went on ended with %d:\n%s", code, w.stderr.String())
	}
	second := filepath.Join(cache, "kernels", filepath.Base(first))
	for _, name := range []string{"vmlinuz", "config", "release"} {
		a, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(second, name)); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs, %v", name, err)
		}
	}
	if whole := strings.Count(read(t, filepath.Join(first, "build.log")), "\n  "); files == 0 || files >= whole {
		t.Errorf("the build that went on made %d files, the whole %d", files, whole)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "kernels", "*.*")); len(left) > 0 {
		t.Errorf("left in the cache: %q", left)
	}
	noTraces(t, p.dir)

	program := unpacked(t, []byte(read(t, filepath.Join(first, "vmlinuz"))))
	for _, secret := range []string{p.dir, cache, from, scratch, "somebody", "/src/", "/objects/"} {
		if bytes.Contains(program, []byte(secret)) {
			t.Errorf("the kernel has %q in it", secret)
		}
	}
	if !bytes.Contains(program, []byte("(bocaditos@bocaditos)")) {
		t.Error("the kernel was not found in its image")
	}
	bocaditos(t, "kernel", "build", p.dir).wants(t, exitOK, "(cached)", first)
}

// unpacked returns the kernel that a bzImage unpacks with gzip.
func unpacked(t *testing.T, image []byte) []byte {
	t.Helper()
	for at := 0; ; at += 2 {
		i := bytes.Index(image[at:], []byte{0x1f, 0x8b, 8})
		if i < 0 {
			t.Fatal("nothing in the image is packed with gzip")
		}
		at += i
		z, err := gzip.NewReader(bytes.NewReader(image[at:]))
		if err != nil {
			continue
		}
		z.Multistream(false)
		if program, err := io.ReadAll(z); err == nil && len(program) > 1<<20 {
			return program
		}
	}
}

var lastLine = regexp.MustCompile(`(?m)^(/.*)\n\z`)

func kernelDir(t *testing.T, r result) string {
	t.Helper()
	m := lastLine.FindStringSubmatch(r.stdout)
	if m == nil {
		t.Fatalf("no directory in %q", r.stdout)
	}
	return m[1]
}

func TestKernelFragments(t *testing.T) {
	bocaditos(t, "kernel", "fragments").wants(t, exitOK, "erofs ", "dm-verity ", "x86-64 ", "arm64 ")
	bocaditos(t, "kernel", "fragments", "erofs").wants(t, exitOK, "CONFIG_EROFS_FS=y")
	bocaditos(t, "kernel", "fragments", "reofs").wants(t, exitUsage, `no fragment "reofs"`)
	bocaditos(t, "kernel", "build", built(t).dir).wants(t, int(builder.Recipe), "takes its kernel from a package", "[kernel.build]")
	bocaditos(t, "kernel", "config", built(t).dir).wants(t, exitOK, "CONFIG_EROFS_FS=m")
}

// Fragments and options merge without a recipe, and the same flags check what
// the kernel's make made of them.
func TestKernelSettings(t *testing.T) {
	dir := t.TempDir()
	own, config := filepath.Join(dir, "own.config"), filepath.Join(dir, ".config")
	write(t, own, "CONFIG_EXPERT=y\n")
	asked := []string{"kernel", "settings", "--fragment", "erofs," + own, "--option", "NR_CPUS=8"}
	r := bocaditos(t, asked...).wants(t, exitOK, "CONFIG_EROFS_FS=y\n", "CONFIG_EXPERT=y\n", "CONFIG_NR_CPUS=8\n")
	if !slices.IsSorted(strings.Split(strings.TrimSpace(r.stdout), "\n")) {
		t.Errorf("not sorted:\n%s", r.stdout)
	}
	all := bocaditos(t, "kernel", "settings", "--arch", "arm64").wants(t, exitOK, "CONFIG_ARM64", "CONFIG_EROFS_FS=y\n")
	if none := bocaditos(t, "kernel", "settings", "--fragment", "").wants(t, exitOK); none.stdout != "" || all.stdout == "" {
		t.Errorf("an empty list asks for\n%s", none.stdout)
	}

	linux := debiantest.LinuxSource(t)
	check := append(asked, "--arch", "amd64", "--source", linux, "--config", config)
	write(t, config, "CONFIG_EXPERT=y\nCONFIG_MISC_FILESYSTEMS=y\n# CONFIG_EROFS_FS is not set\nCONFIG_NR_CPUS=8\n")
	bocaditos(t, check...).wants(t, int(builder.Recipe), "erofs:", "EROFS_FS=y was asked for, and it is off", "EROFS_FS needs BLOCK, which is off").without(t, "EXPERT=y was asked", "NR_CPUS")
	write(t, config, r.stdout)
	bocaditos(t, check...).wants(t, exitOK)

	bocaditos(t, "kernel", "settings", "--fragment", "reofs").wants(t, int(builder.Recipe), `there is no fragment "reofs"`, "erofs, ethernet")
	bocaditos(t, "kernel", "settings", "--arch", "vax").wants(t, int(builder.Recipe), `architecture "vax"`)
	bocaditos(t, "kernel", "settings", "--config", config).wants(t, exitUsage, "--source and --config need each other")
}
