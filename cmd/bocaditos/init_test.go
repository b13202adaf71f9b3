package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What init writes builds as it is, into an image that is whole.
func TestInitThenBuild(t *testing.T) {
	p := built(t)
	starter.init.wants(t, exitOK, "wrote "+p.recipe(), "next: bocaditos build "+p.dir)
	starter.build.wants(t, exitOK, p.image(), "root hash ", "disk", "MiB", "72 packages"[2:])
	p.holds(t, "box_1")
	whole(t, p.image())
	whole(t, p.recipe())
	whole(t, p.dir)
}

func TestInitTwice(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "image.toml")
	write(t, file, "mine")
	bocaditos(t, "init", dir).wants(t, exitFailure, file+" is there already and stays as it is", "\n  hint: edit it, or choose another directory\n")
	if got := read(t, file); got != "mine" {
		t.Errorf("the recipe is now %q", got)
	}
}

func TestInitNamesTheImageAfterTheDirectory(t *testing.T) {
	for name, id := range map[string]string{"My System": "my-system", "box": "box", "--": "image"} {
		dir := filepath.Join(t.TempDir(), name)
		bocaditos(t, "init", "--", dir).wants(t, exitOK)
		if text := read(t, dir+"/image.toml"); !strings.Contains(text, "\nid = \""+id+"\"\n") {
			t.Errorf("%q became another id:\n%s", name, text)
		}
	}
}

// The next command is one to copy.
func TestInitSaysWhatIsNext(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range [][2]string{
		{".", "wrote image.toml; next: bocaditos build\n"},
		{"./one", "wrote one/image.toml; next: bocaditos build ./one\n"},
		{".two", "wrote .two/image.toml; next: bocaditos build .two\n"},
	} {
		r := bocaditos(t, "init", c[0]).wants(t, exitOK)
		if r.stdout != c[1] {
			t.Errorf("init %s says %q, want %q", c[0], r.stdout, c[1])
		}
	}
}

func TestInitRefusesBadValues(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	bocaditos(t, "init", "--id", "Not An Id", dir).wants(t, exitUsage, `"Not An Id"`, "hint: ")
	bocaditos(t, "init", "--arch", "vax", dir).wants(t, exitUsage, `"vax"`, `x86-64 or arm64`, "hint: ")
	if found, _ := filepath.Glob(dir); found != nil {
		t.Errorf("%s was made", dir)
	}
}
