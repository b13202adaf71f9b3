package unitfixup

import (
	"bytes"
	"slices"
	"strings"
)

// execKeys are the settings that hold command lines, by unit type. Mount and
// swap units have none: systemd runs its own mount and swapon there.
var execKeys = map[string][]string{
	"service": {"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecReloadPost", "ExecStop", "ExecStopPost"},
	"socket":  {"ExecStartPre", "ExecStartPost", "ExecStopPre", "ExecStopPost"},
}

// A program is the program's name in one command of a file.
type program struct {
	section, key string
	line         int
	start, end   int    // the bytes that write replaces
	name         string // as written, unquoted
	path         string // name with "%%" resolved
	refused      string // why systemd does not take it
	opaque       string // why it cannot be looked up in the tree
	optional     bool
	privileged   bool // "+": runs outside of RootDirectory=
	writable     bool
	write        func(path string) string
}

// parseUnit finds the programs in a unit file or drop-in of the given type.
func parseUnit(data []byte, unitType string) ([]program, settings) {
	var programs []program
	var s settings
	section, want := "", strings.ToUpper(unitType[:1])+unitType[1:]
	logicalLines(data, func(l *logicalLine) {
		text := bytes.Trim(l.text, space)
		if len(text) > 0 && text[0] == '[' {
			section = sectionName(text)
			return
		}
		key, start, end, ok := l.assignment()
		if !ok || section != want {
			return
		}
		switch key {
		case "RootDirectory", "RootImage":
			if value := string(l.text[start:end]); value != "" && value != "/" {
				s.root = key
			}
		case "ExecSearchPath":
			s.searchPath = append(s.searchPath, strings.Split(string(l.text[start:end]), ":")...)
		default:
			if slices.Contains(execKeys[unitType], key) {
				programs = append(programs, commands(l, start, end, section, key)...)
			}
		}
	})
	return programs, s
}

// sectionName reads "[name]"; anything else is no section.
func sectionName(text []byte) string {
	name, ok := bytes.CutSuffix(text[1:], []byte("]"))
	if !ok {
		return ""
	}
	return string(name)
}

// commands finds the program of each command in a setting's value, which is
// l.text[pos:end].
func commands(l *logicalLine, pos, end int, section, key string) []program {
	var out []program
	text := l.text[:end]
	for {
		w, next, ok := nextWord(text, pos)
		if w.value == nil {
			return out
		}
		if pos = next; ok && string(w.value) == ";" {
			continue
		}
		p := program{section: section, key: key, name: string(w.value)}
		_, p.line = l.at(w.start)
		more := false
		if ok {
			p.read(l, w)
			pos, more, ok = skipArguments(text, pos)
		}
		if !ok {
			p.refused = "unbalanced quotes: systemd ignores the line"
		}
		out = append(out, p)
		if !more {
			return out
		}
	}
}

// skipArguments returns where the next command starts, if there is one: after
// a lone ";". With unbalanced quotes ok is false.
func skipArguments(text []byte, pos int) (next int, more, ok bool) {
	for {
		w, next, ok := nextWord(text, pos)
		if !ok || w.value == nil {
			return next, false, ok
		}
		if w.plain && string(w.value) == ";" {
			return next, true, true
		}
		pos = next
	}
}

// read takes the program from the first word of a command: prefixes, then a
// path in which specifiers are expanded.
func (p *program) read(l *logicalLine, w word) {
	prefix, shell := p.prefixes(w.value)
	p.name = string(w.value[prefix:])
	p.path, p.opaque = resolveSpecifiers(p.name)
	first, _ := l.at(w.start)
	last, _ := l.at(w.end - 1)
	p.start, p.end = first, last+1
	p.writable = last-first == w.end-1-w.start
	if w.plain {
		p.start += prefix
	}
	keep := string(w.value[:prefix])
	p.write = func(path string) string {
		path = strings.ReplaceAll(path, "%", "%%")
		if w.plain && !strings.ContainsAny(path, space) {
			return path
		}
		if w.plain {
			return `"` + path + `"` // quotes may follow prefixes
		}
		return `"` + keep + path + `"`
	}
	switch {
	case shell:
		p.opaque = "a shell command"
	case p.opaque == "":
		p.refused = refusal(p.path)
	}
}

// prefixes reads the special characters before the path and returns how many
// there are. systemd takes each once, and one of "+", "!" and "!!".
func (p *program) prefixes(name []byte) (n int, shell bool) {
	var argv0, literal bool
	privilege := ""
	for ; n < len(name); n++ {
		switch c := name[n]; {
		case c == '-' && !p.optional:
			p.optional = true
		case c == '@' && !argv0:
			argv0 = true
		case c == ':' && !literal:
			literal = true
		case c == '|' && !shell: // since systemd 258
			shell = true
		case c == '+' && privilege == "", c == '!' && privilege == "", c == '!' && privilege == "!":
			privilege += string(c)
		default:
			p.privileged = privilege == "+"
			return n, shell
		}
	}
	p.privileged = privilege == "+"
	return n, shell
}

// resolveSpecifiers resolves "%%". Other specifiers depend on the running
// system or the instance: then it says which it met.
func resolveSpecifiers(s string) (resolved, opaque string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+1 < len(s) {
			switch c := s[i+1]; {
			case c == '%':
				i++
			case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
				return s, "specifier %" + string(c)
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// refusal says why systemd does not take path as a program.
func refusal(path string) string {
	switch {
	case path == "":
		return "no program"
	case !safe(path):
		return "systemd refuses quotes, backslashes and control characters in a program's path"
	case strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.") || path == "." || path == "..":
		return "a directory"
	case path[0] == '/':
		return ""
	case strings.Contains(path, "/"):
		return "neither an absolute path nor a name"
	case path[0] == '$':
		return "systemd expands no variables in a program's name"
	}
	return ""
}

// safe says whether systemd takes the characters of a program's path.
func safe(path string) bool {
	for i := 0; i < len(path); i++ {
		if c := path[i]; c < ' ' || c == 0x7f || c == '"' || c == '\'' || c == '\\' {
			return false
		}
	}
	return true
}
