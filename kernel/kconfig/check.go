package kconfig

import (
	"fmt"
	"strings"
)

// A Problem is a setting that a configuration did not take.
type Problem struct {
	Setting Setting
	Got     string     // the value it has instead; empty when it has none at all
	Reason  string     // why, for a person: clauses without a full stop
	Unknown bool       // no such symbol in this kernel
	Near    []string   // of an unknown symbol: what may have been meant
	Missing []string   // symbols in the reason that can be set higher than they are: where to begin
	Defined []Position // where the symbol is defined
}

// Error says all of it in one line, so that a problem can be an error.
func (p Problem) Error() string {
	got := "it is " + p.Got
	switch p.Got {
	case "":
		got = "it is not there"
	case "n":
		got = "it is off"
	}
	return fmt.Sprintf("%s: %s=%s was asked for, and %s: %s", p.Setting.Where(), p.Setting.Symbol, p.Setting.Value, got, p.Reason)
}

// Check compares what was asked for with the configuration that the kernel
// made of it, and explains each difference, in the order of the settings.
// final has to be whole: reasons are found by evaluating the source's
// expressions with its values.
//
// A symbol that does not exist is a problem even when it was to be off: it is
// likely misspelled. One of another architecture is off indeed.
func (s *Source) Check(settings []Setting, final Config) []Problem {
	st := &state{s, final}
	asked := map[string]Setting{}
	for _, setting := range settings {
		asked[setting.Symbol] = setting
	}
	var problems []Problem
	for _, setting := range settings {
		if p, ok := st.check(setting, asked); !ok {
			problems = append(problems, p)
		}
	}
	return problems
}

func (st *state) check(want Setting, asked map[string]Setting) (p Problem, ok bool) {
	p = Problem{Setting: want}
	sym := st.source.symbols[want.Symbol]
	if sym == nil || len(sym.definitions) == 0 {
		at, elsewhere := st.source.elsewhere(want.Symbol)
		switch {
		case elsewhere && want.Value == "n":
			return p, true
		case elsewhere:
			p.Reason = fmt.Sprintf("it belongs to another architecture (%s); this is %s", at, st.source.srcarch)
			return p, false
		}
		p.Unknown = true
		p.Reason = "no such symbol in this kernel"
		if p.Near = st.source.Near(want.Symbol); len(p.Near) > 0 {
			p.Reason += "; did you mean " + list(p.Near, "or") + "?"
		}
		return p, false
	}
	p.Got = st.final[sym.name]
	if sym.typ.isSwitch() {
		p.Got = st.final.Value(sym.name)
	}
	if same(sym.typ, want.Value, p.Got) {
		return p, true
	}
	for _, d := range sym.definitions {
		p.Defined = append(p.Defined, d.at)
	}
	x := &explainer{state: st, asked: asked, said: map[string]bool{}}
	x.explain(sym, want.Value, p.Got)
	if len(x.clauses) == 0 {
		x.say(unexplained)
	}
	p.Reason = strings.Join(x.clauses, "; ")
	p.Missing = x.missing
	return p, false
}

// unexplained is the reason when the Kconfig files have none: then it is
// likely that what was configured is not what is checked.
const unexplained = "all that it needs is there: was this setting in what the kernel configured, and is the configuration of this source?"

// same says whether two values mean the same for a type. Strings can be
// absent when empty; n is what a number or string is that is absent.
func same(t Type, want, got string) bool {
	switch t {
	case Int, Hex:
		w, okWant := numeric(want, t)
		g, okGot := numeric(got, t)
		if okWant && okGot {
			return w.Cmp(g) == 0
		}
		return want == got || want == "n" && got == ""
	case String:
		if want == "n" {
			return unquote(got) == ""
		}
		return isQuoted(want) && unquote(want) == unquote(got)
	}
	return want == got
}

// list joins words: A, B and C.
func list(words []string, conjunction string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " " + conjunction + " " + words[n-1]
	}
}

// some is list for what may be long.
func some(words []string, most int, conjunction string) string {
	if len(words) <= most+1 {
		return list(words, conjunction)
	}
	return fmt.Sprintf("%s %s %d others", strings.Join(words[:most], ", "), conjunction, len(words)-most)
}
