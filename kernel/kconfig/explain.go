package kconfig

import (
	"fmt"
	"slices"
)

// Bounds of an explanation: who reads more than this does so in menuconfig.
const (
	deepestReason = 4
	mostClauses   = 8
	mostNames     = 4
)

// outside is where the answer to what is unknown here is found.
const outside = "which only the compiler or make's environment can answer"

// An explainer finds the reasons of one problem, clause by clause.
type explainer struct {
	*state
	asked   map[string]Setting
	said    map[string]bool // symbols that have been explained
	clauses []string
	missing []string
}

func (x *explainer) say(format string, args ...any) {
	switch len(x.clauses) {
	case mostClauses:
		x.clauses = append(x.clauses, "and more")
	case mostClauses + 1:
	default:
		x.clauses = append(x.clauses, fmt.Sprintf(format, args...))
	}
}

// miss remembers a symbol that a person could set higher than it is.
func (x *explainer) miss(sym *symbol) {
	if x.visible(sym).high > parseTri(x.final[sym.name]) && !slices.Contains(x.missing, sym.name) {
		x.missing = append(x.missing, sym.name)
	}
}

// explain says why sym is not want.
func (x *explainer) explain(sym *symbol, want, got string) {
	x.said[sym.name] = true
	switch {
	case sym.typ == NoType:
		x.say("%s has no type in this kernel", sym.name)
	case !sym.typ.isSwitch():
		x.explainValue(sym, want, got)
	case !isTristate(want):
		x.say("%s is a %s: %s", sym.name, sym.typ, switchValues(sym.typ))
	case want == "m" && sym.typ == Bool:
		x.say("%s is a bool, which cannot be a module: y or n", sym.name)
	case parseTri(got) > parseTri(want):
		x.explainOn(sym, parseTri(want), 0)
	default:
		x.explainOff(sym, parseTri(want), 0)
	}
}

func switchValues(t Type) string {
	if t == Bool {
		return "y or n"
	}
	return "y, m or n"
}

// unmet says which conditions are not met, and why the symbols in them are as
// they are.
func (x *explainer) unmet(subject string, conditions []*expr, need tri, depth int) {
	var failing []*expr
	for _, e := range conditions {
		for _, part := range normal(e, false).operands(opAnd) {
			if x.condition(part).high < need {
				failing = conjuncts(failing, part)
			}
		}
	}
	if hopeless := x.hopeless(failing); len(hopeless) > 0 {
		failing = hopeless // what else is lacking makes no difference
	}
	var phrases []string
	var follow []*expr
	for _, e := range failing {
		if depth < deepestReason && x.followsFrom(e, failing) {
			continue
		}
		text, leaves := x.phrase(e, need)
		if !slices.Contains(phrases, text) {
			phrases = append(phrases, text)
			follow = append(follow, leaves...)
		}
	}
	if len(phrases) == 0 && len(failing) > 0 {
		// They lean on each other, which conf would refuse.
		text, _ := x.phrase(failing[0], need)
		phrases = append(phrases, text)
	}
	if len(phrases) == 0 {
		return
	}
	x.say("%s needs %s", subject, joinPhrases(phrases))
	if depth < deepestReason {
		for _, leaf := range follow {
			x.follow(leaf, need, depth+1)
		}
	}
}

// hopeless are the conditions that this architecture cannot meet.
func (x *explainer) hopeless(conditions []*expr) []*expr {
	var all []*expr
	for _, e := range conditions {
		if !x.possible(e) && e.text != compileTest {
			all = append(all, e)
		}
	}
	return all
}

// followsFrom says whether a condition need not be named, because another of
// them names a symbol that has the same condition, and will be explained.
func (x *explainer) followsFrom(e *expr, all []*expr) bool {
	for _, other := range all {
		if other.op != opSymbol || other.text == e.text {
			continue
		}
		sym := x.source.symbols[other.text]
		if sym == nil || len(sym.definitions) != 1 || !sym.hasPrompt() {
			continue
		}
		for _, c := range sym.definitions[0].conditions() {
			if c.String() == e.String() {
				return true
			}
		}
	}
	return false
}

// follow explains a symbol, or !symbol, that an unmet condition names.
func (x *explainer) follow(leaf *expr, need tri, depth int) {
	negated := leaf.op == opNot
	if negated {
		leaf = leaf.left
	}
	sym := x.source.symbols[leaf.text]
	if sym == nil || len(sym.definitions) == 0 || x.said[sym.name] || !sym.typ.isSwitch() || len(x.clauses) > mostClauses {
		return
	}
	x.said[sym.name] = true
	if negated {
		x.explainOn(sym, no, depth)
		return
	}
	x.explainOff(sym, need, depth)
}
