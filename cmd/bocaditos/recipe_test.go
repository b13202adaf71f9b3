package main

import (
	"path/filepath"
	"testing"
)

const leastRecipe = "id = \"x\"\nversion = \"1\"\n[packages]\ninstall = [\"systemd\"]\n"

func TestRecipeMistakes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		code       int
		want       []string
	}{
		{"unknown key", leastRecipe + "[units]\nenabel = [\"a.service\"]\n", 3,
			[]string{"image.toml:6:1: ", `unknown key "enabel"`, `did you mean "enable"?`, "6 | enabel = [\"a.service\"]\n", " | ^^^^^^\n"}},
		{"unknown table", leastRecipe + "[unit]\nenable = []\n", 3, []string{"image.toml:5:2: ", `did you mean "units"?`}},
		{"several at once", "id = \"X Y\"\nversoin = \"1\"\n[packages]\ninstall = \"systemd\"\n[budget]\nroot = \"many\"\n", 3,
			[]string{"image.toml:1:6: ", "image.toml:2:1: ", `did you mean "version"?`, "image.toml:4:11: ", "image.toml:6:8: "}},
		{"not TOML", "id = \n", 3, []string{"image.toml:1:"}},
		{"empty", "", 3, []string{"image.toml", `"id"`, `"version"`}},
		{"no such file of the host", leastRecipe + "[[files]]\npath = \"/etc/x\"\nsource = \"not-there\"\n", 3, []string{"not-there", "no such file or directory"}},
		{"unsupported source", leastRecipe + "[debian]\nmirror = \"ftp://x\"\n", 3, []string{"ftp://x", "http"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := project{t.TempDir()}
			write(t, p.recipe(), c.text)
			bocaditos(t, "build", p.recipe()).wants(t, c.code, c.want...)
			p.holds(t)
			if found, _ := filepath.Glob(p.dir + "/*"); len(found) != 1 {
				t.Errorf("the recipe's directory now holds %q", found)
			}
		})
	}
}

func TestNoRecipe(t *testing.T) {
	dir := t.TempDir()
	want := []string{filepath.Join(dir, "image.toml"), "no such file or directory", "\n  hint: bocaditos init writes a recipe to start from\n"}
	for _, verb := range []string{"build", "lock", "update"} {
		bocaditos(t, verb, dir).wants(t, 3, want...)
	}
	t.Chdir(dir)
	bocaditos(t, "build").wants(t, 3, "image.toml", want[2])
	bocaditos(t, "check").wants(t, exitFailure, "neither a built image (manifest.json) nor a recipe (image.toml)")
	write(t, "image.toml", leastRecipe)
	bocaditos(t, "check").wants(t, exitFailure, "image.toml has not been built yet", "hint: bocaditos build image.toml\n")
	bocaditos(t, "check", "nowhere").wants(t, exitFailure, "nowhere", "no such file or directory")
}
