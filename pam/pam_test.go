package pam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/pam"
	"github.com/bocaditos/bocaditos/tree"
)

const modules = "/usr/lib/x86_64-linux-gnu/security/"

// root makes a tree of packages' files ("package path" → content) with modules.
func root(t *testing.T, files map[string]string, names ...string) *tree.Tree {
	t.Helper()
	tr := tree.New()
	for _, name := range names {
		files["libpam-modules "+modules+name] = "elf"
	}
	for key, content := range files {
		pkg, p, _ := strings.Cut(key, " ")
		n := tree.NewFile(0o644, tree.String(content), tree.Origin{Package: pkg})
		if target, ok := strings.CutPrefix(content, "→ "); ok {
			n = tree.NewSymlink(target, tree.Origin{Package: pkg})
		}
		if err := tr.Put(p, n); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func install(t *testing.T, tr *tree.Tree, installed ...string) {
	t.Helper()
	if err := pam.Install(tr, "/usr", installed); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, tr *tree.Tree, p, content string) {
	t.Helper()
	if err := tr.Put(p, tree.NewFile(0o644, tree.String(content), tree.Origin{Pass: "recipe"})); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, tr *tree.Tree, p string) string {
	t.Helper()
	n := tr.Lookup(p)
	if n == nil {
		return "(not there)"
	}
	content, err := tree.ReadAll(n.Content)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestInstall(t *testing.T) {
	tr := root(t, map[string]string{
		"libpam-runtime /etc/pam.d/other":    "@include common-auth\n",
		"util-linux /etc/pam.d/su":           "# su\n",
		"util-linux /etc/pam.d/su-x":         "→ su",
		"odd /etc/pam.d/elsewhere":           "→ ../odd/pam",
		"odd /etc/pam.d/vendored":            "# of /etc\n",
		"odd /usr/lib/pam.d/vendored":        "# of /usr\n",
		"odd /usr/lib/pam.d/common-password": "# odd\n",
	})
	install(t, tr, "libpam-runtime", "util-linux")
	for p, want := range map[string]string{
		"/usr/lib/pam.d/su":              "# su\n",
		"/etc/pam.d/su":                  "(not there)",
		"/usr/lib/pam.d/vendored":        "# of /etc\n", // libpam would have read it
		"/usr/lib/pam.d/common-password": "# odd\n",
		"/etc/pam.d/other":               "(not there)",
	} {
		if got := read(t, tr, p); got != want {
			t.Errorf("%s: got %q, want %q", p, got, want)
		}
	}
	if n := tr.Lookup("/usr/lib/pam.d/su-x"); n == nil || n.Target != "su" {
		t.Error("the link in the directory did not move with it")
	}
	if n := tr.Lookup("/etc/pam.d/elsewhere"); n == nil {
		t.Error("the link out of the directory moved")
	}
	if got := fmt.Sprint(tr.Lookup("/usr/lib/pam.d/su").History); got != "[package util-linux pam (moved from /etc/pam.d/su)]" {
		t.Errorf("history %s", got)
	}
	if other := read(t, tr, "/usr/lib/pam.d/other"); strings.Contains(other, "include") || strings.Contains(other, "pam_unix") || strings.Count(other, "pam_deny.so") != 4 {
		t.Errorf("other:\n%s", other)
	}

	bare := tree.New()
	install(t, bare, "systemd")
	if bare.Lookup("/usr/lib/pam.d") != nil {
		t.Error("PAM files in an image without libpam-runtime")
	}
}

func TestLink(t *testing.T) {
	tr := root(t, map[string]string{
		"a /etc/pam.d/su-l":         "auth include su\nsession include su\n",
		"a /etc/pam.d/su":           "@include common-auth\n@include mine\n@include nowhere\n@include /usr/lib/pam.d/absolute\n",
		"a /usr/lib/pam.d/absolute": "\n",
		"a /etc/pam.d/mine":         "# moves, and is hidden by the recipe's\n",
	})
	install(t, tr, "libpam-runtime")
	put(t, tr, "/etc/pam.d/mine", "")
	put(t, tr, "/etc/pam.d/app", "auth substack common-account\n")
	if err := pam.Link(tr, "/usr"); err != nil {
		t.Fatal(err)
	}
	want := `L /etc/pam.d/common-account - - - - ../../usr/lib/pam.d/common-account
L /etc/pam.d/common-auth - - - - ../../usr/lib/pam.d/common-auth
L /etc/pam.d/su - - - - ../../usr/lib/pam.d/su
`
	if _, got, _ := strings.Cut(read(t, tr, "/usr/lib/tmpfiles.d/00-bocaditos-pam.conf"), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	bare := tree.New()
	if err := pam.Link(bare, "/usr"); err != nil || bare.Lookup("/usr/lib/tmpfiles.d") != nil {
		t.Errorf("without services: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // "line:what" of each problem, "!" where everybody is refused
	}{
		{"all there", "auth required pam_unix.so nullok\n", ""},
		{"comments", "# auth required pam_no.so\n\nauth required pam_unix.so # pam_no.so\n", ""},
		{"required", "\nauth required pam_no.so\n", "2:pam_no.so!"},
		{"requisite", "auth\trequisite\tpam_no.so\n", "1:pam_no.so!"},
		{"optional", "session optional pam_no.so\n", "1:pam_no.so"},
		{"sufficient", "auth SUFFICIENT pam_no.so\n", "1:pam_no.so"},
		{"optional and silent", "-session optional pam_no.so\n", ""},
		{"required and silent", "-session required pam_no.so\n", "1:pam_no.so!"},
		{"unknown modules ignored", "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_no.so close\n", "1:pam_no.so"},
		{"jump over", "auth [success=1 default=ignore] pam_no.so\n", "1:pam_no.so"},
		{"unknown modules are bad by default", "auth [success=ok] pam_no.so\n", "1:pam_no.so!"},
		{"default dies", "auth [success=ok default=die] pam_no.so\n", "1:pam_no.so!"},
		{"continued", "auth required \\\n  pam_no.so\nauth required pam_no2.so\n", "1:pam_no.so! 3:pam_no2.so!"},
		{"absolute path", "auth required /opt/pam_there.so\nauth required /opt/pam_no.so\n", "2:/opt/pam_no.so!"},
		{"include in the prefix", "@include common-auth\nauth include common-auth\n", ""},
		{"include in /etc", "@include mine\n", ""},
		{"include of nothing", "@include no\naccount substack no2\n", "1:no! 2:no2!"},
		{"absolute include", "@include /usr/lib/pam.d/other\n@include /no\n", "2:/no!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := root(t, map[string]string{"x /opt/pam_there.so": "elf", "x /etc/pam.d/service": c.text},
				"pam_unix.so", "pam_deny.so", "pam_permit.so", "pam_warn.so", "pam_umask.so")
			install(t, tr, "libpam-runtime")
			put(t, tr, "/etc/pam.d/mine", "auth required pam_unix.so\n")
			var got []string
			for _, p := range pam.Check(tr, "/usr") {
				if p.File != "/usr/lib/pam.d/service" || p.Origin.Package != "x" {
					t.Errorf("problem with another file: %v", p)
				}
				s := fmt.Sprintf("%d:%s", p.Line, p.Missing)
				if p.Refuses {
					s += "!"
				}
				got = append(got, s)
			}
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What a recipe puts into /etc/pam.d counts, and not its namesake.
func TestCheckReadsWhatLibpamReads(t *testing.T) {
	tr := root(t, map[string]string{"x /etc/pam.d/service": "auth required pam_no.so\n"}, "pam_unix.so")
	install(t, tr)
	put(t, tr, "/etc/pam.d/service", "auth required pam_unix.so\n")
	if got := pam.Check(tr, "/usr"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	put(t, tr, "/etc/pam.d/mine", "auth required pam_no.so\n")
	got := pam.Check(tr, "/usr")
	if len(got) != 1 || got[0].String() != "/etc/pam.d/mine:1: the PAM module pam_no.so is not in the image" || got[0].Origin.Pass != "recipe" {
		t.Errorf("got %v", got)
	}
}

func TestWithoutModulesNothingUsesPAM(t *testing.T) {
	tr := root(t, map[string]string{"systemd /usr/lib/pam.d/systemd-user": "@include common-account\nsession required pam_selinux.so\n"})
	if got := pam.Check(tr, "/usr"); !slices.Equal(got, nil) {
		t.Errorf("got %v", got)
	}
}

func TestRewrite(t *testing.T) {
	const prefix = "/nix/store/s-systemd"
	text := "@include common-auth # of Debian\nauth required pam_unix.so nullok # pam_unix.so\n-session\toptional\tpam_missing.so\nauth required /x/pam_unix.so\nsession required pam_unix.so\n"
	tr := tree.New()
	shared := tree.NewFile(0o444, tree.String(text), tree.Origin{Package: "shadow"})
	for p, n := range map[string]*tree.Node{
		prefix + "/lib/security/pam_unix.so":  tree.NewFile(0o444, tree.String("elf"), tree.Origin{}),
		prefix + "/lib/pam.d/login":           shared,
		"/nix/store/x-shadow/etc/pam.d/login": shared,
	} {
		if err := tr.Put(p, n); err != nil {
			t.Fatal(err)
		}
	}
	put(t, tr, "/etc/pam.d/own", "auth required pam_unix.so\n")
	if err := pam.Rewrite(tr, prefix); err != nil {
		t.Fatal(err)
	}
	const module = prefix + "/lib/security/pam_unix.so"
	want := "auth include common-auth\naccount include common-auth\npassword include common-auth\nsession include common-auth\nauth required " + module + " nullok # pam_unix.so\n-session\toptional\tpam_missing.so\nauth required /x/pam_unix.so\nsession required " + module + "\n"
	if got := read(t, tr, prefix+"/lib/pam.d/login"); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := read(t, tr, "/nix/store/x-shadow/etc/pam.d/login"); got != text {
		t.Errorf("the package's own file changed:\n%s", got)
	}
	if got := read(t, tr, "/etc/pam.d/own"); got != "auth required "+module+"\n" {
		t.Errorf("the recipe's file: %s", got)
	}
	before := tr.Digest()
	if err := pam.Rewrite(tr, prefix); err != nil || tr.Digest() != before {
		t.Errorf("twice is not the same as once (%v)", err)
	}
}
