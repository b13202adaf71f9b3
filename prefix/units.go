package prefix

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// An argument tells a program that was built without knowing the system's prefix
// where to look, on the command lines of units.
type argument struct {
	program string
	option  string                                          // with it, or one of these, the unit knows better
	others  []string                                        //
	drop    []string                                        // options that the new one replaces
	value   func(t *tree.Tree, system, scope string) string // empty: leave the line alone
}

var arguments = []argument{
	{program: "agetty", option: "--login-program", others: []string{"-l"}, value: func(t *tree.Tree, system, _ string) string {
		return existing(t, path.Join(system, "bin/login"))
	}},
	{program: "dbus-broker-launch", option: "--config-file", value: busConfig},
	{program: "dbus-daemon", option: "--config-file", drop: []string{"--system", "--session"}, value: busConfig},
}

func existing(t *tree.Tree, p string) string {
	if _, _, err := t.Resolve(p); err != nil {
		return ""
	}
	return p
}

func busConfig(t *tree.Tree, system, scope string) string {
	return existing(t, busFile(system, map[string]string{"system": "system", "user": "session"}[scope]))
}

// busFile is the configuration of the message bus that Bus writes.
func busFile(system, kind string) string {
	return path.Join(system, "share/dbus-1/bocaditos-"+kind+".conf")
}

// Bus writes a configuration of the message buses that has the package's own,
// and the directories of services below the system's prefix: what the bus
// calls its standard directories is compiled in.
func Bus(t *tree.Tree, system string) error {
	for kind, services := range map[string]string{"system": "system-services", "session": "services"} {
		base := path.Join(system, "share/dbus-1")
		if existing(t, path.Join(base, kind+".conf")) == "" {
			continue
		}
		text := fmt.Sprintf(`<?xml version="1.0"?>
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "busconfig.dtd">
<busconfig>
  <include>%s/%s.conf</include>
  <servicedir>%[1]s/%[3]s</servicedir>
</busconfig>
`, base, kind, services)
		if err := t.Put(busFile(system, kind), tree.NewFile(0o444, tree.String(text), origin)); err != nil {
			return err
		}
	}
	return nil
}

// dropIn is the name of the files that Arguments writes.
const dropIn = "10-bocaditos-prefix.conf"

// Arguments adds drop-ins to the units below the system's prefix whose programs
// have to be told where the system's programs and configuration are. Exec lines
// must have absolute paths by now.
func Arguments(t *tree.Tree, system string) error {
	for _, scope := range []string{"system", "user"} {
		base := path.Join(system, "lib/systemd", scope)
		dir := t.Lookup(base)
		if dir == nil || dir.Type != tree.Dir {
			continue
		}
		for _, name := range dir.Children() {
			n := dir.Child(name)
			if n.Type != tree.File || path.Ext(name) != ".service" {
				continue
			}
			text, err := tree.ReadAll(n.Content)
			if err != nil {
				return fmt.Errorf("read %s: %w", path.Join(base, name), err)
			}
			line := told(t, system, scope, string(text))
			if line == "" {
				continue
			}
			content := "# The program does not know the system's prefix by itself.\n[Service]\nExecStart=\n" + line + "\n"
			if err := t.Put(path.Join(base, name+".d", dropIn), tree.NewFile(0o444, tree.String(content), origin)); err != nil {
				return err
			}
		}
	}
	return nil
}

// told is the one ExecStart line of a unit with the argument that it lacks, or
// empty.
func told(t *tree.Tree, system, scope, unit string) string {
	var start string
	for line := range strings.Lines(unit) {
		if strings.HasPrefix(line, "ExecStart=") {
			if start != "" {
				return "" // none of ours has two
			}
			start = strings.TrimSpace(line)
		}
	}
	if start == "" || strings.HasSuffix(start, `\`) {
		return ""
	}
	words := strings.Fields(strings.TrimPrefix(start, "ExecStart="))
	if len(words) == 0 {
		return ""
	}
	program := path.Base(strings.TrimLeft(words[0], "-@:+!"))
	for _, a := range arguments {
		known := func(word string) bool {
			name, _, _ := strings.Cut(word, "=")
			return name == a.option || slices.Contains(a.others, name)
		}
		if a.program != program || slices.ContainsFunc(words, known) {
			continue
		}
		value := a.value(t, system, scope)
		if value == "" {
			continue
		}
		fields := 1
		if marks := words[0][:len(words[0])-len(strings.TrimLeft(words[0], "-@:+!"))]; strings.Contains(marks, "@") {
			fields = 2 // the second word is argv[0]
		}
		at := end(start, fields)
		rest := start[at:] + " "
		for _, word := range a.drop {
			rest = strings.ReplaceAll(rest, " "+word+" ", " ")
		}
		return start[:at] + " " + a.option + "=" + value + strings.TrimSuffix(rest, " ")
	}
	return ""
}

// end is where the n-th word of a line ends.
func end(line string, n int) int {
	at := 0
	for range n {
		at += len(line[at:]) - len(strings.TrimLeft(line[at:], " \t"))
		if i := strings.IndexAny(line[at:], " \t"); i >= 0 {
			at += i
		} else {
			at = len(line)
		}
	}
	return at
}
