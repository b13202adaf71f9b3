package maintscript

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// simple follows a simple command: assignments, a function, or a program.
func (w *walker) simple(st *state, c *syntax.CallExpr, redirs []*syntax.Redirect) truth {
	args := w.fields(st, c.Args)
	if len(c.Args) > 0 {
		for _, a := range c.Assigns { // for this command only
			w.text(st, a.Value)
		}
		return w.command(st, args, redirs)
	}
	t := yes
	for _, a := range c.Assigns {
		w.assign(st, a)
		syntax.Walk(a, func(n syntax.Node) bool {
			if _, ok := n.(*syntax.CmdSubst); ok {
				t = maybe // its success is the substitution's
			}
			return true
		})
	}
	w.command(st, nil, redirs)
	return t
}

var assignment = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(=|$)`)

// command follows a command whose words are expanded.
func (w *walker) command(st *state, args []value, redirs []*syntax.Redirect) truth {
	suffix := w.redirects(st, redirs)
	if len(args) == 0 {
		if suffix != "" {
			w.note(Command{Text: strings.TrimSpace(suffix), Verdict: Unknown})
		}
		return maybe
	}
	name := args[0].text
	if bodies := w.funcs[name]; args[0].known && bodies != nil {
		if suffix != "" {
			w.note(Command{Text: render(args) + suffix, Verdict: Unknown})
		}
		return w.call(st, bodies, args[1:])
	}
	if args[0].known {
		if t, ok := w.builtin(st, name, args[1:]); ok {
			if suffix != "" {
				w.note(Command{Text: render(args) + suffix, Verdict: Unknown})
			}
			return t
		}
	}
	c := Command{Text: render(shorten(args)) + suffix, Verdict: Unknown}
	if !args[0].known {
		w.note(c)
		return maybe
	}
	r, ok := w.rule(args)
	switch {
	case ok && r.nothing && suffix == "":
	case ok && suffix == "" && len(r.by) > 0:
		c.Verdict, c.Why, c.By = Replaced, r.why, r.by
		w.note(c)
	case ok && suffix == "":
		c.Verdict, c.Why = Harmless, r.why
		w.note(c)
	default:
		w.note(c)
	}
	return maybe
}

// builtin follows what the shell does itself, and the few programs that decide
// where a script goes. Redirected ones only print something.
func (w *walker) builtin(st *state, name string, args []value) (t truth, ok bool) {
	switch name {
	case ":", "true":
		return yes, true
	case "false":
		return no, true
	case "[":
		if n := len(args); n > 0 && args[n-1] == known("]") {
			return w.test(args[:n-1]), true
		}
	case "test":
		return w.test(args), true
	case "exit":
		st.dead = true
	case "return":
		w.returns(st, args)
	case "break", "continue":
		w.leaves(st, name, args)
	case "shift":
		n := 1
		if len(args) > 0 {
			n, _ = strconv.Atoi(args[0].text)
		}
		if n < 0 || n > len(st.args) {
			n = 0 // it fails
		}
		st.args = st.args[n:]
	case "set":
		setArgs(st, args)
	case "unset", "read":
		for _, a := range args {
			delete(st.vars, a.text)
		}
	case "getopts", "printf":
		if len(args) > 1 {
			delete(st.vars, args[1].text) // printf -v NAME
		}
	case "export", "readonly", "local", "declare", "typeset":
		for _, a := range args {
			m := assignment.FindStringSubmatch(a.text)
			if m == nil {
				continue
			}
			w.local(st, name, m[1])
			if m[2] == "=" {
				st.set(m[1], value{a.text[len(m[0]):], a.known})
			}
		}
		return maybe, true
	case "eval":
		return w.eval(st, args)
	case ".", "source":
		// What it defines is not known. Nobody gives these another value.
		for v := range st.vars {
			if !strings.HasPrefix(v, "DPKG_") && !strings.HasPrefix(v, "DEBCONF_") {
				delete(st.vars, v)
			}
		}
		// It asks questions, to which nobody gives answers here.
		return maybe, len(args) > 0 && strings.HasPrefix(args[0].text, "/usr/share/debconf/confmodule")
	case "trap":
		return w.trap(st, args)
	case "exec":
		if len(args) > 0 {
			w.command(st, args, nil)
			st.dead = true
		}
	case "command", "builtin", "nohup":
		if len(args) > 0 && !strings.HasPrefix(args[0].text, "-") {
			return w.command(st, args, nil), true
		}
		return maybe, name == "command" // command -v
	case "env":
		rest := slices.IndexFunc(args, func(a value) bool { return !strings.Contains(a.text, "=") })
		if rest >= 0 && !strings.HasPrefix(args[rest].text, "-") {
			return w.command(st, args[rest:], nil), true
		}
		return maybe, rest < 0
	case "dpkg":
		if len(args) == 4 && args[0].text == "--compare-versions" {
			return compareVersions(args[1], args[2].text, args[3]), true
		}
		return maybe, false
	default:
		return maybe, false
	}
	return maybe, name != "[" && name != "printf" && name != "getopts"
}

func (w *walker) returns(st *state, args []value) {
	t := maybe
	if len(args) > 0 && args[0].known {
		t = truthOf(args[0].text == "0")
	}
	if len(w.calls) > 0 && !st.dead {
		e := w.calls[len(w.calls)-1]
		e.returned, e.results = append(e.returned, st.clone()), append(e.results, t)
	}
	st.dead = true
}

func (w *walker) leaves(st *state, how string, args []value) {
	n := 1
	if len(args) > 0 {
		n, _ = strconv.Atoi(args[0].text)
	}
	if len(w.loops) == 0 {
		return
	}
	e := w.loops[max(0, len(w.loops)-max(n, 1))]
	if how == "break" {
		e.broken = append(e.broken, st.clone())
	} else {
		e.continued = append(e.continued, st.clone())
	}
	st.dead = true
}

func setArgs(st *state, args []value) {
	for i := 0; i < len(args); i++ {
		a := args[i].text
		switch {
		case !args[i].known:
			st.args, st.argsKnown = nil, false
			return
		case a == "--" || a == "-":
			args = args[i+1:]
		case a == "-o" || a == "+o":
			i++
			continue
		case strings.HasPrefix(a, "-") || strings.HasPrefix(a, "+"):
			continue
		default:
			args = args[i:]
		}
		st.args = slices.Clone(args)
		// One word that is not known may be many.
		st.argsKnown = !slices.ContainsFunc(args, func(v value) bool { return !v.known })
		return
	}
}

func (w *walker) eval(st *state, args []value) (truth, bool) {
	var words []string
	for _, a := range args {
		if !a.known {
			return maybe, false
		}
		words = append(words, a.text)
	}
	file, err := parse(strings.Join(words, " "), w.lang)
	if err != nil {
		return maybe, false
	}
	return w.stmts(st, file.Stmts), true
}

// trap follows what is to be done at the end, for its effects.
func (w *walker) trap(st *state, args []value) (truth, bool) {
	if len(args) < 2 || args[0].text == "-" || args[0].text == "" {
		return maybe, true
	}
	_, ok := w.eval(st.clone(), args[:1])
	return maybe, ok
}

// test evaluates the arguments of test(1).
func (w *walker) test(args []value) truth {
	for i, a := range args {
		if a == known("-o") && i > 0 && i+1 < len(args) {
			return w.test(args[:i]).or(w.test(args[i+1:]))
		}
	}
	for i, a := range args {
		if a == known("-a") && i > 0 && i+1 < len(args) {
			return w.test(args[:i]).and(w.test(args[i+1:]))
		}
	}
	if len(args) > 1 && args[0] == known("!") {
		return w.test(args[1:]).not()
	}
	switch len(args) {
	case 0:
		return no
	case 1:
		if args[0].known {
			return truthOf(args[0].text != "")
		}
	case 2:
		if args[0].known && args[1].known {
			return w.unary(args[0].text, args[1].text)
		}
	case 3:
		if args[0].known && args[1].known && args[2].known {
			return compare(args[0].text, args[1].text, args[2].text)
		}
	}
	return maybe
}

func (w *walker) unary(op, operand string) truth {
	switch op {
	case "-z":
		return truthOf(operand == "")
	case "-n":
		return truthOf(operand != "")
	case "-e", "-d", "-f", "-x", "-r", "-w", "-s", "-S", "-L", "-h", "-p":
		switch {
		case running(operand):
			return no
		case op == "-e" && w.has(operand):
			return yes
		}
		// Another script, or this one, may have made it before.
	}
	return maybe
}

func compare(a, op, b string) truth {
	switch op {
	case "=", "==":
		return truthOf(a == b)
	case "!=":
		return truthOf(a != b)
	}
	x, err1 := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	if err1 != nil || err2 != nil {
		return maybe
	}
	switch op {
	case "-eq":
		return truthOf(x == y)
	case "-ne":
		return truthOf(x != y)
	case "-lt":
		return truthOf(x < y)
	case "-le":
		return truthOf(x <= y)
	case "-gt":
		return truthOf(x > y)
	case "-ge":
		return truthOf(x >= y)
	}
	return maybe
}

// compareVersions is dpkg --compare-versions as far as one side is empty, which
// is what a script gets for the version that was there before (dpkg(1)).
func compareVersions(a value, op string, b value) truth {
	if !a.known || !b.known {
		return maybe
	}
	order := 0 // of a
	switch {
	case a.text == b.text:
	case a.text == "":
		order = -1
	case b.text == "":
		order = 1
	default:
		return maybe
	}
	if strings.HasSuffix(op, "-nl") { // no version is later than any
		order = -order
	}
	switch strings.TrimSuffix(op, "-nl") {
	case "lt", "<<":
		return truthOf(order < 0)
	case "le", "<=", "<":
		return truthOf(order <= 0)
	case "eq", "=":
		return truthOf(order == 0)
	case "ne":
		return truthOf(order != 0)
	case "ge", ">=", ">":
		return truthOf(order >= 0)
	case "gt", ">>":
		return truthOf(order > 0)
	}
	return maybe
}

// running says whether a path is of the running system: nothing runs while an
// image is made.
func running(p string) bool {
	p = path.Clean(p)
	return below(p, "/run") || below(p, "/var/run")
}

// lost says whether a path would be gone after the next boot in any case.
func lost(p string) bool {
	for _, dir := range []string{"/dev", "/proc", "/run", "/sys", "/tmp", "/var/run", "/var/lock"} {
		if below(path.Clean(p), dir) {
			return true
		}
	}
	return false
}

// documentation says whether a path is for people to read.
func documentation(p string) bool {
	for _, dir := range []string{"/usr/share/doc", "/usr/share/info", "/usr/share/lintian", "/usr/share/man"} {
		if below(path.Clean(p), dir) {
			return true
		}
	}
	return false
}

func below(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
