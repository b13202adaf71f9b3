package systemd_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/internal/sandbox/sandboxtest"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/tree"
)

// systemd-sysusers makes of the recipe's file and the credentials what is meant.
func TestUsers(t *testing.T) {
	root := sandboxtest.NewRoot(t, "systemd-sysusers", "systemd-tmpfiles", "systemctl")
	uid, gid := uint32(1000), uint32(2000)
	text := sysusers.Recipe([]sysusers.User{
		{Name: "ana", UID: &uid, Group: "deploy", Groups: []string{"wheel"}, Description: "Ana Ruiz", Home: "/home/ana", Shell: "/bin/sh"},
		{Name: "svc"},
	}, []sysusers.Group{{Name: "deploy", GID: &gid}, {Name: "wheel"}})
	put := func(p, text string) {
		if err := root.Put(p, tree.NewFile(0o644, tree.String(text), tree.Origin{})); err != nil {
			t.Fatal(err)
		}
	}
	put("/usr/"+sysusers.RecipePath, text)
	put("/usr/lib/sysusers.d/basic.conf", "u root 0 \"Super User\" /root\nm svc extra\nu other -:nogroup\n")
	put("/usr/lib/os-release", "ID=test\n")
	groups := systemd.Groups(root, "/usr")
	for name, want := range map[string]bool{"root": true, "deploy": true, "wheel": true, "extra": true, "svc": true, "ana": false, "other": false, "nogroup": false} {
		if groups[name] != want {
			t.Errorf("group %s: %v", name, groups[name])
		}
	}
	if err := root.Remove("/usr/lib/sysusers.d/basic.conf"); err != nil {
		t.Fatal(err)
	}
	put("/usr/lib/sysusers.d/basic.conf", "u root 0 \"Super User\" /root\n")
	passes, err := systemd.Passes(root, systemd.Options{Prefix: "/usr", Accounts: map[string]string{
		"passwd.hashed-password.ana": "$6$a", "passwd.hashed-password.root": "$6$r", "passwd.shell.root": "/bin/dash"}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(passes, func(c sandbox.Command) bool { return c.Name == systemd.Sysusers })
	results, err := sandbox.Run(t.Context(), root, passes[i:i+1], sandbox.Options{Dir: t.TempDir()})
	if err != nil || results[0].ExitCode != 0 {
		t.Fatalf("%v, %s", err, results[0].Output)
	}
	if _, err := systemd.Apply(root, "/usr", systemd.Sysusers, results[0]); err != nil {
		t.Fatal(err)
	}
	for file, lines := range map[string][]string{
		"/etc/passwd": {"ana:x:1000:2000:Ana Ruiz:/home/ana:/bin/sh\n", "root:x:0:0:Super User:/root:/bin/dash\n", ":/usr/sbin/nologin\n"},
		"/etc/group":  {"deploy:x:2000:\n", "wheel:x:999:ana\n"},
		"/etc/shadow": {"ana:$6$a:", "root:$6$r:", "svc:!*:"},
	} {
		content, err := tree.ReadAll(root.Lookup(file).Content)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains(string(content), line) {
				t.Errorf("%s lacks %q:\n%s", file, line, content)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	root := sandboxtest.NewRoot(t, "systemd-firstboot", "systemd-sysusers", "systemd-tmpfiles", "systemctl")
	for p, text := range map[string]string{
		"/usr/lib/os-release":                  "ID=test\n",
		"/usr/share/zoneinfo/Europe/Vienna":    "TZif",
		"/usr/share/zoneinfo/UTC":              "TZif",
		"/usr/share/zoneinfo/zone.tab":         "",
		"/usr/share/i18n/locales/de_AT":        "",
		"/usr/share/i18n/locales/sr_RS@latin":  "",
		"/usr/share/i18n/locales/translit_cjk": "",
		"/usr/lib/locale/C.utf8/LC_CTYPE":      "",
	} {
		root.Put(p, tree.NewFile(0o644, tree.String(text), tree.Origin{}))
	}
	if zones := systemd.Timezones(root, "/usr"); !slices.Equal(zones, []string{"Europe/Vienna", "UTC"}) {
		t.Errorf("zones %v", zones)
	}
	ready, sources := systemd.Locales(root)
	if !slices.Equal(ready, []string{"C", "C.UTF-8", "POSIX"}) || !slices.Equal(sources, []string{"de_AT.UTF-8", "sr_RS.UTF-8@latin"}) {
		t.Errorf("locales %v, sources %v", ready, sources)
	}
	o := systemd.Options{Prefix: "/usr", Locale: "C", Timezone: "Europe/Vienna", Font: "Lat2-Terminus16"}
	passes, err := systemd.Passes(root, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range passes {
		if c.Name == systemd.Localedef {
			t.Errorf("compiles a locale that is there: %v", c.Args)
		}
	}
	i := slices.IndexFunc(passes, func(c sandbox.Command) bool { return c.Name == systemd.Firstboot })
	results, err := sandbox.Run(t.Context(), root, passes[i:i+1], sandbox.Options{Dir: t.TempDir()})
	if err != nil || results[0].ExitCode != 0 {
		t.Fatalf("%v, %s", err, results[0].Output)
	}
	if w := systemd.Warnings(systemd.Firstboot, results[0].Output); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	if _, err := systemd.Apply(root, "/usr", systemd.Firstboot, results[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := systemd.Finish(root, o); err != nil {
		t.Fatal(err)
	}
	if n := root.Lookup("/etc/localtime"); n == nil || n.Target != "../usr/share/zoneinfo/Europe/Vienna" {
		t.Errorf("/etc/localtime: %+v", n)
	}
	for file, want := range map[string]string{"/etc/vconsole.conf": "FONT=Lat2-Terminus16\n"} {
		if content, err := tree.ReadAll(root.Lookup(file).Content); err != nil || string(content) != want {
			t.Errorf("%s: %q, %v", file, content, err)
		}
	}
	if root.Lookup("/usr/share/i18n") != nil {
		t.Error("the sources of locales are still there")
	}
}

// vconsole.conf(5) gets what the recipe says, also where the passes left an
// empty file.
func TestFinishConsole(t *testing.T) {
	for _, c := range []struct{ keymap, font, want string }{
		{"de", "alt-8x8", "KEYMAP=de\nFONT=alt-8x8\n"}, {"de", "", "KEYMAP=de\n"}, {"", "alt-8x8", "FONT=alt-8x8\n"}, {"", "", ""},
	} {
		root := sandboxtest.NewRoot(t)
		if err := root.Put("/etc/vconsole.conf", tree.NewFile(0o644, tree.String(""), tree.Origin{})); err != nil {
			t.Fatal(err)
		}
		if _, err := systemd.Finish(root, systemd.Options{Prefix: "/usr", Keymap: c.keymap, Font: c.font}); err != nil {
			t.Fatal(err)
		}
		if got, err := tree.ReadAll(root.Lookup("/etc/vconsole.conf").Content); err != nil || string(got) != c.want {
			t.Errorf("%+v: got %q, %v", c, got, err)
		}
	}
}
