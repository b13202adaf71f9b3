package kbuild_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/internal/sandbox/sandboxtest"
	"github.com/bocaditos/bocaditos/kernel/kbuild"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

// A job whose source is a Makefile of the test's: what is tested is how make is
// run and understood. Real kernels are compiled in cmd/bocaditos and tests/qemu.
func job(t *testing.T, makefile string) kbuild.Job {
	t.Helper()
	source := t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "Makefile"), []byte(makefile), 0o644); err != nil {
		t.Fatal(err)
	}
	return kbuild.Job{
		Source: source, Objects: t.TempDir(), Scratch: t.TempDir(),
		Tools:   sandboxtest.NewRoot(t, "make", "sh", "cat", "mkdir", "sleep"),
		Machine: "amd64", Arch: "amd64", Compiler: "gcc",
	}
}

func TestConfigureAndCompile(t *testing.T) {
	j := job(t, `
allnoconfig:
	@cat $(KCONFIG_ALLCONFIG) > $(O)/.config
	@echo '# by $(CC) for $(ARCH), $(KBUILD_BUILD_USER)@$(KBUILD_BUILD_HOST) at $(KBUILD_BUILD_TIMESTAMP)' >> $(O)/.config
	@echo spoilt > /src/x || true
bzImage:
	@mkdir -p $(O)/arch/x86/boot
	@echo "  CC      init/main.o"
	@echo "  LD      vmlinux"
	@cat $(O)/.config > $(O)/arch/x86/boot/bzImage
`)
	text, err := j.Configure(t.Context(), []byte("CONFIG_A=y\n"))
	want := "CONFIG_A=y\n# by gcc for x86_64, bocaditos@bocaditos at Thu Jan  1 00:00:00 UTC 1970\n"
	if err != nil || string(text) != want {
		t.Fatalf("got %q, %v", text, err)
	}
	var steps []string
	j.Output = &kbuild.Progress{Step: func(n int, file string) { steps = append(steps, fmt.Sprint(n, " ", file)) }}
	image, err := j.Compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(image); err != nil || string(got) != want {
		t.Errorf("the image is %q, %v", got, err)
	}
	if !slices.Equal(steps, []string{"1 init/main.o", "2 vmlinux"}) {
		t.Errorf("steps %q", steps)
	}
	if left, _ := os.ReadDir(j.Scratch); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(filepath.Join(j.Source, "x")); err == nil {
		t.Error("the source was written to")
	}
}

func TestCrossCompilerIsNamed(t *testing.T) {
	j := job(t, "")
	j.Arch, j.Compiler = "arm64", "gcc-13"
	flags := strings.Join(j.Flags(), " ")
	for _, want := range []string{"ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "CC=aarch64-linux-gnu-gcc-13"} {
		if !strings.Contains(flags, want) {
			t.Errorf("%s is not in %s", want, flags)
		}
	}
	if all := kbuild.Packages("gcc-13", "amd64", "arm64"); !slices.Contains(all, "gcc-13-aarch64-linux-gnu") || !slices.Contains(all, "gcc-13") {
		t.Errorf("packages %q", all)
	}
}

// The first error counts, not the last line, which says only that there was one.
func TestFirstError(t *testing.T) {
	for _, c := range []struct{ name, log, want, hint string }{
		{"compiler", `  CC      lib/errname.o
  CC      lib/error-inject.o
In file included from ../a.c:1:
../b.h: In function 'f':
../b.h:7:9: error: expected ';' before 'return'
    7 |         return 0;
      |         ^~~~~~
make[3]: *** [../scripts/Makefile.build:229: a.o] Error 1
  CC      c.o
../c.c:1:1: error: another one
make[1]: *** [Makefile:1: .] Error 2
make: *** [Makefile:224: __sub-make] Error 2
`, "../b.h:7:9: error: expected ';' before 'return'\n    7 |         return 0;\n      |         ^~~~~~", ""},
		{"linker", "  LD      vmlinux\nld: init/main.o: in function `f':\nmain.c:(.text+0x1): undefined reference to `g'\nmake[2]: *** [Makefile:1: vmlinux] Error 1\n",
			"main.c:(.text+0x1): undefined reference to `g'", ""},
		{"missing program", "  GEN     x\n/bin/sh: 1: pahole: not found\nmake: *** [Makefile:1: x] Error 127\n", "/bin/sh: 1: pahole: not found", `add the package "dwarves" to kernel.build.tools`},
		{"missing program of make", "make: pahole: No such file or directory\nmake: *** [Makefile:2: x] Error 127\n", "make: pahole: No such file or directory", `add the package "dwarves"`},
		{"missing command", "bash: line 3: frob: command not found\n", "bash: line 3: frob: command not found", "add the package that has frob to kernel.build.tools"},
		{"missing header", "x.c:3:10: fatal error: dwarf.h: No such file or directory\n    3 | #include <dwarf.h>\n", "x.c:3:10: fatal error: dwarf.h: No such file or directory\n    3 | #include <dwarf.h>", `add the package "libdw-dev" to kernel.build.tools`},
		{"no rule", "make[1]: *** No rule to make target 'nosuch.o', needed by 'x'.  Stop.\n", "make[1]: *** No rule to make target 'nosuch.o', needed by 'x'.  Stop.", ""},
		{"unclean", "***\n*** The source tree is not clean, please run 'make ARCH=x86 mrproper'\n*** in /src\n***\n", "*** The source tree is not clean, please run 'make ARCH=x86 mrproper'", "make mrproper"},
		{"nothing known", "something odd\n", "make exited with 2: something odd", ""},
		{"silence", "", "make exited with 2 and said nothing", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := job(t, "bzImage:\n\t@cat /objects/log; exit 2\n")
			if c.name == "silence" {
				j = job(t, "bzImage:\n\t@kill -9 $$PPID\n")
				c.want = "make exited with 137 and said nothing"
			}
			if err := os.WriteFile(filepath.Join(j.Objects, "log"), []byte(c.log), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := j.Compile(t.Context())
			var e *kbuild.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.First != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", e.First, c.want)
			}
			if !strings.Contains(e.Hint(), c.hint) || c.hint == "" && e.Hint() != "" {
				t.Errorf("hint %q, want %q", e.Hint(), c.hint)
			}
		})
	}
}

// archive makes a source tarball with the files that CheckSource looks for.
func archive(t *testing.T, more ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h *tar.Header) {
		h.Size = 0
		if h.Typeflag == tar.TypeReg {
			h.Size = 1
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size == 1 {
			w.Write([]byte("x"))
		}
	}
	for _, h := range append([]*tar.Header{
		{Name: "linux-6/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "linux-6/Makefile", Typeflag: tar.TypeReg, Mode: 0o600},
		{Name: "linux-6/Kconfig", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "linux-6/scripts/kconfig/conf.sh", Typeflag: tar.TypeReg, Mode: 0o4755},
		{Name: "linux-6/arch/link", Typeflag: tar.TypeSymlink, Linkname: "../Makefile"},
	}, more...) {
		if h.Name == "linux-6/arch/link" {
			add(&tar.Header{Name: "linux-6/arch/", Typeflag: tar.TypeDir, Mode: 0o755})
		}
		add(h)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	plain := archive(t)
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write(plain)
	g.Close()
	z, _ := zstd.NewWriter(&zst)
	z.Write(plain)
	z.Close()
	xz := exec.Command("xz", "-c")
	xz.Stdin = bytes.NewReader(plain)
	xzData, err := xz.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"plain": plain, "gzip": gz.Bytes(), "zstd": zst.Bytes(), "xz": xzData} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := kbuild.Unpack(t.Context(), bytes.NewReader(data), dir); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(filepath.Join(dir, "scripts/kconfig/conf.sh"))
			if err != nil || info.Mode() != 0o755 {
				t.Errorf("a program has mode %v, %v", info, err)
			}
			if target, err := os.Readlink(filepath.Join(dir, "arch/link")); err != nil || target != "../Makefile" {
				t.Errorf("the link goes to %q, %v", target, err)
			}
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"outside":        {archive(t, &tar.Header{Name: "linux-6/../../evil", Typeflag: tar.TypeReg, Mode: 0o644}), "leads outside"},
		"behind a link":  {archive(t, &tar.Header{Name: "linux-6/out", Typeflag: tar.TypeSymlink, Linkname: "/tmp"}, &tar.Header{Name: "linux-6/out/evil", Typeflag: tar.TypeReg, Mode: 0o644}), "escapes"},
		"twice":          {archive(t, &tar.Header{Name: "linux-6/Makefile", Typeflag: tar.TypeReg, Mode: 0o644}), "file exists"},
		"device":         {archive(t, &tar.Header{Name: "linux-6/dev", Typeflag: tar.TypeChar, Mode: 0o644}), `is of type "3"`},
		"cut":            {archive(t)[:700], "unexpected EOF"},
		"not an archive": {[]byte(strings.Repeat("no tar", 1000)), "invalid tar header"},
		"empty":          {nil, "no Linux source"},
	} {
		t.Run(name, func(t *testing.T) {
			err := kbuild.Unpack(t.Context(), bytes.NewReader(c.data), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
