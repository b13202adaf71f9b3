package systemd_test

import (
	"path"
	"testing"

	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/tree"
)

func TestCheckUsers(t *testing.T) {
	const a, b = "/usr/lib/sysusers.d/a.conf", "/usr/lib/sysusers.d/b.conf"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"the same twice", map[string]string{a: "u x 100\ng y 5\n", b: "# c\nu x 100:7 \"X\"\ng y 5\n"}, ""},
		{"a number of users and one of groups", map[string]string{a: "u x 100\n", b: "g y 100\n"}, ""},
		{"left to the tool", map[string]string{a: "u x 100\nu y -\n", b: "u x -\nu z /usr/bin/z\nm x y\nr - 100-200\nu\n"}, ""},
		{"one uid, two names", map[string]string{a: "u x 100\n", b: "# c\nu! y 100:5\n"},
			"uid 100 is that of user x in usr/lib/sysusers.d/a.conf:1 (package a.conf) and of y in usr/lib/sysusers.d/b.conf:2 (package b.conf)"},
		{"one name, two uids", map[string]string{a: "u x 100\n", b: "u x \"101\"\n"},
			"user x has uid 100 in usr/lib/sysusers.d/a.conf:1 (package a.conf) and uid 101 in usr/lib/sysusers.d/b.conf:1 (package b.conf)"},
		{"one gid, two names", map[string]string{a: "g x 100\ng y 100\n"},
			"gid 100 is that of group x in usr/lib/sysusers.d/a.conf:1 (package a.conf) and of y in usr/lib/sysusers.d/a.conf:2 (package a.conf)"},
		{"several", map[string]string{a: "g x 100\nu r 0\n", b: "g x 101\nu s 0\n"},
			"group x has gid 100 in usr/lib/sysusers.d/a.conf:1 (package a.conf) and gid 101 in usr/lib/sysusers.d/b.conf:1 (package b.conf)\n" +
				"uid 0 is that of user r in usr/lib/sysusers.d/a.conf:2 (package a.conf) and of s in usr/lib/sysusers.d/b.conf:2 (package b.conf)"},
		{"a file of /etc decides", map[string]string{a: "u x 100\n", b: "u y 100\n", "/etc/sysusers.d/b.conf": "u y 101\n"}, ""},
	} {
		root := tree.New()
		for p, text := range c.files {
			root.Put(p, tree.NewFile(0o644, tree.String(text), tree.Origin{Package: path.Base(p)}))
		}
		got := ""
		if err := systemd.CheckUsers(root, "/usr"); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
