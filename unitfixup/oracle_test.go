package unitfixup_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

// systemdPrograms asks systemd itself which programs a unit file runs, in
// order: systemd-analyze verify dumps the units it has loaded.
func systemdPrograms(t testing.TB, file string) []string {
	t.Helper()
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", file)
	cmd.Env = append(os.Environ(), "SYSTEMD_LOG_LEVEL=debug", "SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_COLOR=no")
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	// It fails when a program is missing, after the dump; loading errors show
	// as a dump without the unit.
	if err := cmd.Run(); err != nil && out.Len() == 0 {
		t.Fatalf("systemd-analyze verify %s: %v (package systemd is needed)\n%s", file, err, &msg)
	}
	// systemd makes up an instance for templates.
	name := strings.Replace(regexp.QuoteMeta(filepath.Base(file)), `@\.`, `@[^.]*\.`, 1)
	at := regexp.MustCompile(`(?m)^\s*-> Unit ` + name + `:$`).FindStringIndex(out.String())
	if at == nil {
		t.Fatalf("systemd did not load %s:\n%s", file, &msg)
	}
	dump, _, _ := strings.Cut(out.String()[at[1]:], "-> Unit ")
	var programs []string
	for line := range strings.Lines(dump) {
		if _, command, ok := strings.Cut(line, "Command Line: "); ok {
			programs = append(programs, firstDumped(strings.TrimSuffix(command, "\n")))
		}
	}
	return programs
}

// firstDumped undoes systemd's quoting of the first word in a dump.
func firstDumped(line string) string {
	if !strings.HasPrefix(line, `"`) {
		word, _, _ := strings.Cut(line, " ")
		return word
	}
	var word strings.Builder
	for i := 1; i < len(line) && line[i] != '"'; i++ {
		if line[i] == '\\' {
			i++
		}
		word.WriteByte(line[i])
	}
	return word.String()
}

// TestAgainstSystemd compares what we read as programs with what systemd does.
// "@" is left out: a dump shows the argument that takes the program's place.
func TestAgainstSystemd(t *testing.T) {
	for _, in := range []string{
		"ExecStart=/x/a b c",
		"ExecStart=/x/a b ; -/x/b ; ; /x/c ;d \\; ; !!/x/d",
		"ExecStart=/x/a ';' \";\" ; /x/b",
		"ExecStart=/x/a\n#c\n;c\nExecStart=/x/b",
		"ExecStart=/x/a \\\n#c\n ;c \\\n --d ; \\\n/x/b\nExecStart=/x/c",
		"ExecStart=/x/a \\\nExecStart=/x/b",
		"ExecStart=/x/a \\\\\nExecStart=/x/b",
		"ExecStart=/x/a \\\\\\\nExecStart=/x/b",
		"ExecStart=/x/a \\\n\nExecStart=/x/b",
		"ExecStart=/x/a \\",
		"ExecStart=/x/a\r\nExecStart=/x/b\rExecStart=/x/c\n\rExecStart=/x/d",
		"ExecStart=/x/a\x00ExecStart=/x/b\n\x00\x00ExecStart=/x/c",
		`ExecStart="/x/a b" c`,
		`ExecStart='/x/a b' c`,
		`ExecStart=-"/x/a b" c`,
		`ExecStart="-/x/a b" c`,
		`ExecStart=/x/"a b"'c d'e f`,
		`ExecStart=/x/a\x41\101\u0041\U00000041\s`,
		`ExecStart=/x/a\x41b\040c`,
		`ExecStart=/x/a "b \" c" ; /x/d`,
		`ExecStart=/x/a b\ ; /x/c`,
		`ExecStart=/x/a b\q"c ; d" ; /x/c`,
		`ExecStart=/x/%%a%%%%b`,
		`ExecStart=/x/100%`,
		`ExecStart=/x/a%-b`,
		`ExecStart=:+/x/a`,
		`ExecStart=+:-/x/a`,
		`ExecStart=!-!/x/a`,
		`ExecStart=!!:/x/a`,
		`ExecStart=name x`,
		`ExecStart=--name x`,
		`ExecStart=!!!name x`,
		"ExecStart=\t /x/a\t\tb ",
		"  ExecStart  =  /x/a",
		"ExecStart=/x/a\n[X-Foo]\nExecStart=/x/b\n[Service]\nExecStart=/x/c",
		"\ufeffExecStart=/x/a\n\ufeffExecStart=/x/b",
		"execstart=/x/a\nExecStart=/x/b",
		"ExecStart=/x/a ; '/x/b' \"c ; /x/d\" ; \"/x/e\"",
		"ExecStart=/x/é\nExecStart=/x/\\u00e9",
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			unit := "[Service]\nType=oneshot\n" + in
			file := filepath.Join(t.TempDir(), "oracle.service")
			if err := os.WriteFile(file, []byte(unit), 0o644); err != nil {
				t.Fatal(err)
			}
			want := systemdPrograms(t, file)
			if got := ourPrograms(t, unit); strings.Join(got, "\n") != strings.Join(want, "\n") || len(want) == 0 {
				t.Errorf("we read %q, systemd %q", got, want)
			}
		})
	}
}

// TestBusQuotingAgainstShell compares the first words of D-Bus commands with
// those of a shell, whose quoting D-Bus took over.
func TestBusQuotingAgainstShell(t *testing.T) {
	for _, in := range []string{
		`/x/a b`,
		`  /x/a	b`,
		`"/x/a b" c`,
		`'/x/a b' c`,
		`/x/'a b'"c d"e f`,
		`/x/a\ b c`,
		`"/x/a\"b\\c\q" d`,
		`'/x/a\b' d`,
		`/x/\a\\b d`,
		`/x/'"'"'" d`,
	} {
		want, err := exec.Command("sh", "-c", "set -- "+in+`; printf %s "$1"`).Output()
		if err != nil {
			t.Fatalf("sh: %v", err)
		}
		tr := tree.New()
		// A service file has an escape layer of its own around the command.
		addFile(t, tr, "", "/usr/share/dbus-1/services/a.service", "[D-BUS Service]\nExec="+strings.ReplaceAll(in, `\`, `\\`))
		if l := fix(t, tr, unitfixup.Options{}).Lines; len(l) != 1 || l[0].Program != string(want) {
			t.Errorf("%s: we read %v, a shell %q", in, l, want)
		}
	}
}

// ourPrograms are the programs of a service that systemd would take.
func ourPrograms(t testing.TB, unit string) []string {
	t.Helper()
	tr := tree.New()
	addFile(t, tr, "", "/usr/lib/systemd/system/oracle.service", unit)
	var programs []string
	for _, l := range fix(t, tr, unitfixup.Options{}).Lines {
		programs = append(programs, strings.ReplaceAll(l.Program, "%%", "%"))
	}
	return programs
}
