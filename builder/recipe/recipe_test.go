package recipe

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// golden compares got with a checked-in file, or writes it again when
// BOCADITOS_UPDATE is set (make generate).
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("BOCADITOS_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\nrun `make generate`", err)
	}
	if got != string(want) {
		t.Errorf("%s is out of date; if this is right, run `make generate`:\n%s", file, got)
	}
}

func recipes(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no recipes match %s: %v", pattern, err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[f] = data
	}
	return all
}

func mustParse(t testing.TB, text string) *Recipe {
	t.Helper()
	r, err := Parse("image.toml", []byte(text))
	if err != nil {
		t.Fatalf("parse:\n%v", err)
	}
	return r
}

// The text of every error, caret and hint, is part of what is promised.
func TestErrors(t *testing.T) {
	for file, data := range recipes(t, "testdata/wrong/*.toml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Parse("image.toml", data)
			if err == nil {
				t.Fatal("no error")
			}
			golden(t, strings.TrimSuffix(file, ".toml")+".err", err.Error()+"\n")
		})
	}
}

func TestValidRecipes(t *testing.T) {
	for file := range recipes(t, "testdata/right/*.toml") {
		if _, err := Read(file); err != nil {
			t.Errorf("%s:\n%v", file, err)
		}
	}
	for file := range recipes(t, "../../examples/*/image.toml") {
		if _, err := Read(file); err != nil {
			t.Errorf("%s:\n%v", file, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	r := mustParse(t, "id = 'hello'\nversion = '1'\narchitecture = 'arm64'\npackages.install = ['systemd']")
	want := &Recipe{
		ID: "hello", Version: "1", Architecture: ARM64,
		Packages: Packages{Source: SourceDebian, Install: []PackageName{"systemd"}},
		Debian:   Debian{Release: "trixie", Components: []Component{"main"}, MaxAgeDays: 400},
		Kernel:   Kernel{Package: "linux-image-cloud-arm64"},
		Root:     Root{Format: EROFS},
		State:    State{Format: Ext4},
		Boot:     Boot{Form: Partitions, OnCorruption: Reboot},
		Output:   Output{Directory: "out", Kinds: []Kind{Disk, KernelFiles, RootImage, UKI, Verity}},
		dir:      ".",
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
	host := mustParse(t, "id = 'hello'\nversion = '1'\npackages.install = ['systemd']")
	if goarch := map[Arch]string{X8664: "amd64", ARM64: "arm64"}[host.Architecture]; goarch != runtime.GOARCH {
		t.Errorf("the default architecture is %q on %s", host.Architecture, runtime.GOARCH)
	}
}

func TestTypedValues(t *testing.T) {
	r := mustParse(t, `
id = "hello"
version = "1"
architecture = "x86-64"
packages.install = ["systemd"]
files = [{ path = "/b", content = "", mode = "4755" }, { path = "/a", source = "x", uid = 7, gid = 8 }]
budget = { root = "1.5G", initrd = "2M", uki = 1234 }
`)
	if want := (Budget{Root: 3 << 29, Initrd: 2 << 20, UKI: 1234}); r.Budget != want {
		t.Errorf("budget %+v, want %+v", r.Budget, want)
	}
	mode, empty := Mode(0o4755), ""
	want := []File{{Path: "/a", Source: "x", UID: 7, GID: 8}, {Path: "/b", Content: &empty, Mode: &mode}}
	if !reflect.DeepEqual(r.Files, want) {
		t.Errorf("files %+v, want %+v", r.Files, want)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "17": 17, "1K": 1024, "150M": 150 << 20, "1.5G": 3 << 29, "0.1K": 102, "8192T": 1 << 53,
		"": -1, "M": -1, "1.M": -1, "-1": -1, "1m": -1, "1 M": -1, "1MiB": -1, "8193T": -1, "1e3": -1,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); (err != nil) != (want < 0) || err == nil && int64(s) != want {
			t.Errorf("%q is %d, %v; want %d", text, s, err, want)
		}
	}
}

func TestResolve(t *testing.T) {
	r, err := Parse("/src/box/image.toml", []byte("id = 'hello'\nversion = '2'\narchitecture = 'arm64'\npackages.install = ['systemd']"))
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		r.Resolve("motd"):      "/src/box/motd",
		r.Resolve("../motd"):   "/src/motd",
		r.Resolve("/etc/motd"): "/etc/motd",
		r.OutputDir():          "/src/box/out/hello_2",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestReadNamesAMissingFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), FileName)
	if _, err := Read(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v does not name %s", err, file)
	}
}

func TestTemplate(t *testing.T) {
	for _, arch := range Arch("").Enum() {
		text := Template("my-box", Arch(arch))
		r := mustParse(t, text)
		if r.ID != "my-box" || string(r.Architecture) != arch {
			t.Errorf("the template for my-box on %s is for %s on %s", arch, r.ID, r.Architecture)
		}
		// What is commented out must be right too, and nothing may be left out.
		var all strings.Builder
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
				line = line[1:]
			}
			all.WriteString(line)
		}
		// A kernel is made or taken from a package, not both.
		before, rest, _ := strings.Cut(all.String(), "[kernel.build]")
		build, after, _ := strings.Cut(rest, "\n\n")
		mustParse(t, before+after)
		mustParse(t, strings.Replace(before, "\npackage = ", "\n# ", 1)+"[kernel.build]"+build+"\n"+strings.Replace(after, "\nmodules = ", "\n# ", 1))
		for _, k := range keys() {
			name := k.Name[strings.LastIndexByte(k.Name, '.')+1:]
			if strings.HasPrefix(k.Name+".", "nix.") || slices.Contains([]string{"files.source", "files.directory", "networks.mac", "kernel.build.directory", "kernel.build.tarball", "kernel.build.sha256"}, k.Name) {
				continue // alternatives to what is shown
			}
			if !strings.Contains(all.String(), "\n"+name+" = ") && !strings.Contains(all.String(), "["+k.Name+"]") && !strings.Contains(all.String(), "[["+k.Name+"]]") {
				t.Errorf("the template does not show %s", k.Name)
			}
		}
	}
}

func TestCanonicalIgnoresLayout(t *testing.T) {
	a := mustParse(t, `
id = "hello" # a comment
version = "1"
architecture = "x86-64"
[packages]
install = ["udev", "systemd"]
[[files]]
path = "/b"
content = "<b>"
[[files]]
path = "/a"
directory = true
[budget]
root = "1M"
`)
	b := mustParse(t, `
version = '1'
files = [ { directory = true, path = "/a", uid = 0 }, { path = "/b", content = "<b>" } ]
budget.root = 1048576
architecture = "x86-64"
id = "hello"
packages = { source = "debian", install = ["systemd", "udev"] }
kernel.package = "linux-image-cloud-amd64"
`)
	if !bytes.Equal(a.Canonical(), b.Canonical()) || a.InputDigest() != b.InputDigest() {
		t.Errorf("two recipes that mean the same differ:\n%s%s", a.Canonical(), b.Canonical())
	}
	if keys := Changed(a, b); len(keys) != 0 {
		t.Errorf("changed keys of equal recipes: %q", keys)
	}
	if !json.Valid(a.Canonical()) {
		t.Errorf("not JSON: %s", a.Canonical())
	}
}

// Every key must count: change one after the other.
func TestChanged(t *testing.T) {
	base := `
id = "hello"
version = "1"
architecture = "x86-64"
packages.install = ["systemd"]
kernel.command_line = ["a", "b"]
files = [{ path = "/b", content = "x" }]
`
	for _, c := range []struct{ replace, with, want string }{
		{`"hello"`, `"bye"`, "id"},
		{`"x86-64"`, `"arm64"`, "architecture, kernel.package"},
		{`["systemd"]`, `["systemd", "udev"]`, "packages.install"},
		{`"a", "b"`, `"b", "a"`, "kernel.command_line"},
		{`{ path = "/b", content = "x" }`, ``, `files "/b"`},
		{`content = "x"`, `content = "x", mode = "0644"`, `files "/b"`},
		{`{ path`, `{ path = "/a", directory = true }, { path`, `files "/a"`},
		{`files`, "units.enable = ['a.service']\nfiles", "units.enable"},
		{`files`, "budget.root = 1\nboot.on_corruption = 'halt'\nfiles", "boot.on_corruption, budget.root"},
	} {
		before, after := mustParse(t, base), mustParse(t, strings.Replace(base, c.replace, c.with, 1))
		if got := strings.Join(Changed(before, after), ", "); got != c.want {
			t.Errorf("%s → %s: changed %s, want %s", c.replace, c.with, got, c.want)
		}
		if before.InputDigest() == after.InputDigest() {
			t.Errorf("%s → %s does not change the digest", c.replace, c.with)
		}
	}
}
