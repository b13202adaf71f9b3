package unitfixup_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

// add puts files into a tree: "path" is an executable, "path -" a file that is
// not executable, "path -> target" a link.
func add(t testing.TB, tr *tree.Tree, pkg string, entries ...string) {
	t.Helper()
	o := tree.Origin{Package: pkg}
	for _, e := range entries {
		p, n := e, tree.NewFile(0o755, tree.String("x"), o)
		if link, target, ok := strings.Cut(e, " -> "); ok {
			p, n = link, tree.NewSymlink(target, o)
		} else if file, ok := strings.CutSuffix(e, " -"); ok {
			p, n = file, tree.NewFile(0o644, tree.String("x"), o)
		}
		if err := tr.Put(p, n); err != nil {
			t.Fatal(err)
		}
	}
}

func addFile(t testing.TB, tr *tree.Tree, pkg, p, content string) {
	t.Helper()
	if err := tr.Put(p, tree.NewFile(0o644, tree.String(content), tree.Origin{Package: pkg})); err != nil {
		t.Fatal(err)
	}
}

func fix(t testing.TB, tr *tree.Tree, o unitfixup.Options) *unitfixup.Report {
	t.Helper()
	r, err := unitfixup.Fix(tr, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func content(t testing.TB, tr *tree.Tree, p string) string {
	t.Helper()
	n := tr.Lookup(p)
	if n == nil {
		t.Fatalf("%s is not in the tree", p)
	}
	b, err := tree.ReadAll(n.Content)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// smallRoot has merged /usr and what the tables below look for. The package
// "own" ships the units; it depends on "dep", which depends on "far".
func smallRoot(t testing.TB) (*tree.Tree, unitfixup.Options) {
	tr := tree.New()
	add(t, tr, "base", "/usr/bin/sh", "/bin -> usr/bin", "/usr/sbin/agetty", "/sbin -> usr/sbin", "/usr/bin/my tool",
		"/usr/bin/100%", "/usr/bin/both", "/usr/sbin/tool", "/usr/bin/script -", "/usr/bin/awk -> /etc/alternatives/awk", "/etc/passwd -",
		`/usr/bin/it's`, "/opt/vendor/bin/special")
	add(t, tr, "own", "/usr/bin/ownd", "/usr/libexec/own/helper", "/usr/lib/own/backend", "/usr/lib/own/twin", "/usr/libexec/twin",
		"/usr/share/own/start.sh", "/usr/sbin/wrapped", "/usr/sbin/both", "/usr/lib/own/both")
	add(t, tr, "dep", "/usr/bin/kmod", "/usr/lib/dep/plugin", "/usr/sbin/modprobe -> ../bin/kmod", "/nix/store/dep/lib/systemd/systemd-dep",
		"/nix/store/dep/bin/depctl", "/nix/store/dep/etc/init.d/depd")
	add(t, tr, "far", "/usr/bin/farctl", "/usr/bin/kmod2")
	return tr, unitfixup.Options{
		Path:    []string{"/usr/local/sbin", "/sbin", "/bin"},
		Depends: map[string][]string{"own": {"dep"}, "dep": {"far", "own"}},
	}
}

func TestExecLines(t *testing.T) {
	const kept, rewritten, missing = unitfixup.Kept, unitfixup.Rewritten, unitfixup.Missing
	for _, c := range []struct {
		in, out string // out: "" when in stays
		verdict unitfixup.Verdict
		why     string
	}{
		// What exists stays as it is, byte for byte.
		{in: "/usr/bin/ownd -x", verdict: kept},
		{in: "/bin/sh -c 'rm x; ownd'", verdict: kept},
		{in: "//usr/./bin/../bin/ownd", verdict: kept},
		{in: `"/usr/bin/my tool"`, verdict: kept},
		{in: `/usr/bin/my\x20tool x`, verdict: kept},
		{in: `/usr/bin/my\040tool`, verdict: kept},
		{in: `/usr/bin/my\stool`, verdict: kept},
		{in: `/usr/bin/100%%`, verdict: kept},
		{in: `/usr/bin/100%`, verdict: kept},
		{in: "/sbin/modprobe x", verdict: kept},
		{in: "@!!/usr/bin/ownd argv0", verdict: kept},

		// Bare names: own package, dependencies, PATH.
		{in: "ownd  --flag\tx ", out: "/usr/bin/ownd  --flag\tx ", verdict: rewritten, why: "own package own"},
		{in: "helper", out: "/usr/libexec/own/helper", verdict: rewritten, why: "own package own"},
		{in: "modprobe loop", out: "/usr/sbin/modprobe loop", verdict: rewritten, why: "dependency dep of own"},
		{in: "farctl", out: "/usr/bin/farctl", verdict: rewritten, why: "indirect dependency far of own"},
		{in: "tool -fv", out: "/usr/sbin/tool -fv", verdict: rewritten, why: "image PATH"},
		{in: "both", out: "/usr/sbin/both", verdict: rewritten, why: "own package own"},
		{in: "depctl", out: "/nix/store/dep/bin/depctl", verdict: rewritten, why: "dependency dep of own"},
		{in: "plugin", verdict: missing, why: "not in the image"}, // not a command of dep
		{in: "twin", verdict: missing, why: "not in the image; several of this name in package own"},
		{in: "start.sh", verdict: missing, why: "not in the image"},
		{in: "nosuch", verdict: missing, why: "not in the image"},
		{in: "-nosuch", verdict: missing, why: "not in the image"},
		{in: "script", verdict: missing, why: "not in the image"},
		{in: "awk", verdict: missing, why: "not in the image"},
		{in: "it's", verdict: missing, why: "unbalanced quotes: systemd ignores the line"},

		// Absolute paths that are not there.
		{in: "/usr/sbin/ownd x", out: "/usr/bin/ownd x", verdict: rewritten, why: "own package own"},
		{in: "/opt/own/lib/own/backend", verdict: missing, why: "not in the image"},
		{in: "/usr/lib/own/helper", out: "/usr/libexec/own/helper", verdict: rewritten, why: "own package own"},
		{in: "/usr/libexec/ownd", out: "/usr/bin/ownd", verdict: rewritten, why: "own package own"},
		{in: "/nix/store/own/share/own/start.sh", out: "/usr/share/own/start.sh", verdict: rewritten, why: "own package own"},
		{in: "/lib/systemd/systemd-dep", out: "/nix/store/dep/lib/systemd/systemd-dep", verdict: rewritten, why: "dependency dep of own"},
		{in: "/etc/init.d/depd start", out: "/nix/store/dep/etc/init.d/depd start", verdict: rewritten, why: "dependency dep of own"},
		{in: "/etc/init.d/wrapped start", verdict: missing, why: "not in the image"}, // not /usr/sbin/wrapped
		{in: "/usr/lib/other/plugin", verdict: missing, why: "not in the image"},
		{in: "/usr/lib/own/twin2", verdict: missing, why: "not in the image"},
		{in: "/nix/store/gone/bin/sh -c x", out: "/usr/bin/sh -c x", verdict: rewritten, why: "image PATH"},
		{in: "/bin/agetty -o '-p -- \\u'", out: "/usr/sbin/agetty -o '-p -- \\u'", verdict: rewritten, why: "image PATH"},
		{in: "/usr/bin/awk 1", verdict: missing, why: "a link to /etc/alternatives/awk, which is not in the image"},
		{in: "/usr/bin/script", verdict: missing, why: "not executable"},
		{in: "/usr/libexec/own", verdict: missing, why: "not a regular file"},
		{in: "/run/own/hook", verdict: kept, why: "/run is filled at run time"},
		{in: "/var/lib/../lib/own/ownd", verdict: kept, why: "/var is filled at run time"},

		// Prefixes, in every order systemd takes.
		{in: "-ownd", out: "-/usr/bin/ownd", verdict: rewritten, why: "own package own"},
		{in: "@ownd argv0 -x", out: "@/usr/bin/ownd argv0 -x", verdict: rewritten, why: "own package own"},
		{in: "-@:+ownd a", out: "-@:+/usr/bin/ownd a", verdict: rewritten, why: "own package own"},
		{in: ":!!-ownd", out: ":!!-/usr/bin/ownd", verdict: rewritten, why: "own package own"},
		{in: "!-!ownd", out: "!-!/usr/bin/ownd", verdict: rewritten, why: "own package own"},
		{in: "--ownd", verdict: missing, why: "not in the image"},
		{in: "+!ownd", verdict: missing, why: "not in the image"},
		{in: "!!!ownd", verdict: missing, why: "not in the image"},
		{in: "|ownd && x", verdict: kept, why: "a shell command"},
		{in: "-", verdict: missing, why: "no program"},

		// Quotes and escapes.
		{in: `"ownd" "a b"`, out: `"/usr/bin/ownd" "a b"`, verdict: rewritten, why: "own package own"},
		{in: `'-ownd' x`, out: `"-/usr/bin/ownd" x`, verdict: rewritten, why: "own package own"},
		{in: `-"ownd" x`, out: `"-/usr/bin/ownd" x`, verdict: rewritten, why: "own package own"},
		{in: `o"wn"d`, out: `"/usr/bin/ownd"`, verdict: rewritten, why: "own package own"},
		{in: `\x6f\167\u006e\U00000064 \x6f`, out: `"/usr/bin/ownd" \x6f`, verdict: rewritten, why: "own package own"},
		{in: `"my tool" x`, out: `"/usr/bin/my tool" x`, verdict: rewritten, why: "image PATH"},
		{in: `-/sbin/my\x20tool x`, out: `"-/usr/bin/my tool" x`, verdict: rewritten, why: "image PATH"},
		{in: `100%%`, out: `/usr/bin/100%%`, verdict: rewritten, why: "image PATH"},
		{in: `own\qd`, verdict: missing, why: "systemd refuses quotes, backslashes and control characters in a program's path"},
		{in: `"it's"`, verdict: missing, why: "systemd refuses quotes, backslashes and control characters in a program's path"},
		{in: `ownd "open`, verdict: missing, why: "unbalanced quotes: systemd ignores the line"},

		// What only the running system knows, and what systemd refuses.
		{in: "/usr/lib/own/%i-helper", verdict: kept, why: "specifier %i"},
		{in: "%h/bin/x", verdict: kept, why: "specifier %h"},
		{in: "${OWN_BIN} x", verdict: missing, why: "systemd expands no variables in a program's name"},
		{in: "own/ownd", verdict: missing, why: "neither an absolute path nor a name"},
		{in: "/usr/bin/", verdict: missing, why: "a directory"},
	} {
		t.Run(c.in, func(t *testing.T) {
			tr, o := smallRoot(t)
			const unit = "/usr/lib/systemd/system/own.service"
			addFile(t, tr, "own", unit, "[Service]\nExecStart="+c.in+"\n# end")
			r := fix(t, tr, o)
			if len(r.Lines) != 1 {
				t.Fatalf("got %d lines, want 1: %v", len(r.Lines), r.Lines)
			}
			l := r.Lines[0]
			if l.Verdict != c.verdict || l.Why != c.why {
				t.Errorf("got %s (%s), want %s (%s)", l.Verdict, l.Why, c.verdict, c.why)
			}
			if l.File != unit || l.LineNo != 2 || l.Section != "Service" || l.Key != "ExecStart" || l.Package != "own" {
				t.Errorf("wrong place: %+v", l)
			}
			if c.out == "" {
				c.out = c.in
			}
			if got, want := content(t, tr, unit), "[Service]\nExecStart="+c.out+"\n# end"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// verdicts is a report in a few characters: "line:program=new" or "…!" or "…".
func verdicts(r *unitfixup.Report) string {
	var out []string
	for _, l := range r.Lines {
		s := fmt.Sprintf("%d:%s", l.LineNo, l.Program)
		switch l.Verdict {
		case unitfixup.Rewritten:
			s += "=" + l.New
		case unitfixup.Missing:
			s += "!"
		}
		if l.Optional {
			s += "?"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestFiles(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name, path, in, out, verdicts string
	}{
		{"every key of a service", "/usr/lib/systemd/system/a.service",
			"[Service]\nExecCondition=ownd\nExecStartPre=ownd\nExecStart=ownd\nExecStartPost=ownd\nExecReload=ownd\nExecReloadPost=ownd\nExecStop=ownd\nExecStopPost=ownd\nExecStopPre=ownd\nExecMount=ownd\n",
			"[Service]\nExecCondition=/usr/bin/ownd\nExecStartPre=/usr/bin/ownd\nExecStart=/usr/bin/ownd\nExecStartPost=/usr/bin/ownd\nExecReload=/usr/bin/ownd\nExecReloadPost=/usr/bin/ownd\nExecStop=/usr/bin/ownd\nExecStopPost=/usr/bin/ownd\nExecStopPre=ownd\nExecMount=ownd\n",
			"2:ownd=/usr/bin/ownd 3:ownd=/usr/bin/ownd 4:ownd=/usr/bin/ownd 5:ownd=/usr/bin/ownd 6:ownd=/usr/bin/ownd 7:ownd=/usr/bin/ownd 8:ownd=/usr/bin/ownd 9:ownd=/usr/bin/ownd"},
		{"every key of a socket", "/usr/lib/systemd/user/a.socket",
			"[Socket]\nExecStartPre=-ownd\nExecStartPost=ownd\nExecStopPre=ownd\nExecStopPost=ownd\nExecStart=ownd\n[Service]\nExecStartPre=ownd\n",
			"[Socket]\nExecStartPre=-/usr/bin/ownd\nExecStartPost=/usr/bin/ownd\nExecStopPre=/usr/bin/ownd\nExecStopPost=/usr/bin/ownd\nExecStart=ownd\n[Service]\nExecStartPre=ownd\n",
			"2:ownd=/usr/bin/ownd? 3:ownd=/usr/bin/ownd 4:ownd=/usr/bin/ownd 5:ownd=/usr/bin/ownd"},
		{"other unit types have none", "/usr/lib/systemd/system/a.mount", "[Mount]\nExecStart=ownd\n[Service]\nExecStart=ownd\n", "", ""},
		{"only in its section", "/etc/systemd/system/a.service",
			"ExecStart=ownd\n[Unit]\nExecStart=ownd\n[ Service ]\nExecStart=ownd\n[Service]\n ExecStart = ownd \nexecstart=ownd\n[X-Service]\nExecStart=ownd\n",
			"ExecStart=ownd\n[Unit]\nExecStart=ownd\n[ Service ]\nExecStart=ownd\n[Service]\n ExecStart = /usr/bin/ownd \nexecstart=ownd\n[X-Service]\nExecStart=ownd\n",
			"7:ownd=/usr/bin/ownd"},
		{"CRLF and no final newline", "/usr/lib/systemd/system/a@.service",
			"[Service]\r\nExecStart=ownd -x\r\nExecStop=ownd", "[Service]\r\nExecStart=/usr/bin/ownd -x\r\nExecStop=/usr/bin/ownd", "2:ownd=/usr/bin/ownd 3:ownd=/usr/bin/ownd"},
		{"byte order mark, blank lines, comments", "/usr/lib/systemd/system/a.service",
			"\ufeff[Service]\n\n # ExecStart=no\n;ExecStart=no\n\n\tExecStart=ownd\n", "\ufeff[Service]\n\n # ExecStart=no\n;ExecStart=no\n\n\tExecStart=/usr/bin/ownd\n", "6:ownd=/usr/bin/ownd"},
		{"continuation, comments in between", "/usr/lib/systemd/system/a.service",
			"[Service]\nExecStart= \\\n# ownd\n  -ownd \\\n ; a comment, too \\\n  --x \\\n\nExecStop=ownd\n",
			"[Service]\nExecStart= \\\n# ownd\n  -/usr/bin/ownd \\\n ; a comment, too \\\n  --x \\\n\nExecStop=/usr/bin/ownd\n",
			"4:ownd=/usr/bin/ownd? 8:ownd=/usr/bin/ownd"},
		{"continuation swallows a key, ends with the file", "/usr/lib/systemd/system/a.service",
			"[Service]\nExecStart=ownd \\\nExecStop=ownd \\", "[Service]\nExecStart=/usr/bin/ownd \\\nExecStop=ownd \\", "2:ownd=/usr/bin/ownd"},
		{"an escaped backslash ends the line", "/usr/lib/systemd/system/a.service",
			"[Service]\nExecStart=ownd \\\\\nExecStop=ownd\n", "[Service]\nExecStart=/usr/bin/ownd \\\\\nExecStop=/usr/bin/ownd\n", "2:ownd=/usr/bin/ownd 3:ownd=/usr/bin/ownd"},
		{"a quoted name with a line break in it", "/usr/lib/systemd/system/a.service", "[Service]\nExecStart=\"my\\\ntool\"\n", "", "2:my tool!"},
		{"several commands", "/usr/lib/systemd/system/a.service",
			"[Service]\nExecStart=ownd a ; -tool b; \\; ';' \\\n ; ; nosuch ;ownd ; ownd\n",
			"[Service]\nExecStart=/usr/bin/ownd a ; -/usr/sbin/tool b; \\; ';' \\\n ; ; nosuch ;ownd ; ownd\n",
			"2:ownd=/usr/bin/ownd 2:tool=/usr/sbin/tool?"}, // the third line is a comment
		{"several commands over lines", "/usr/lib/systemd/system/a.service",
			"[Service]\nExecStart=ownd ';' \";\" \\; ;x ; \\\n -tool ; ; \\\n nosuch ; ownd ;\n",
			"[Service]\nExecStart=/usr/bin/ownd ';' \";\" \\; ;x ; \\\n -/usr/sbin/tool ; ; \\\n nosuch ; /usr/bin/ownd ;\n",
			"2:ownd=/usr/bin/ownd 3:tool=/usr/sbin/tool? 4:nosuch! 4:ownd=/usr/bin/ownd"},
		{"unbalanced quotes after a lone semicolon", "/usr/lib/systemd/system/a.service", "[Service]\nExecStart=; ;\"\n", "", "2:;!"},
		{"a broken section header", "/usr/lib/systemd/system/a.service", "[Service\nExecStart=ownd\n", "", ""},
		{"an empty value resets", "/usr/lib/systemd/system/a.service", "[Service]\nExecStart=\nExecStart= \nExecStart=ownd\n", "[Service]\nExecStart=\nExecStart= \nExecStart=/usr/bin/ownd\n", "4:ownd=/usr/bin/ownd"},
		{"a line over 2048 bytes", "/usr/lib/systemd/system/a.service", "[Service]\nExecStart=ownd " + long + "\n", "[Service]\nExecStart=/usr/bin/ownd " + long + "\n", "2:ownd=/usr/bin/ownd"},
		{"drop-in", "/etc/systemd/system/a.service.d/x.conf", "[Service]\nExecStart=ownd\n", "[Service]\nExecStart=/usr/bin/ownd\n", "2:ownd=/usr/bin/ownd"},
		{"drop-in for all services", "/usr/lib/systemd/system/service.d/x.conf", "[Service]\nExecStart=ownd\n", "[Service]\nExecStart=/usr/bin/ownd\n", "2:ownd=/usr/bin/ownd"},
		{"drop-in with another suffix", "/usr/lib/systemd/system/a.service.d/x.dpkg-old", "[Service]\nExecStart=ownd\n", "", ""},
		{"below a store prefix", "/nix/store/own/share/systemd/user/a.service", "[Service]\nExecStart=ownd\n", "[Service]\nExecStart=/usr/bin/ownd\n", "2:ownd=/usr/bin/ownd"},
		{"ExecSearchPath", "/usr/lib/systemd/system/a.service", "[Service]\nExecStart=special\nExecSearchPath=%h/bin:/opt/vendor/bin\n", "[Service]\nExecStart=/opt/vendor/bin/special\nExecSearchPath=%h/bin:/opt/vendor/bin\n", "2:special=/opt/vendor/bin/special"},
		{"another root directory", "/usr/lib/systemd/system/a.service", "[Service]\nRootDirectory=/srv/x\nExecStartPre=+ownd\nExecStart=ownd\n", "[Service]\nRootDirectory=/srv/x\nExecStartPre=+/usr/bin/ownd\nExecStart=ownd\n", "3:ownd=/usr/bin/ownd 4:ownd"},

		{"D-Bus", "/usr/share/dbus-1/system-services/a.service",
			"# c\n[D-BUS Service]\nName=a\nExec=ownd --bus\nUser=root\n[Other]\nExec=ownd\n", "# c\n[D-BUS Service]\nName=a\nExec=/usr/bin/ownd --bus\nUser=root\n[Other]\nExec=ownd\n", "4:ownd=/usr/bin/ownd"},
		{"D-Bus, quotes", "/usr/share/dbus-1/services/a.service",
			"[D-BUS Service]\r\nExec = \"own\"'d' 'x'\\\\ \r\n", "[D-BUS Service]\r\nExec = /usr/bin/ownd 'x'\\\\ \r\n", "2:ownd=/usr/bin/ownd"},
		{"D-Bus, a name with a space", "/usr/share/dbus-1/services/a.service", "[D-BUS Service]\nExec=my\\\\ tool", "[D-BUS Service]\nExec='/usr/bin/my tool'", "2:my tool=/usr/bin/my tool"},
		{"D-Bus has no prefixes and specifiers", "/usr/share/dbus-1/services/a.service", "[D-BUS Service]\nExec=100%\nExec=-ownd\n", "[D-BUS Service]\nExec=/usr/bin/100%\nExec=-ownd\n", "2:100%=/usr/bin/100% 3:-ownd!"},
		{"D-Bus, systemd starts it", "/usr/share/dbus-1/system-services/a.service", "[D-BUS Service]\nExec=/bin/false\nSystemdService=a.service\n", "", "2:/bin/false"},
		{"D-Bus, nobody starts it", "/usr/share/dbus-1/system-services/a.service", "[D-BUS Service]\nExec=/bin/false\n", "", "2:/bin/false!"},
		{"a unit among D-Bus services", "/usr/share/dbus-1/system-services/a.service", "[Service]\nExecStart=ownd\n", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, o := smallRoot(t)
			addFile(t, tr, "own", c.path, c.in)
			r := fix(t, tr, o)
			if got := verdicts(r); got != c.verdicts {
				t.Errorf("got lines %s\nwant %s", got, c.verdicts)
			}
			want := c.out
			if want == "" {
				want = c.in
			}
			if got := content(t, tr, c.path); got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
			digest := tr.Digest()
			if again := fix(t, tr, o); len(again.Changed()) > 0 || tr.Digest() != digest {
				t.Errorf("fixing again changed %v", again.Changed())
			}
		})
	}
}

func TestLinks(t *testing.T) {
	tr, o := smallRoot(t)
	const unit = "[Service]\nExecStart=ownd\n"
	addFile(t, tr, "own", "/usr/lib/systemd/system/real.service", unit)
	addFile(t, tr, "own", "/opt/own/linked.service", unit)
	addFile(t, tr, "own", "/usr/share/doc/own/example", unit)
	if err := tr.Link("/usr/lib/systemd/system/hard.service", tr.Lookup("/usr/share/doc/own/example")); err != nil {
		t.Fatal(err)
	}
	add(t, tr, "own", "/lib -> usr/lib",
		"/etc/systemd/system/alias.service -> /lib/systemd/system/real.service",
		"/etc/systemd/system/multi-user.target.wants/real.service -> /lib/systemd/system/real.service",
		"/etc/systemd/system/linked.service -> /opt/own/linked.service",
		"/etc/systemd/system/masked.service -> /dev/null",
		"/etc/systemd/system/gone.service -> nowhere")
	r := fix(t, tr, o)
	want := []string{"/opt/own/linked.service", "/usr/lib/systemd/system/hard.service", "/usr/lib/systemd/system/real.service"}
	if got := r.Changed(); strings.Join(got, " ") != strings.Join(want, " ") || len(r.Lines) != 3 {
		t.Errorf("changed %v in %d lines, want %v in 3", got, len(r.Lines), want)
	}
	if got := content(t, tr, "/usr/share/doc/own/example"); got != unit {
		t.Errorf("the other name of a hard link changed: %q", got)
	}
	for _, p := range want {
		h := tr.Lookup(p).History
		if last := h[len(h)-1]; len(h) != 2 || h[0].Package != "own" || last.Pass != "unitfixup" || last.Rule != "ExecStart=ownd is /usr/bin/ownd, own package own" {
			t.Errorf("%s has history %v", p, h)
		}
	}
	if h := tr.Lookup("/usr/share/doc/own/example").History; len(h) != 1 {
		t.Errorf("the other name of a hard link has history %v", h)
	}
}

// A drop-in belongs to its unit: what one says about the root and the search
// path holds for the other.
func TestDropInSettings(t *testing.T) {
	tr, o := smallRoot(t)
	addFile(t, tr, "own", "/usr/lib/systemd/system/a.service", "[Service]\nExecStart=special\n")
	addFile(t, tr, "own", "/etc/systemd/system/a.service.d/x.conf", "[Service]\nExecSearchPath=/opt/vendor/bin\n")
	addFile(t, tr, "own", "/usr/lib/systemd/system/b.service", "[Service]\nExecStart=ownd\n")
	addFile(t, tr, "own", "/usr/lib/systemd/system/b.service.d/x.conf", "[Service]\nRootImage=/x.raw\n")
	if got, want := verdicts(fix(t, tr, o)), "2:special=/opt/vendor/bin/special 2:ownd"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReportText(t *testing.T) {
	tr, o := smallRoot(t)
	addFile(t, tr, "own", "/usr/lib/systemd/system/a.service", "[Service]\nExecStartPre=-nosuch\nExecStart=kmod\nExecStop=/bin/sh\n")
	r := fix(t, tr, o)
	want := `/usr/lib/systemd/system/a.service:2: ExecStartPre=nosuch missing, optional (not in the image)
/usr/lib/systemd/system/a.service:3: ExecStart=kmod rewritten to /usr/bin/kmod (dependency dep of own)
1 kept, 1 rewritten, 1 missing
`
	if got := r.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if m := r.Missing(); len(m) != 1 || m[0].Program != "nosuch" {
		t.Errorf("got missing %v", m)
	}
}

type unreadable struct{ tree.Content }

func (unreadable) Open() (io.ReadCloser, error) { return nil, errors.New("disk on fire") }

func TestUnreadableFileIsAnError(t *testing.T) {
	tr := tree.New()
	n := tree.NewFile(0o644, unreadable{tree.String("x")}, tree.Origin{})
	if err := tr.Put("/usr/lib/systemd/system/a.service", n); err != nil {
		t.Fatal(err)
	}
	_, err := unitfixup.Fix(tr, unitfixup.Options{})
	if want := "read /usr/lib/systemd/system/a.service: disk on fire"; err == nil || err.Error() != want {
		t.Errorf("got error %v, want %q", err, want)
	}
}
