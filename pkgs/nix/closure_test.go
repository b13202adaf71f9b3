package nix

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/pkgs"
)

// What Nix 2.8 writes for exportReferencesGraph, with the attributes that
// nix/lib/image.nix adds.
const attrs = `{"builder":"/x","closure":[
 {"closureSize":300,"narHash":"sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa","narSize":120,"path":"/nix/store/0123456789abcdfghijklmnpqrsvwxyz-bash-5.2","references":["/nix/store/0123456789abcdfghijklmnpqrsvwxyz-bash-5.2","/nix/store/1123456789abcdfghijklmnpqrsvwxyz-glibc-2.41"]},
 {"closureSize":180,"narHash":"sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa","narSize":180,"path":"/nix/store/1123456789abcdfghijklmnpqrsvwxyz-glibc-2.41","references":[]}],
 "nixpkgs":{"version":"25.11","revision":"abc","lastModified":0,"narHash":""},
 "packages":{"bash":{"version":"5.2","outputs":[{"name":"out","path":"/nix/store/0123456789abcdfghijklmnpqrsvwxyz-bash-5.2"}]}}}`

func TestClosureOfDerivation(t *testing.T) {
	resolve := func(text string, install ...string) (*pkgs.Lock, error) {
		t.Helper()
		file := filepath.Join(t.TempDir(), ".attrs.json")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{Nixpkgs: "/set", CacheDir: t.TempDir(), Closure: file, Program: "/no/nix"})
		if err != nil {
			t.Fatal(err)
		}
		return s.Resolve(t.Context(), pkgs.Request{From: s.cfg.From(), Arch: "x86-64", Sets: []pkgs.Set{
			{Name: "root", Install: install, Closure: true}, {Name: "wanted", Install: install},
		}})
	}
	l, err := resolve(attrs, "bash")
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, p := range l.Packages {
		got += fmt.Sprintf("%s %s %d %v %v\n", p.Name, p.Version, p.Size, p.References, p.Sets)
	}
	if want := "bash 5.2 120 [glibc] [root wanted]\nglibc 2.41 180 [] [root]\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if r := l.Releases[0]; r.Version != "25.11" || r.Revision != "abc" || !r.Date.Equal(unknownDate) {
		t.Errorf("got release %+v", r)
	}
	if err := l.Write(filepath.Join(t.TempDir(), "lock")); err != nil {
		t.Error(err)
	}

	for _, c := range []struct{ name, text, want string }{
		{"a package that was not handed over", strings.Replace(attrs, `"bash":{`, `"dash":{`, 1), `package "bash" is no input of this derivation`},
		{"not all of the graph", strings.Replace(attrs, `"closureSize":180`, `"valid":false`, 1), "glibc-2.41"},
		{"no JSON", "x", "invalid character"},
	} {
		if _, err := resolve(c.text, "bash"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.want)
		}
	}
}
