package maintscript_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/maintscript"
)

// image has these paths and no other.
func image(paths ...string) func(string) bool {
	return func(p string) bool {
		for _, have := range paths {
			if p == have {
				return true
			}
		}
		return false
	}
}

// judge returns the verdict on each command of a script, one a line.
func judge(pkg string, files map[string]string, has func(string) bool, script string) string {
	var b strings.Builder
	for _, f := range maintscript.Judge(maintscript.Package{Name: pkg, Files: files}, has) {
		if f.Script != script {
			continue
		}
		for _, c := range f.Commands {
			b.WriteString(c.Verdict.String() + " " + c.Text + "\n")
		}
	}
	return b.String()
}

func lines(s ...string) string {
	if len(s) == 0 {
		return ""
	}
	return strings.Join(s, "\n") + "\n"
}

// What postinst would do on a first installation. M stands for a command that
// nobody knows.
var postinsts = []struct {
	name, script string
	want         []string
}{
	{"the arm configure alone", `case "$1" in configure|reconfigure) M a;; abort-upgrade) M b;; *) M c;; esac`, []string{"M a"}},
	{"a pattern with a wildcard", `case "$1" in conf*) M a;; *) M b;; esac`, []string{"M a"}},
	{"a quoted wildcard is none", `case "$1" in "conf*") M a;; *) M b;; esac`, []string{"M b"}},
	{"an arm that falls through", `case "$1" in configure) M a;& x) M b;; y) M c;; esac`, []string{"M a", "M b", "M c"}},
	{"a word that is not known", `case "$x" in a) M a;; *) M b;; esac`, []string{"M a", "M b"}},
	{"test", `[ "$1" = configure ] && M a; [ "$1" != configure ] && M b; [ -z "$2" ] && M c; [ -n "$2" ] && M d; [ "$2" ] && M e; test "$1" = x -o -z "$2" && M f; [ "$1" = configure -a -n "$2" ] && M g; [ ! "$1" = configure ] || M h`,
		[]string{"M a", "M c", "M f", "M h"}},
	{"numbers", `[ $# -eq 2 ] && M a; [ $# -gt 2 ] && M b; [ "$x" -gt 2 ] && M c`, []string{"M a", "M c"}},
	{"only after an older version", `if dpkg --compare-versions "$2" lt-nl 2; then M a; fi; if dpkg --compare-versions "$2" gt 2; then M b; fi; dpkg --compare-versions "$2" ge 2 && M c; dpkg --compare-versions "$2" eq 2 && M d; dpkg --compare-versions "$2" le-nl 2 && M e`, nil},
	{"without a version, too", `if dpkg --compare-versions "$2" lt 2; then M a; fi; dpkg --compare-versions "$2" gt-nl 2 && M b; dpkg --compare-versions "$2" ne 2 && M c; dpkg --compare-versions "$2" le 2 && M d; dpkg --compare-versions "$x" gt 2 && M e`,
		[]string{"M a", "M b", "M c", "M d", "M e"}},
	{"nothing runs", `if [ -d /run/systemd/system ]; then M a; elif [ -S /var/run/x ]; then M b; else M c; fi`, []string{"M c"}},
	{"a file that is there", `[ -e /there ] || M a; [ ! -e /there ] && M b; [ -e /there ] && M c`, []string{"M c"}},
	{"a file that may be made", `[ -e /not-there ] || M a; [ -e /not-there ] && M b; [ -d /there ] || M c`, []string{"M a", "M b", "M c"}},
	{"both ways", `if grep -q x /etc/x; then M a; else M b; fi`, []string{"M a", "M b"}},
	{"and, or", `true && M a; false && M b; true || M c; false || M d; grep x && M e || M f`, []string{"M a", "M d", "M e", "M f"}},
	{"exit ends it", `[ "$1" = configure ] && exit 0; M a`, nil},
	{"exit in one way does not", `if grep x y; then exit 1; fi; M a; grep x y || exit 1; M b`, []string{"M a", "M b"}},
	{"exit in a subshell does not", `(exit 1); M a; x=$(exit 1); M b; echo | exit 1; M c`, []string{"M a", "M b", "M c"}},
	{"exit on both ways does", `if grep x y; then exit 1; else exit 2; fi; M a`, nil},
	{"functions, when called", `f() { M "$1" $2; }; g() { M never; }; f a "b c"; f "x y"`, []string{"M a b c", "M 'x y'"}},
	{"a function with two bodies", `if grep x y; then f() { M a; }; else f() { M b; }; fi; f`, []string{"M a", "M b"}},
	{"what a function returns", `f() { return 1; }; g() { return 0; }; h() { grep x && return 0; return 1; }; f && M a; g && M b; h && M c; h || M d`, []string{"M b", "M c", "M d"}},
	{"return ends only the function", `f() { [ "$1" ] || return 0; M a; }; f; M b; f x`, []string{"M b", "M a"}},
	{"a return keeps what was set before", `x=1; f() { if grep x; then x=2; return; fi; }; f; [ $x = 1 ] && M a; [ $x = 2 ] && M b`, []string{"M a", "M b"}},
	{"local variables", `x=1; f() { local x=2; M $x; }; f; M $x`, []string{"M 2", "M 1"}},
	{"its own arguments again after a call", `f() { shift; M "$1"; }; f a b; M "$1"`, []string{"M b", "M configure"}},
	{"variables", `a=1; b="$a-$DPKG_MAINTSCRIPT_PACKAGE"; M $b ${a}x "${c:-d}" ${DPKG_ROOT:+--root="$DPKG_ROOT"} ${a:+y} "$DPKG_ROOT/etc"`,
		[]string{`M 1-pkg 1x ${c:-d} y /etc`}},
	{"parts of variables", `v=postgresql-17; M ${v##*-} ${v%-*} ${v#post} ${v%%x*}`, []string{"M 17 postgresql gresql-17 postgresql-17"}},
	{"a variable that two ways set", `if grep x y; then v=1; else v=2; fi; M $v; [ $v = 3 ] && M a`, []string{"M $v", "M a"}},
	{"a variable that both ways set alike", `if grep x y; then v=1; else v=1; fi; M $v`, []string{"M 1"}},
	{"words of a variable", `v="a b"; M $v "$v"; v=" c "; M x$v`, []string{"M a b 'a b'", "M x c"}},
	{"all arguments", `set -e; M "$@"; set -- x "y z"; M "$@" $#; shift; M $1; set --; M a "$@"`, []string{"M configure ''", "M x 'y z' 2", "M y z", "M a"}},
	{"backslashes and quotes", "M a\\ b 'c d' \"e \\$ f\" \\\n g", []string{`M 'a b' 'c d' 'e $ f' g`}},
	{"a loop over words", `for x in a b; do [ $x = b ] && continue; M $x; done; for x in 1 2 3; do [ $x = 2 ] && break; M $x; done`, []string{"M a", "M 1"}},
	{"a loop over no words", `l=; for x in $l; do M a; done`, nil},
	{"a loop over files", `for x in /etc/*.conf; do M $x; done; for x in $l; do M "$x"; done`, []string{"M $x"}},
	{"a loop that counts", `i=0; while [ $i -lt 3 ]; do M $i; i=$((i+1)); done; M $i`, []string{"M 0", "M $i"}},
	{"a loop that never is", `while false; do M a; done; until true; do M b; done; M c`, []string{"M c"}},
	{"a loop that ends inside", `while :; do if grep x; then r=1; break; fi; r=2; done; M $r; [ $r = 2 ] && M a`, []string{"M 1"}},
	{"what a loop set, before it went on", `r=0; for x in $l; do if grep x; then r=1; break; fi; done; [ $r = 1 ] && M a; [ $r = 0 ] && M b`, []string{"M a", "M b"}},
	{"commands in words", `M "$(N a)"; x=$(N b); M ${y:-$(N c)}; M $(( $(N d) + 1 ))`, []string{"N a", `M "$(N a)"`, "N b", "N c", `M "${y:-$(N c)}"`, "N d", `M "$(($(N d) + 1))"`}},
	{"pipes and groups", `N a | M b; { M c; }; (M d); M e & ! M f`, []string{"N a", "M b", "M c", "M d", "M e", "M f"}},
	{"eval and trap", `x=M; eval "$x a"; trap 'M b' EXIT; trap - EXIT; eval "$y"`, []string{"M a", "M b", "eval $y"}},
	{"wrapped commands", `command M a; exec M b; M c`, []string{"M a", "M b"}},
	{"env", `env A=b M a; LC_ALL=C M b; nohup M c`, []string{"M a", "M b", "M c"}},
	{"a command that is not known", `$x a`, []string{"$x a"}},
	{"another file", `v=1; . /usr/share/x; M $v; . /usr/share/debconf/confmodule; db_get x; M $RET`, []string{". /usr/share/x", "M $v", "M $RET"}},
	{"writing to a file", `echo a > /etc/a; cat >> /etc/b; : > /etc/c; > /etc/d; M > /etc/e; echo > "$f"; M a > /dev/null 2>&1; grep x < /etc/x; echo >&2`,
		[]string{"echo a > /etc/a", "cat >> /etc/b", ": > /etc/c", "> /etc/d", "M > /etc/e", "echo > $f", "M a"}},
	{"writing from a loop", `while read x; do echo; done > /etc/a; { echo; } > /etc/b; f() { echo; }; f > /etc/c`, []string{"while … done > /etc/a", "{ … } > /etc/b", "f > /etc/c"}},
	{"a temporary file", `t=$(mktemp); echo > $t; sed -i s/a/b/ "$t"; rm -f "$t"; mv $t /etc/x`, []string{"sed -i s/a/b/ /tmp/mktemp", "mv /tmp/mktemp /etc/x"}},
	{"bash", "[[ -n $2 ]] && M a; ((x=1)); M $x; declare y=2; M $y", []string{"M a", "M $x", "M 2"}},
	{"recursion", `f() { f; }; f`, []string{"too much to follow, sha256 62222a5ca2f7ca85"}},
}

func TestPostinst(t *testing.T) {
	for _, c := range postinsts {
		t.Run(c.name, func(t *testing.T) {
			got := unknown(c.name, c.script)
			if lines(got...) != lines(c.want...) {
				t.Errorf("%s\ngot\n%swant\n%s", c.script, lines(got...), lines(c.want...))
			}
		})
	}
}

// shellOf is what a case's script is for.
func shellOf(name string) string {
	if name == "bash" || name == "an arm that falls through" {
		return "bash"
	}
	return "sh"
}

// unknown are the commands of a case's script that nobody knows.
func unknown(name, script string) (commands []string) {
	files := map[string]string{"postinst": "#!/bin/" + shellOf(name) + "\n" + script}
	for line := range strings.Lines(judge("pkg", files, image("/there"), "postinst")) {
		if text, ok := strings.CutPrefix(line, "unknown "); ok {
			commands = append(commands, strings.TrimSuffix(text, "\n"))
		}
	}
	return commands
}

// A real shell takes one of the ways that were followed: whatever it runs was
// found. grep, on which ways depend, succeeds always or never.
func TestAgainstTheShell(t *testing.T) {
	notHere := map[string]bool{ // they would write, or never end
		"writing to a file": true, "writing from a loop": true, "a temporary file": true, "a loop that ends inside": true, "recursion": true,
		"wrapped commands": true, "env": true, // M is a function here
	}
	ran := 0
	for _, c := range postinsts {
		if notHere[c.name] {
			continue
		}
		found := unknown(c.name, c.script)
		for _, result := range []string{"0", "1"} {
			// Each command prints its words, in one write: some run at the same time.
			prelude := `say() { l=$(printf '%s\037' "$@"); echo "$l"; }; M() { say M "$@"; }; N() { say N "$@" >&3; }; grep() { return ` + result + "; }\n"
			cmd := exec.Command(shellOf(c.name), "-c", "exec 3>&1\n"+prelude+strings.ReplaceAll(c.script, "/there", os.Args[0]), "postinst", "configure", "")
			cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DPKG_ROOT=", "DPKG_MAINTSCRIPT_PACKAGE=pkg"}
			out, _ := cmd.Output() // most of the commands do not exist
			for line := range strings.Lines(string(out)) {
				words := strings.Split(strings.TrimSuffix(line, "\x1f\n"), "\x1f")
				ran++
				if !slices.ContainsFunc(found, func(f string) bool { return covers(f, words) }) {
					t.Errorf("%s: the shell ran %q, found was\n%s", c.name, words, lines(found...))
				}
			}
		}
	}
	if ran < 100 {
		t.Errorf("only %d commands ran", ran)
	}
}

// covers says whether a command that was found can be the one that ran.
func covers(found string, ran []string) bool {
	if strings.Contains(found, "$") { // words that are not known can be any number
		return strings.HasPrefix(found, ran[0]+" ")
	}
	var b strings.Builder
	for i, w := range ran {
		if i > 0 {
			b.WriteString(" ")
		}
		if q := strings.ContainsAny(w, " $") || w == ""; q {
			w = "'" + w + "'"
		}
		b.WriteString(w)
	}
	return b.String() == found
}

// The same text is the same command; one that writes other content is not.
func TestHereDocumentsAreTold(t *testing.T) {
	text := func(body string) string {
		return judge("p", map[string]string{"postinst": "#!/bin/sh\ncat > /etc/x <<EOF\n" + body + "\nEOF\n"}, image(), "postinst")
	}
	if a, b := text("a"), text("b"); a == b || !strings.HasPrefix(a, "unknown cat > /etc/x <<") || a != text("a") {
		t.Errorf("%q and %q", a, b)
	}
}

// What is known of commands, whichever package calls them.
func TestRules(t *testing.T) {
	for _, c := range []struct{ command, want string }{
		{"systemctl restart x.service", "harmless"},
		{"systemctl --system daemon-reload", "harmless"},
		{"systemctl is-active x", ""},
		{"systemctl enable x.service", "replaced"},
		{"systemctl link /x.service", "unknown"},
		{"systemctl $verb x", "unknown"},
		{"deb-systemd-helper enable x.service", "replaced"},
		{"update-rc.d x defaults", "replaced"},
		{"/usr/sbin/ldconfig", "replaced"},
		{"systemd-tmpfiles --create x.conf", "replaced"},
		{"udevadm trigger", "harmless"},
		{"udevadm hwdb --update", "unknown"},
		{"mkdir -p /run/x", "harmless"},
		{"mkdir -p /run/x /etc/x", "unknown"},
		{"mkdir /there", "harmless"},
		{"install -d -m 2775 -o a -g b /var/run/x", "harmless"},
		{"install -m 644 /tmp/x /etc/x", "unknown"},
		{"install -t /etc /run/x", "unknown"},
		{"cp /etc/x /tmp/x", "harmless"},
		{"cp /tmp/x /etc/x", "unknown"},
		{"mv /run/x /etc/x", "unknown"},
		{"mv /etc/x.dpkg-bak /etc/x", "harmless"},
		{"chown root:x /run/x", "harmless"},
		{"chown /run/x /etc/x", "unknown"},
		{"rm -f /not-there", "harmless"},
		{"rm -f /there", "unknown"},
		{"rm -f /not-there*", "unknown"},
		{"rm -f $x", "unknown"},
		{"ln -s x /usr/share/man/man1/x.1.gz", "harmless"},
		{"sed -e s/a/b/ /etc/x", ""},
		{"sed -i s/a/b/ /etc/x", "unknown"},
		{"sed -ni p /etc/x", "unknown"},
		{"sed --in-place=x s/a/b/ /etc/x", "unknown"},
		{"sed 's/a/b/w /etc/y' /etc/x", "unknown"},
		{"awk '{print $1}'", ""},
		{`awk '{print > "/etc/x"}'`, "unknown"},
		{"find /etc -name x", ""},
		{"find /etc -name x -delete", "unknown"},
		{"tee /etc/x", "unknown"},
		{"sort -o /etc/x", "unknown"},
		{"xargs -0 grep x", ""},
		{"xargs rm", "unknown"},
		{"dpkg -s x", ""},
		{"dpkg -i x.deb", "unknown"},
		{"dpkg-divert --list x", ""},
		{"dpkg-divert --package x --add --rename --divert /a /b", "unknown"},
		{"dpkg-divert --package x --remove --divert /a /b", "harmless"},
		{"dpkg-statoverride --update --add root x 2755 /usr/bin/x", "unknown"},
		{"update-alternatives --install /usr/bin/x x /usr/bin/y 1 --slave /usr/share/man/man1/x.1.gz x.1.gz /usr/share/man/man1/y.1.gz", "unknown"},
		{"update-alternatives --install /usr/share/man/man1/x.1.gz x.1.gz /y 1", "harmless"},
		{"dpkg-maintscript-helper rm_conffile /etc/x 1 -- \"$@\"", "harmless"},
		{"ucf a /etc/a", "unknown"},
		{"ucfr x /etc/a", "harmless"},
		{"py3compile -p x", "harmless"},
		{"db_get x/y", ""},
		{"/opt/db_get x/y", "unknown"},
		{"adduser --system x", "unknown"},
		{"perl -e 1", "unknown"},
		{"install --mode 644 /dev/null /etc/apparmor.d/local/x", "harmless"},
	} {
		got, _, _ := strings.Cut(judge("p", map[string]string{"postinst": "#!/bin/sh\n" + c.command}, image("/there"), "postinst"), " ")
		if got != c.want {
			t.Errorf("%s is %q, want %q", c.command, got, c.want)
		}
	}
	with := judge("p", map[string]string{"postinst": "#!/bin/sh\nmkdir -p /etc/apparmor.d/local"}, image("/usr/sbin/apparmor_parser"), "postinst")
	if with != "unknown mkdir -p /etc/apparmor.d/local\n" {
		t.Errorf("with AppArmor: %s", with)
	}
}

// A mark of debhelper vouches for nothing.
func TestMarksAreComments(t *testing.T) {
	section := func(tool, command string) map[string]string {
		return map[string]string{"postinst": "#!/bin/sh\n# Automatically added by " + tool + "/13\n" + command + "\n# End automatically added section\n"}
	}
	for _, c := range []struct{ tool, command, want string }{
		{"dh_installsystemd", "deb-systemd-helper enable x.service", "replaced deb-systemd-helper enable x.service\n"},
		{"dh_installsystemd", "adduser --system x", "unknown adduser --system x\n"},
		{"dh_ucf", "ucf /usr/share/x /etc/x", "unknown ucf /usr/share/x /etc/x\n"},
		{"dh_unheardof", "make-it-so", "unknown make-it-so\n"},
	} {
		if got := judge("p", section(c.tool, c.command), image(), "postinst"); got != c.want {
			t.Errorf("%s: got %swant %s", c.tool, got, c.want)
		}
	}
}

func TestWhichScripts(t *testing.T) {
	all := map[string]string{}
	for _, name := range []string{"config", "preinst", "postinst", "prerm", "postrm", "triggers", "control"} {
		all[name] = "#!/bin/sh\nM $1\n"
	}
	var got []string
	for _, f := range maintscript.Judge(maintscript.Package{Name: "p", Files: all}, image()) {
		got = append(got, f.Script+" "+f.Verdict.String()+" "+f.Why)
	}
	want := []string{"config harmless only asks questions", "preinst unknown M install", "postinst unknown M configure",
		"prerm harmless only for upgrades and removal", "postrm harmless only for upgrades and removal"}
	if lines(got...) != lines(want...) {
		t.Errorf("got\n%swant\n%s", lines(got...), lines(want...))
	}
}

func TestTriggers(t *testing.T) {
	files := map[string]string{
		"postinst": `#!/bin/sh
if [ "$1" = triggered ]; then for t in $2; do M $t; done; exit 0; fi
M configure`,
		"triggers": "# interest comment\ninterest-noawait /usr/share/x # as a path\ninterest named\ninterest-await /usr/share/y\nactivate ldconfig\n",
	}
	for _, c := range []struct {
		has  func(string) bool
		want []string
	}{
		{image(), []string{"unknown M configure", "unknown M named"}},
		{image("/usr/share/y"), []string{"unknown M configure", "unknown M named", "unknown M /usr/share/y"}},
	} {
		if got := judge("p", files, c.has, "postinst"); got != lines(c.want...) {
			t.Errorf("got\n%swant\n%s", got, lines(c.want...))
		}
	}
	delete(files, "triggers")
	if got := judge("p", files, image(), "postinst"); got != "unknown M configure\n" {
		t.Errorf("without triggers: %s", got)
	}
}

// What cannot be read is unknown, and which version of it, too.
func TestOtherLanguages(t *testing.T) {
	for text, want := range map[string]string{
		"#!/usr/bin/perl\nprint 1\n":         "unknown perl script, sha256 423102250ebd3257\n",
		"#!/usr/bin/env python3\nprint(1)\n": "unknown python3 script, sha256 ",
		"\x7fELF\x00":                        "unknown no script, sha256 ",
		"":                                   "unknown no script, sha256 e3b0c44298fc1c14\n",
		"#!/bin/sh\nif true; then":           "unknown shell that cannot be read (",
		"#!/bin/sh\n: " + strings.Repeat("x", 300<<10): "unknown shell that cannot be read (too much to follow), sha256 ",
		"#!/bin/sh\nlocal x=(a b)\nM\n":                "unknown M\n", // bash, in Debian's sh
	} {
		got := judge("p", map[string]string{"postinst": text}, image(), "postinst")
		if !strings.HasPrefix(got, strings.TrimSuffix(want, "\n")) || strings.Count(got, "\n") != 1 {
			t.Errorf("%.40q: got %q, want %q", text, got, want)
		}
	}
}

// A script that is made to be hard to follow is unknown, soon.
func TestScriptsThatNeverEnd(t *testing.T) {
	for _, script := range []string{
		strings.Repeat("(", 20_000), strings.Repeat("$(", 20_000), strings.Repeat("{ ", 20_000), strings.Repeat("if ", 20_000),
		strings.Repeat("( ", 20_000) + ":" + strings.Repeat(" )", 20_000)[:100],
		strings.Repeat("${x:-", 20_000), strings.Repeat("! ", 20_000) + ":", strings.Repeat("x && ", 20_000) + "x",
		"f() { f; f; }; f",
		"x=aaaaaaaa; for i in 1 2 3 4 5 6 7 8 9 a b c d e f g; do x=\"$x$x$x$x\"; done; M $x",
		"x=' a b '; for i in 1 2 3 4 5 6 7 8 9 a b c d e f g; do x=\"$x$x$x$x\"; done; M $x$x$x$x",
		"for a in 1 2 3 4 5 6 7 8; do for b in $a 1 2 3 4 5 6 7 8; do for c in 1 2 3 4 5 6 7 8; do for d in 1 2 3 4 5 6 7 8 9 ; do for e in 1 2 3 4 5 6 7 8 ; do M $a$b$c$d$e; done; done; done; done; done",
		"while :; do eval 'while :; do :; done'; done; M",
	} {
		judge("p", map[string]string{"postinst": "#!/bin/sh\n" + script}, image(), "postinst")
	}
}

// The package must not be able to run anything.
func TestNothingCanRun(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		switch dep = strings.TrimSpace(dep); dep {
		case "os/exec", "plugin", "mvdan.cc/sh/v3/interp", "mvdan.cc/sh/v3/expand":
			t.Errorf("maintscript depends on %s", dep)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for _, c := range postinsts {
		f.Add("#!/bin/sh\n"+c.script, "interest x\n")
	}
	f.Add("#!/bin/bash\nx=(1 2); x[1]=3; M ${x[@]} <(N) $'a\\n' @(a|b) $((x++)); for ((;;)); do M; done; select x in a; do M; done; coproc M; time M; function f { M; }; let x=1", "")
	f.Fuzz(func(t *testing.T, script, triggers string) {
		files := map[string]string{"preinst": script, "postinst": script, "triggers": triggers}
		for _, found := range maintscript.Judge(maintscript.Package{Name: "p", Files: files}, image("/there")) {
			for _, c := range found.Commands {
				if strings.ContainsAny(c.Text, "\n\x1b") || c.Verdict > found.Verdict {
					t.Errorf("%s is %s: %q is %s", found.Script, found.Verdict, c.Text, c.Verdict)
				}
			}
		}
	})
}
