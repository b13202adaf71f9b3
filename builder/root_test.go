package builder

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// pkg makes a package of files (path → content); a content "→ x" is a link.
func pkg(t *testing.T, name string, files map[string]string) *pkgs.Package {
	t.Helper()
	p := &pkgs.Package{Name: name, Tree: tree.New()}
	origin := tree.Origin{Package: name}
	for path, content := range files {
		n := tree.NewFile(0o644, tree.String(content), origin)
		if target, ok := strings.CutPrefix(content, "→ "); ok {
			n = tree.NewSymlink(target, origin)
		}
		if err := p.Tree.Put(path, n); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestMergePackages(t *testing.T) {
	base := func() *pkgs.Package {
		return pkg(t, "zz-base-files", map[string]string{"/bin": "→ usr/bin", "/usr/bin/base": ""})
	}
	for _, c := range []struct {
		name     string
		packages []*pkgs.Package
		replaces string // the last package replaces this one
		err      string
		want     string // a path that must be there …
		from     string // … from this package
	}{
		{name: "the layout comes first, whatever the names", packages: []*pkgs.Package{pkg(t, "a", map[string]string{"/bin/a": "a"}), base()}, want: "/usr/bin/a", from: "a"},
		{name: "two packages with one path", packages: []*pkgs.Package{pkg(t, "a", map[string]string{"/x": "1"}), pkg(t, "b", map[string]string{"/x": "2"})},
			err: "/x: package a and package b disagree about its content"},
		{name: "equal files are no conflict", packages: []*pkgs.Package{pkg(t, "a", map[string]string{"/x": "1"}), pkg(t, "b", map[string]string{"/x": "1"})}, want: "/x", from: "a"},
		{name: "one replaces the other", packages: []*pkgs.Package{pkg(t, "a", map[string]string{"/x": "1"}), pkg(t, "b", map[string]string{"/x": "2"})}, replaces: "a", want: "/x", from: "b"},
		{name: "replaced by one that comes earlier", packages: []*pkgs.Package{pkg(t, "b", map[string]string{"/x": "1"}), pkg(t, "a", map[string]string{"/x": "2"})}, replaces: "b", want: "/x", from: "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.replaces != "" {
				c.packages[len(c.packages)-1].Replaces = []string{c.replaces}
			}
			root, err := mergePackages(c.packages)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := root.Lookup(c.want); n == nil || n.Origin().Package != c.from {
				t.Errorf("%s: %+v", c.want, n)
			}
		})
	}
}

func TestExclude(t *testing.T) {
	root := pkg(t, "a", map[string]string{"/usr/share/doc/a/README": "", "/usr/share/doc/b": "", "/usr/bin/a": ""}).Tree
	out, unmatched, err := exclude(root, []string{"/usr/share/doc/*", "/nothing/*"})
	if err != nil || !slices.Equal(unmatched, []string{"/nothing/*"}) {
		t.Errorf("unmatched %v, %v", unmatched, err)
	}
	if len(out) != 2 || out[1].Path != "/usr/share/doc/b" {
		t.Errorf("left out %v", out)
	}
	text, err := root.Text()
	if want := "/: dir 0755\n/usr: dir 0755\n/usr/bin: dir 0755\n/usr/bin/a: file 0644 empty\n/usr/share: dir 0755\n/usr/share/doc: dir 0755\n"; err != nil || text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestOSRelease(t *testing.T) {
	root := pkg(t, "base-files", map[string]string{"/usr/lib/os-release": "ID=debian\nIMAGE_ID=old"}).Tree
	got, err := setOSRelease(root, usr, "hello", "7", "box")
	if want := "ID=debian\nIMAGE_ID=hello\nIMAGE_VERSION=7\nDEFAULT_HOSTNAME=box\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := setOSRelease(tree.New(), usr, "hello", "7", "box"); err == nil || !strings.Contains(err.(*Failure).Hint(), "base-files") {
		t.Errorf("without os-release: %v", err)
	}
}

func TestAddFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		file := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(file), 0o700)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("overlay/etc/app.conf", "c")
	write("script", "#!/bin/sh\n")
	os.Chmod(filepath.Join(dir, "script"), 0o700)
	for _, c := range []struct {
		name, files string
		want        []string // lines of the tree
		err         string
	}{
		{"content, mode and owner", `path = "/srv/a"` + "\n" + `content = "x"` + "\n" + `mode = "0600"` + "\nuid = 5", []string{"/srv/a: file 0600 2d711642 5:0"}, ""},
		{"an executable source", `path = "/usr/bin/s"` + "\n" + `source = "script"`, []string{"/usr/bin/s: file 0755 a8076d3d"}, ""},
		{"a directory", `path = "/opt"` + "\n" + `source = "overlay"`, []string{"/opt/etc/app.conf: file 0644 2e7d2c03", "/opt/etc: dir 0755"}, ""},
		{"a directory over the root", `path = "/"` + "\n" + `source = "overlay"`, []string{"/etc/app.conf: file 0644 2e7d2c03", "/etc/issue: file 0644 db31791e"}, ""},
		{"a link", `path = "/l"` + "\n" + `symlink = "etc"`, []string{"/l: symlink etc"}, ""},
		{"over a package's file", `path = "/etc/issue"` + "\n" + `content = "mine"`, nil, "files \"/etc/issue\": package base ships /etc/issue, with another content"},
		{"over a package's file, meant", `path = "/etc/issue"` + "\n" + `content = "mine"` + "\nreplace = true", []string{"/etc/issue: file 0644 3fd30542"}, ""},
		{"a file as the root", `path = "/"` + "\n" + `source = "script"`, nil, "script is not a directory"},
		{"a device", `path = "/x"` + "\n" + `source = "/dev/null"`, nil, "/x is a char: only files, directories and links"},
		{"a source that is not there", `path = "/x"` + "\n" + `source = "none"`, nil, "none: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "id = \"x\"\nversion = \"1\"\n[packages]\ninstall = [\"systemd\"]\n[[files]]\n" + c.files
			r, err := recipe.Parse(filepath.Join(dir, "image.toml"), []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			root := pkg(t, "base", map[string]string{"/etc/issue": "issue?"}).Tree
			err = (&build{recipe: r}).addFiles(root)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := root.Text()
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range c.want {
				if !strings.Contains(got, line+"\n") {
					t.Errorf("no line %q in\n%s", line, got)
				}
			}
		})
	}
}

func TestDepends(t *testing.T) {
	list := []*pkgs.Package{
		{Name: "systemd", Depends: []string{"libc6", "default-dbus-system-bus", "none"}},
		{Name: "libc6"},
		{Name: "dbus-broker", Provides: []string{"default-dbus-system-bus"}},
	}
	if got := depends(list)["systemd"]; !slices.Equal(got, []string{"libc6", "dbus-broker"}) {
		t.Errorf("systemd depends on %v", got)
	}
}

func TestPartitionLabel(t *testing.T) {
	long := strings.Repeat("i", 64)
	for _, c := range []struct{ id, version, suffix, want string }{
		{"hello", "1", "", "hello_1"},
		{"hello", "1", "-verity", "hello_1-verity"},
		{long, "1.2", "-verity", long[:25] + "_1.2-verity"},
		{"a", strings.Repeat("9", 64), "-verity", "a_" + strings.Repeat("9", 27) + "-verity"},
	} {
		got := partitionLabel(c.id, c.version, c.suffix)
		if got != c.want || len(got) > 36 {
			t.Errorf("partitionLabel(%.8s, %.8s, %s) = %q (%d), want %q", c.id, c.version, c.suffix, got, len(got), c.want)
		}
	}
}

func TestOverBudget(t *testing.T) {
	root := pkg(t, "big", map[string]string{"/a": strings.Repeat("x", 3000)}).Tree
	n := tree.NewFile(0o644, tree.String("xx"), tree.Origin{Pass: "systemd-sysusers"})
	root.Put("/etc/passwd", n)
	root.Put("/etc/passwd-", n) // a hard link counts once
	err := overBudget("root", 4096, 1024, packageSizes(root))
	want := "the root is 4.0 KiB, over its budget of 1.0 KiB\n     2.9 KiB  big\n         2 B  (systemd-sysusers)"
	if err.Error() != want || err.(*Failure).Class != Budget {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestWhy(t *testing.T) {
	root := pkg(t, "p", map[string]string{"/usr/bin/dash": "elf", "/usr/bin/sh": "→ dash", "/bin": "→ /usr/bin"}).Tree
	var b bytes.Buffer
	leftOut := []PathOrigin{
		{Path: "/usr/lib/rpm", Type: leftOutType, History: []tree.Origin{{Package: "p"}, {Pass: "left out", Rule: "is for RPM"}}},
		{Path: "/usr/bin/sh", Type: leftOutType}, // and the recipe has another one
	}
	if err := root.Put("/usr/lib/x", tree.NewDir(0o755, tree.Origin{})); err != nil {
		t.Fatal(err)
	}
	if err := writeOrigins(&b, root, leftOut); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "origins")
	os.WriteFile(file, b.Bytes(), 0o600)
	found, err := Why(file, "/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, o := range found {
		paths = append(paths, o.Path)
	}
	if !slices.Equal(paths, []string{"/bin", "/usr/bin/sh", "/usr/bin/dash"}) {
		t.Errorf("/bin/sh leads to %v", paths)
	}
	for _, p := range []string{"/usr/lib/rpm", "/usr/lib/rpm/macros.d/macros.systemd"} {
		found, err := Why(file, p)
		if err != nil || len(found) != 1 || found[0].String() != "/usr/lib/rpm  left out" || len(found[0].History) != 2 {
			t.Errorf("%s, which was left out: %v, %v", p, found, err)
		}
	}
	if found, err := Why(file, "/none"); len(found) != 0 || err != nil {
		t.Errorf("a path that is not there: %v, %v", found, err)
	}
}

func TestOutputIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	ls := func() string {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	make := func(content string, commit bool) {
		t.Helper()
		o, err := openOutput(dir, "x", "1")
		if err != nil {
			t.Fatal(err)
		}
		defer o.close()
		if _, err := openOutput(dir, "x", "1"); err == nil || !strings.Contains(err.Error(), "another build is writing") {
			t.Errorf("a second build got in: %v", err)
		}
		if err := o.write("f", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if commit {
			if err := o.commit(&image.Manifest{ID: "x"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	make("first", false)
	if got := ls(); got != "" {
		t.Errorf("a build that gave up left %s", got)
	}
	make("second", true)
	make("third", false)
	if got, _ := os.ReadFile(filepath.Join(dir, "x_1/f")); string(got) != "second" || ls() != "x_1" {
		t.Errorf("got %q in %s", got, ls())
	}
	// A killed build of another version.
	os.Mkdir(filepath.Join(dir, ".x_0.partial"), 0o700)
	os.WriteFile(filepath.Join(dir, ".x_0.lock"), nil, 0o600)
	make("fourth", true)
	if got, _ := os.ReadFile(filepath.Join(dir, "x_1/f")); string(got) != "fourth" || ls() != "x_1" {
		t.Errorf("got %q in %s", got, ls())
	}
}

func TestOutputDoesNotReplaceAFile(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "x_1"), []byte("precious"), 0o600)
	if _, err := openOutput(dir, "x", "1"); err == nil || !strings.Contains(err.Error(), "is no directory") {
		t.Errorf("got %v", err)
	}
}

func TestUnitsMustExist(t *testing.T) {
	root := pkg(t, "p", map[string]string{"/usr/lib/systemd/system/ssh.service": "", "/usr/lib/systemd/system/getty@.service": ""}).Tree
	for unit, want := range map[string]string{
		"ssh.service":        "",
		"getty@tty2.service": "",
		"sshd.service":       "no package has the unit sshd.service",
		"getty.service":      "no package has the unit getty.service",
	} {
		err := (&build{prefix: usr}).unitsExist(root, []recipe.UnitName{recipe.UnitName(unit)})
		if (err == nil) != (want == "") || err != nil && err.Error() != "units.enable: "+want {
			t.Errorf("%s: %v", unit, err)
		}
	}
	for _, name := range []string{"ssh.target", "ssh-session-cleanup.service", "sshd-unix.socket", "sshd-a.service"} {
		root.Put("/usr/lib/systemd/system/"+name, tree.NewFile(0o644, tree.String(""), tree.Origin{}))
	}
	if err := (&build{prefix: usr}).unitsExist(root, []recipe.UnitName{"sshd.service"}); err.(*Failure).Hint() != "did you mean ssh.service or sshd-a.service or ssh.target?" {
		t.Errorf("hint %q", err.(*Failure).Hint())
	}
}

func TestChangedInputs(t *testing.T) {
	text := "id = \"x\"\nversion = \"1\"\n[packages]\ninstall = [\"systemd\"]\n"
	old := &inputs{Recipe: text, Lock: "l", Tool: "t", Epoch: 1, Files: map[string]string{`files "/a"`: "1"}}
	for _, c := range []struct {
		name   string
		change func(*inputs)
		want   string
	}{
		{"nothing", func(*inputs) {}, ""},
		{"a comment", func(in *inputs) { in.Recipe = "# c\n" + text }, ""},
		{"a key", func(in *inputs) { in.Recipe = text + "[units]\nmask = [\"a.service\"]\n" }, "units.mask"},
		{"a user", func(in *inputs) { in.Recipe = text + "[[users]]\nname = \"ana\"\n" }, `users "ana"`},
		{"the lock and its date", func(in *inputs) { in.Lock, in.Epoch = "m", 2 }, "image.lock"},
		{"the epoch", func(in *inputs) { in.Epoch = 2 }, "SOURCE_DATE_EPOCH"},
		{"a source", func(in *inputs) { in.Files = map[string]string{`files "/a"`: "2"} }, `the source of files "/a"`},
		{"the tool", func(in *inputs) { in.Tool = "u" }, "bocaditos itself"},
	} {
		in := *old
		c.change(&in)
		if got := strings.Join(in.changed(old, "image.toml"), ", "); got != c.want {
			t.Errorf("%s: changed %q, want %q", c.name, got, c.want)
		}
	}
}
