package kconfig

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// macros are the variables and functions of the preprocessor. An expansion is
// known or not: a shell command, and a variable of an environment that make
// sets, cannot be evaluated here, nor what they are part of.
type macros struct {
	environment map[string]string
	variables   map[string]*variable
}

type variable struct {
	value expansion
	now   bool // assigned with :=, so that value is expanded already
}

type expansion struct {
	text  string
	known bool
}

// Bounds of one expansion: Linux nests 6 deep. Without them a file of a few
// lines expands for ever, or doubles with every line.
const (
	deepestMacro = 50
	mostMacros   = 10_000
)

var errEndless = errors.New("a macro expands without end")

// reference finds the macro that s, which begins with $, begins with: what is
// between $( and its ), and the length of it all.
func reference(s string) (body string, length int, ok bool) {
	if !strings.HasPrefix(s, "$(") {
		return "", 0, false
	}
	open := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return s[2:i], i + 1, true
			}
		}
	}
	return "", 0, false
}

// expand expands $(body), which stands at a place (file:line).
func (m *macros) expand(body, place string) (text string, known bool, err error) {
	x := &expander{macros: m, place: place, left: mostMacros}
	e := x.call(body, nil, 0)
	if x.left <= 0 {
		return "", false, errEndless
	}
	return e.text, e.known, nil
}

// assign does name = value, := or +=.
func (m *macros) assign(name, operator, value, place string) error {
	old := m.variables[name]
	now := operator == ":=" || operator == "+=" && old != nil && old.now
	e := expansion{value, true}
	if now {
		x := &expander{macros: m, place: place, left: mostMacros}
		if e = x.text(value, nil, 0); x.left <= 0 {
			e, now = expansion{}, true
			m.variables[name] = &variable{e, now}
			return errEndless
		}
	}
	if operator == "+=" && old != nil {
		e = expansion{old.value.text + " " + e.text, old.value.known && e.known}
		if len(e.text) > 1<<16 {
			return errEndless
		}
	}
	m.variables[name] = &variable{e, now}
	return nil
}

// An expander is one expansion, with what it may still do.
type expander struct {
	*macros
	place string
	left  int
}

// text expands all macros in s; args are those of the function around it.
func (x *expander) text(s string, args []expansion, depth int) expansion {
	out := expansion{known: true}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			break
		}
		body, length, ok := reference("$" + after)
		if !ok {
			b.WriteByte('$')
			s = after
			continue
		}
		e := x.call(body, args, depth+1)
		b.WriteString(e.text)
		out.known = out.known && e.known
		s = after[length-1:]
		if x.left -= len(e.text) / 64; x.left <= 0 {
			break
		}
	}
	out.text = b.String()
	return out
}

// call expands what stands inside $( ).
func (x *expander) call(body string, args []expansion, depth int) expansion {
	if x.left--; x.left <= 0 || depth > deepestMacro {
		x.left = 0
		return expansion{}
	}
	if n, err := strconv.Atoi(body); err == nil && n > 0 {
		if n <= len(args) {
			return args[n-1]
		}
		return expansion{"", true} // an argument that the call left out
	}
	parts := splitArguments(body)
	name := x.text(parts[0], args, depth)
	if !name.known {
		return expansion{}
	}
	var values []expansion
	for _, p := range parts[1:] {
		values = append(values, x.text(p, args, depth))
	}
	if v := x.variables[name.text]; v != nil {
		if v.now {
			return v.value
		}
		return x.text(v.value.text, values, depth)
	}
	return x.builtin(name.text, len(values))
}

func (x *expander) builtin(name string, arguments int) expansion {
	file, line, _ := strings.Cut(x.place, ":")
	switch name {
	case "shell":
		return expansion{}
	case "info", "warning-if", "error-if":
		// To complain is for the kernel's own tools.
		return expansion{"", true}
	case "filename":
		return expansion{file, true}
	case "lineno":
		return expansion{line, true}
	}
	if arguments > 0 {
		return expansion{"", true} // so says the kernel of functions nobody defined
	}
	value, ok := x.environment[name]
	return expansion{value, ok}
}

// splitArguments cuts at the commas that no parentheses enclose.
func splitArguments(s string) []string {
	var parts []string
	open, start := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			open++
		case ')':
			open--
		case ',':
			if open == 0 {
				parts = append(parts, s[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, s[start:])
}

// environment is what make sets for an architecture and is certain.
func environment(srcarch string) map[string]string {
	env := map[string]string{"SRCARCH": srcarch, "srctree": "."}
	switch srcarch {
	case "x86", "sparc", "parisc", "sh", "um":
		// ARCH has several values here, such as i386 and x86_64.
	default:
		env["ARCH"] = srcarch
	}
	return env
}

// A Position is a line of a Kconfig file.
type Position struct {
	File string // relative to the kernel's source
	Line int    // from 1
}

func (p Position) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }
