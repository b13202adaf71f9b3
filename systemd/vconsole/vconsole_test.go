package vconsole_test

import (
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/systemd/vconsole"
	"github.com/bocaditos/bocaditos/tree"
)

func root(t *testing.T, files ...string) *tree.Tree {
	t.Helper()
	tr := tree.New()
	for _, p := range files {
		if err := tr.Put(p, tree.NewFile(0o755, tree.String(""), tree.Origin{})); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func list(files []vconsole.File) string {
	var s []string
	for _, f := range files {
		s = append(s, f.Name+"="+f.Path)
	}
	return strings.Join(s, " ")
}

func TestFiles(t *testing.T) {
	const maps, fonts = "/usr/share/keymaps/", "/usr/share/consolefonts/"
	tr := root(t,
		maps+"i386/qwertz/de.kmap.gz", maps+"i386/qwertz/de-latin1.map", maps+"i386/include/keypad.inc.gz",
		maps+"atari/de.kmap.gz", maps+"sun/sun.txt", maps+"i386/a.map.zst",
		fonts+"Lat2-Terminus16.psf.gz", fonts+"161.cp", fonts+"iso01.f16.psfu", fonts+"README", fonts+"partialfonts/none.psf",
	)
	if err := tr.Put(fonts+"alias.fnt", tree.NewSymlink("161.cp", tree.Origin{})); err != nil {
		t.Fatal(err)
	}
	if err := tr.Put(fonts+"dangling.fnt", tree.NewSymlink("none", tree.Origin{})); err != nil {
		t.Fatal(err)
	}
	if got, want := list(vconsole.Keymaps(tr, "/usr")), "a="+maps+"i386/a.map.zst de="+maps+"atari/de.kmap.gz de-latin1="+maps+"i386/qwertz/de-latin1.map"; got != want {
		t.Errorf("keymaps: got  %s\nwant %s", got, want)
	}
	if got, want := list(vconsole.Fonts(tr, "/usr")), "161="+fonts+"161.cp Lat2-Terminus16="+fonts+"Lat2-Terminus16.psf.gz alias="+fonts+"alias.fnt iso01.f16="+fonts+"iso01.f16.psfu"; got != want {
		t.Errorf("fonts: got  %s\nwant %s", got, want)
	}
	if got := vconsole.Keymaps(tree.New(), "/usr"); got != nil {
		t.Errorf("keymaps of nothing: %v", got)
	}
}

func TestLacking(t *testing.T) {
	const maps, fonts = "/usr/share/keymaps/", "/usr/share/consolefonts/"
	for _, c := range []struct{ path, have, want string }{
		{maps + "de.map", "", "loadkeys"},
		{maps + "de.map", "loadkeys", ""},
		{maps + "de.kmap.gz", "loadkeys", "gzip sh"},
		{maps + "de.kmap.gz", "loadkeys gzip sh", ""},
		{fonts + "x.psf.xz", "loadkeys sh", "setfont xz"},
		{fonts + "x.cp", "setfont", ""},
	} {
		tr := tree.New()
		for name := range strings.FieldsSeq(c.have) {
			if err := tr.Put("/usr/bin/"+name, tree.NewFile(0o755, tree.String(""), tree.Origin{})); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(vconsole.File{Name: "x", Path: c.path}.Lacking(tr, "/usr"), " "); got != c.want {
			t.Errorf("%s with %q lacks %q, want %q", c.path, c.have, got, c.want)
		}
	}
}
