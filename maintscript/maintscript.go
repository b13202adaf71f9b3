// Package maintscript says what it means for an image that the maintainer
// scripts of its packages (Debian Policy, chapter 6) never run. It runs nothing
// either: it parses a script, follows it along every way that a first
// installation into an image may take, and judges the commands that it meets.
//
// What is taken into account:
//
//   - An image is installed once. preinst is followed as "preinst install",
//     postinst as "postinst configure" with no version before it, so what only
//     an upgrade would do is not met. prerm and postrm are never called.
//   - Where a condition is not known, both ways are taken. Known are the
//     script's arguments and constants, dpkg --compare-versions against no
//     version, that nothing runs while an image is made (no file below /run),
//     and that a file is there which the image has. No other file is taken to
//     be missing: a script may have made it.
//   - Triggers: the arm "triggered" of postinst is followed for what the
//     package is interested in, as if all of it were activated; paths that the
//     image does not have cannot be. The file triggers itself does nothing.
//   - debconf: config only asks, and answers live in a database that an image
//     does not have, so it is harmless. What postinst makes of the answers is
//     followed like all else.
//   - Marks of debhelper ("Automatically added by dh_…") are comments. What is
//     between them is judged by its commands, because a mark says nothing about
//     what dh_ucf or a later dh_installsystemd writes there.
//   - Commands succeed; "set -e" is not looked at. Files that a script reads
//     with "." are not read: the command is judged as a whole.
//
// A command is harmless or replaced by a rule that holds for every package
// (systemctl restart, ldconfig), or because known.toml names it for this one.
// All others are unknown, also those of a later version of a package that is
// in known.toml, and so is every script that is not for a shell.
package maintscript

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A Verdict is what it means that something does not run.
type Verdict int

// The verdicts, the better ones first.
const (
	Harmless Verdict = iota // the image lacks nothing
	Replaced                // something else does its work
	Unknown                 // nobody looked at it: the image may lack something
)

func (v Verdict) String() string { return [...]string{"harmless", "replaced", "unknown"}[v] }

// MarshalText writes the verdict's name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads it.
func (v *Verdict) UnmarshalText(text []byte) error {
	for *v = Harmless; *v <= Unknown; *v++ {
		if v.String() == string(text) {
			return nil
		}
	}
	return fmt.Errorf("%q is no verdict", text)
}

// A Package is a name and the files of its control archive that dpkg runs or
// reads when it installs: "preinst", "postinst", "prerm", "postrm", "config",
// "triggers".
type Package struct {
	Name  string
	Files map[string]string
}

// A Finding is the verdict on one script.
type Finding struct {
	Script   string    `json:"script"`
	Verdict  Verdict   `json:"verdict"`
	Why      string    `json:"why"`
	Commands []Command `json:"commands,omitempty"` // those that would have changed something
}

// A Command is one that a script would have run, with what is known of its
// arguments filled in.
type Command struct {
	Text    string   `json:"text"`
	Verdict Verdict  `json:"verdict"`
	Why     string   `json:"why,omitempty"`
	By      []string `json:"by,omitempty"` // what does its work: a stage of the build, a file
}

// Unknown are the commands that nobody looked at.
func (f Finding) Unknown() (texts []string) {
	for _, c := range f.Commands {
		if c.Verdict == Unknown {
			texts = append(texts, c.Text)
		}
	}
	return texts
}

// Judge gives the verdict on each script of a package, in the order in which
// they would run. has says whether the image, before its passes, has a path;
// "*" as its last element is anything in that directory.
func Judge(p Package, has func(path string) bool) []Finding {
	var found []Finding
	for _, name := range []string{"config", "preinst", "postinst", "prerm", "postrm"} {
		text, ok := p.Files[name]
		if !ok {
			continue
		}
		f := Finding{Script: name}
		switch name {
		case "config":
			f.Why = "only asks questions"
		case "prerm", "postrm":
			f.Why = "only for upgrades and removal"
		default:
			f.Commands = commands(p, name, text, has)
			f.sum()
		}
		found = append(found, f)
	}
	return found
}

// Replace says that the unknown commands are replaced by something.
func (f *Finding) Replace(why, by string) {
	for i, c := range f.Commands {
		if c.Verdict == Unknown {
			f.Commands[i].Verdict, f.Commands[i].Why, f.Commands[i].By = Replaced, why, []string{by}
		}
	}
	if f.Verdict == Unknown {
		f.Verdict = Harmless
		f.sum()
	}
}

// sum makes the verdict of the commands'.
func (f *Finding) sum() {
	var why []string
	for _, c := range f.Commands {
		f.Verdict = max(f.Verdict, c.Verdict)
	}
	for _, c := range f.Commands {
		reason := c.Why
		switch {
		case c.Verdict != f.Verdict:
			continue
		case c.Verdict == Unknown:
			reason = c.Text
		case len(c.By) > 0:
			reason += ": " + strings.Join(c.By, ", ")
		}
		if !slices.Contains(why, reason) {
			why = append(why, reason)
		}
	}
	f.Why = cmp.Or(strings.Join(why, "; "), "changes nothing on a first installation")
}

// commands are what a script would have run, and what is known of it.
func commands(p Package, name, text string, has func(string) bool) []Command {
	met := follow(p, name, text, has)
	for i, c := range met {
		if c.Verdict == Unknown {
			met[i] = look(p.Name, c, has)
		}
	}
	return met
}

func follow(p Package, name, text string, has func(string) bool) []Command {
	whole := func(format string, args ...any) []Command {
		return []Command{{Text: fmt.Sprintf(format, args...), Verdict: Unknown}}
	}
	lang, interpreter := language(text)
	if lang == 0 {
		return whole("%s, sha256 %s", interpreter, digest(text))
	}
	file, err := parse(text, lang)
	if err != nil && lang == syntax.LangPOSIX {
		lang = syntax.LangBash // Debian's sh may have "local" and such
		file, err = parse(text, lang)
	}
	if err != nil {
		return whole("shell that cannot be read (%v), sha256 %s", err, digest(text))
	}
	w := &walker{has: has, lang: lang, noted: map[string]bool{}}
	env := map[string]string{
		"DPKG_ROOT": "", "DPKG_MAINTSCRIPT_PACKAGE": p.Name, "DPKG_MAINTSCRIPT_NAME": name, "DEBCONF_RECONFIGURE": "",
	}
	if name == "preinst" {
		w.run(file, env, "install")
	} else {
		w.run(file, env, "configure", "")
		if t := triggers(p.Files["triggers"], has); len(t) > 0 {
			w.run(file, env, "triggered", strings.Join(t, " "))
		}
	}
	if w.err != nil {
		return append(w.commands, whole("%v, sha256 %s", w.err, digest(text))...)
	}
	return w.commands
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// language reads the first line of a script.
func language(text string) (lang syntax.LangVariant, interpreter string) {
	line, _, _ := strings.Cut(text, "\n")
	args, ok := strings.CutPrefix(line, "#!")
	words := strings.Fields(args)
	if !ok || len(words) == 0 {
		return 0, "no script"
	}
	name := path.Base(words[0])
	if name == "env" && len(words) > 1 {
		name = path.Base(words[1])
	}
	switch name {
	case "sh", "dash":
		return syntax.LangPOSIX, name
	case "bash":
		return syntax.LangBash, name
	}
	return 0, render([]value{known(name)}) + " script"
}

// triggers are the names that a package's triggers file (deb-triggers(5)) is
// interested in and that may be activated.
func triggers(text string, has func(string) bool) (names []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) != 2 || !strings.HasPrefix(f[0], "interest") {
			continue
		}
		if !strings.HasPrefix(f[1], "/") || has(f[1]) {
			names = append(names, f[1])
		}
	}
	return names
}
