package pam

import (
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// A service is one file of configuration, the one that libpam reads for its
// name.
type service struct {
	path   string
	origin tree.Origin
	lines  []line
}

// A line names a module or a file to include.
type line struct {
	no       int
	module   string
	include  string
	silent   bool // libpam says nothing about a module that is missing
	survives bool // … and the service works without it
}

// services reads all files, sorted by path, except those in the prefix that a
// namesake in /etc hides.
func services(t *tree.Tree, prefix string) (all []service) {
	seen := map[string]bool{}
	for _, dir := range []string{etc, vendorDir(prefix)} {
		real, n, err := t.Resolve(dir)
		if err != nil || n.Type != tree.Dir {
			continue
		}
		for _, name := range n.Children() {
			p := path.Join(real, name)
			if seen[name] {
				continue
			}
			seen[name] = true
			_, file, err := t.Resolve(p)
			if err != nil || file.Type != tree.File {
				continue
			}
			content, err := tree.ReadAll(file.Content)
			if err != nil {
				continue // writing the image fails for the same reason
			}
			all = append(all, service{path: p, origin: file.Origin(), lines: parse(string(content))})
		}
	}
	return all
}

// parse reads a file as libpam does: a "\" at the end joins lines, "#" starts a
// comment, control fields in brackets contain blanks.
func parse(text string) (lines []line) {
	joined, start := "", 0
	for i, s := range strings.Split(text, "\n") {
		if joined == "" {
			start = i + 1
		}
		s, _, _ = strings.Cut(s, "#")
		if before, more := strings.CutSuffix(s, `\`); more {
			joined += before + " "
			continue
		}
		if l, ok := parseLine(joined + s); ok {
			l.no = start
			lines = append(lines, l)
		}
		joined = ""
	}
	return lines
}

func parseLine(s string) (l line, ok bool) {
	f := fields(s)
	if len(f) >= 2 && strings.EqualFold(f[0], "@include") {
		return line{include: f[1]}, true
	}
	if len(f) < 3 {
		return l, false
	}
	l.silent = strings.HasPrefix(f[0], "-")
	switch control := strings.ToLower(f[1]); control {
	case "include", "substack":
		return line{include: f[2]}, true
	case "optional", "sufficient":
		l.survives = true
	default:
		l.survives = strings.HasPrefix(control, "[") && ignoresUnknown(control)
	}
	l.module = f[2]
	return l, true
}

// fields splits a line at blanks that are not in brackets.
func fields(s string) (f []string) {
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return f
		}
		end := strings.IndexAny(s, " \t")
		if s[0] == '[' {
			end = strings.IndexByte(s, ']') + 1
		}
		if end <= 0 {
			end = len(s)
		}
		f = append(f, s[:end])
		s = s[end:]
	}
}

// ignoresUnknown says whether a control field in brackets makes no failure of a
// module that cannot be loaded.
func ignoresUnknown(control string) bool {
	actions := map[string]string{"default": "bad"}
	for pair := range strings.FieldsSeq(strings.Trim(control, "[]")) {
		if value, action, ok := strings.Cut(pair, "="); ok {
			actions[value] = action
		}
	}
	action, ok := actions["module_unknown"]
	if !ok {
		action = actions["default"]
	}
	// A number jumps over lines without a verdict.
	return !slices.Contains([]string{"bad", "die"}, action)
}
