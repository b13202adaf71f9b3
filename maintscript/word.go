package maintscript

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// fields expands words as the shell does for a command's arguments, as far as
// parameters are known. Command substitutions in them are followed.
func (w *walker) fields(st *state, words []*syntax.Word) []value {
	var all []value
	for _, word := range words {
		if w.err != nil || len(all) > maxFields {
			w.err = errTooMuch
			return nil
		}
		e := expansion{w: w, st: st, split: true}
		e.parts(word.Parts, false)
		e.end()
		all = append(all, e.out...)
	}
	return all
}

// text expands a word to one value, as in an assignment.
func (w *walker) text(st *state, word *syntax.Word) value {
	if word == nil {
		return known("")
	}
	e := expansion{w: w, st: st}
	e.parts(word.Parts, false)
	e.end()
	if len(e.out) == 0 {
		return known("")
	}
	return e.out[0]
}

// An expansion collects the fields of one word.
type expansion struct {
	w     *walker
	st    *state
	split bool // at blanks in unquoted parameters

	out     []value
	current strings.Builder
	unknown bool
	open    bool // there is a field, though it may be empty
}

// Bounds on what one word expands to.
const (
	maxValue  = 64 << 10 // bytes
	maxFields = 10_000
)

func (e *expansion) add(v value) {
	if e.current.Len()+len(v.text) > maxValue {
		v = unknown("…")
	}
	if e.current.Len() <= maxValue {
		e.current.WriteString(v.text)
	}
	e.unknown = e.unknown || !v.known
	e.open = true
}

func (e *expansion) end() {
	if e.open {
		e.out = append(e.out, value{e.current.String(), !e.unknown})
		if len(e.out) > maxFields {
			e.w.err = errTooMuch
		}
	}
	e.current.Reset()
	e.unknown, e.open = false, false
}

// addParameter adds what a parameter or a command substitution stands for.
func (e *expansion) addParameter(v value, quoted bool) {
	if quoted || !e.split || !v.known {
		if v.known && v.text == "" && !quoted {
			return
		}
		e.add(v)
		return
	}
	if _, odd := e.st.vars["IFS"]; odd {
		e.add(unknown(v.text))
		return
	}
	for i, part := range strings.Fields(v.text) {
		if i > 0 || startsBlank(v.text) {
			e.end()
		}
		e.add(known(part))
	}
	if strings.TrimRightFunc(v.text, unicode.IsSpace) != v.text {
		e.end()
	}
}

func startsBlank(s string) bool { return strings.TrimLeftFunc(s, unicode.IsSpace) != s }

func (e *expansion) parts(parts []syntax.WordPart, quoted bool) {
	for _, part := range parts {
		e.part(part, quoted)
	}
}

func (e *expansion) part(part syntax.WordPart, quoted bool) {
	switch p := part.(type) {
	case *syntax.Lit:
		e.add(known(unescape(p.Value, quoted)))
	case *syntax.SglQuoted:
		e.add(value{p.Value, !p.Dollar || !strings.Contains(p.Value, `\`)})
	case *syntax.DblQuoted:
		if len(p.Parts) == 0 || !isAll(p.Parts[0]) {
			e.open = true
		}
		e.parts(p.Parts, true)
	case *syntax.ParamExp:
		if quoted && isAll(part) && e.st.argsKnown && e.split {
			for i, a := range e.st.args {
				if i > 0 {
					e.end()
				}
				e.add(a)
			}
			return
		}
		e.addParameter(e.w.parameter(e.st, p), quoted)
	case *syntax.CmdSubst:
		e.addParameter(e.w.substitution(e.st, p), quoted)
	default: // arithmetic, process substitution, extended patterns
		e.w.substitutions(e.st, part)
		forgetAssigned(e.st, part)
		e.add(unknown(source(part)))
	}
}

// isAll says whether a part of a word is "$@".
func isAll(part syntax.WordPart) bool {
	p, ok := part.(*syntax.ParamExp)
	return ok && p.Param != nil && p.Param.Value == "@" && p.Exp == nil
}

// unescape removes backslashes as the shell does.
func unescape(lit string, quoted bool) string {
	if !strings.Contains(lit, `\`) {
		return lit
	}
	var b strings.Builder
	for i := 0; i < len(lit); i++ {
		if lit[i] != '\\' || i+1 == len(lit) || quoted && !strings.ContainsRune("$`\"\\\n", rune(lit[i+1])) {
			b.WriteByte(lit[i])
			continue
		}
		if i++; lit[i] != '\n' {
			b.WriteByte(lit[i])
		}
	}
	return b.String()
}

// parameter expands $x, ${x:-y} and ${x%y}; whatever else there is, is not
// known.
func (w *walker) parameter(st *state, p *syntax.ParamExp) value {
	plain := p.Param != nil && !p.Excl && !p.Length && !p.Width && !p.IsSet && p.Flags == nil && p.NestedParam == nil &&
		p.Index == nil && p.Modifiers == nil && p.Slice == nil && p.Repl == nil && p.Names == 0
	if !plain {
		w.substitutions(st, p)
		return unknown(source(p))
	}
	name := p.Param.Value
	v, set := st.get(name)
	if name == "@" || name == "*" {
		v = unknown("$" + name)
		if st.argsKnown && !slices.ContainsFunc(st.args, func(a value) bool { return !a.known }) {
			var all []string
			for _, a := range st.args {
				all = append(all, a.text)
			}
			v = known(strings.Join(all, " "))
		}
	}
	if p.Exp == nil {
		return v
	}
	if !v.known {
		w.text(st.clone(), p.Exp.Word)
		return unknown(source(p))
	}
	other := func() value { return w.text(st, p.Exp.Word) }
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
		if orNull := p.Exp.Op == syntax.DefaultUnsetOrNull || p.Exp.Op == syntax.AssignUnsetOrNull; set && (!orNull || v.text != "") {
			return v
		}
		v = other()
		if p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull {
			st.set(name, v)
		}
		return v
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
		if !set || p.Exp.Op == syntax.AlternateUnsetOrNull && v.text == "" {
			return known("")
		}
		return other()
	case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		return v
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
		if pat, ok := w.pattern(st, p.Exp.Word); ok {
			return known(trim(v.text, pat, p.Exp.Op))
		}
	}
	return unknown(source(p))
}

// trim removes a prefix or suffix that matches.
func trim(s string, pat *regexp.Regexp, op syntax.ParExpOperator) string {
	prefix := op == syntax.RemSmallPrefix || op == syntax.RemLargePrefix
	small := op == syntax.RemSmallPrefix || op == syntax.RemSmallSuffix
	if len(s) > 4096 { // it takes a match for each byte
		return s
	}
	for i := 0; i <= len(s); i++ {
		at := i // bytes to remove
		if !small {
			at = len(s) - i
		}
		switch {
		case prefix && pat.MatchString(s[:at]):
			return s[at:]
		case !prefix && pat.MatchString(s[len(s)-at:]):
			return s[:len(s)-at]
		}
	}
	return s
}

// pattern makes a pattern of a word, whose quoted parts mean themselves.
func (w *walker) pattern(st *state, word *syntax.Word) (*regexp.Regexp, bool) {
	if word == nil {
		return nil, false
	}
	var b strings.Builder
	for _, part := range word.Parts {
		if lit, ok := part.(*syntax.Lit); ok {
			b.WriteString(lit.Value)
			continue
		}
		v := w.text(st, &syntax.Word{Parts: []syntax.WordPart{part}})
		if !v.known {
			return nil, false
		}
		if _, bare := part.(*syntax.ParamExp); !bare {
			v.text = pattern.QuoteMeta(v.text, 0)
		}
		b.WriteString(v.text)
	}
	expr, err := pattern.Regexp(b.String(), pattern.EntireString)
	if err != nil {
		return nil, false
	}
	re, err := regexp.Compile(expr)
	return re, err == nil
}

// tempFile stands for what mktemp makes.
const tempFile = "/tmp/mktemp"

// substitution follows $(commands); for a few of them the output is known.
func (w *walker) substitution(st *state, c *syntax.CmdSubst) value {
	w.subshell(st, c.Stmts)
	v := unknown(source(c))
	if len(c.Stmts) != 1 {
		return v
	}
	call, ok := c.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return v
	}
	args := w.fields(st.clone(), call.Args)
	if slices.ContainsFunc(args, func(a value) bool { return !a.known }) || len(args) == 0 || w.funcs[args[0].text] != nil {
		return v
	}
	switch last := args[len(args)-1].text; {
	case args[0].text == "mktemp":
		return known(tempFile)
	case args[0].text == "dirname" && len(args) == 2:
		return known(path.Dir(last))
	case args[0].text == "basename" && len(args) == 2:
		return known(path.Base(last))
	case args[0].text == "dpkg-divert" && len(args) == 3 && args[1].text == "--truename":
		return known(last) // nothing is diverted in an image
	}
	return v
}

// substitutions follows the commands inside of what cannot be expanded.
func (w *walker) substitutions(st *state, node syntax.Node) {
	syntax.Walk(node, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			w.subshell(st, n.Stmts)
			return false
		case *syntax.ProcSubst:
			w.subshell(st, n.Stmts)
			return false
		}
		return true
	})
}

// forgetAssigned drops the variables that arithmetic sets.
func forgetAssigned(st *state, node syntax.Node) {
	forget := func(x syntax.ArithmExpr) {
		if word, ok := x.(*syntax.Word); ok {
			delete(st.vars, word.Lit())
		}
	}
	syntax.Walk(node, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.BinaryArithm: // comparisons, too: it does not matter
			forget(n.X)
		case *syntax.UnaryArithm:
			forget(n.X)
		}
		return true
	})
}

// source is how a script writes something, on one line.
func source(node syntax.Node) string {
	if part, ok := node.(syntax.WordPart); ok {
		node = &syntax.Word{Parts: []syntax.WordPart{part}}
	}
	var b strings.Builder
	if err := syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, node); err != nil {
		return "…"
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=+,@%^~*?#{}\[\]-]+$`)

// render writes a command so that the same command is always the same text.
func render(args []value) string {
	var words []string
	for _, a := range args {
		switch {
		case a.known && plainWord.MatchString(a.text):
			words = append(words, a.text)
		case a.known:
			q, err := syntax.Quote(a.text, syntax.LangBash)
			if err != nil {
				q = "…"
			}
			words = append(words, q)
		case strings.ContainsFunc(a.text, unicode.IsSpace):
			words = append(words, `"`+a.text+`"`)
		default:
			words = append(words, a.text)
		}
	}
	// Nothing in it may move a terminal's cursor.
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.Join(words, " "))
}
