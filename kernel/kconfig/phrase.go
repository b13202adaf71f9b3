package kconfig

import (
	"fmt"
	"strings"
)

// normal moves ! down to the leaves, so that what has to hold can be said
// without it.
func normal(e *expr, negate bool) *expr {
	opposite := map[op]op{opAnd: opOr, opOr: opAnd, "=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
	switch {
	case e.op == opNot:
		return normal(e.left, !negate)
	case e.op == opAnd || e.op == opOr:
		o := e.op
		if negate {
			o = opposite[o]
		}
		return &expr{op: o, left: normal(e.left, negate), right: normal(e.right, negate)}
	case !negate:
		return e
	case e.op.compares():
		return &expr{op: opposite[e.op], left: e.left, right: e.right}
	}
	return &expr{op: opNot, left: e}
}

// phrase says what an unmet condition in normal form asks for, to stand after
// "needs", and which symbols are worth a word of their own.
func (x *explainer) phrase(e *expr, need tri) (text string, follow []*expr) {
	switch {
	case e.op == opSymbol:
		return x.symbolPhrase(e.text), []*expr{e}
	case e.op == opConst && e.text == "m" && x.modules():
		return "to be a module (it depends on m)", nil
	case e.op == opConst && e.text == "m":
		return "modules, which are off", nil
	case e.op == opConst:
		return "what can never be", nil
	case e.op == opNot && e.left.op == opSymbol:
		return fmt.Sprintf("%s to be off (it is %s)", e.left.text, x.final.Value(e.left.text)), []*expr{e}
	case e.op == opAnd:
		return x.allOf(e, need)
	case e.op == opOr:
		return x.oneOf(e, need)
	case e.op.compares():
		return x.comparisonPhrase(e)
	}
	return e.String(), nil
}

func (x *explainer) symbolPhrase(name string) string {
	if !x.source.Has(name) {
		if at, ok := x.source.elsewhere(name); ok {
			return fmt.Sprintf("%s, which belongs to another architecture (%s)", name, at)
		}
		return name + ", which this kernel does not have"
	}
	switch s, asked := x.asked[name]; {
	case x.final.Value(name) == "m":
		return name + ", which is only m"
	case asked && s.Value == "n":
		return fmt.Sprintf("%s, which is off as asked in %s", name, s.Where())
	}
	return name + isOff
}

func (x *explainer) comparisonPhrase(e *expr) (string, []*expr) {
	name := e.left.text
	value, typ := x.text(e.left)
	if typ == String {
		value = fmt.Sprintf("%q", value)
	}
	onTheRight := e.right.op == opConst && e.left.op == opSymbol
	switch {
	case onTheRight && !x.source.Has(name):
		return x.symbolPhrase(name), nil
	case onTheRight && e.op == "!=" && e.right.text == "n", onTheRight && e.op == "=" && e.right.text == "y" && value == "n":
		return x.symbolPhrase(name), []*expr{{op: opSymbol, text: name}}
	case onTheRight && e.op == "=" && e.right.text == "n":
		return fmt.Sprintf("%s to be off (it is %s)", name, value), []*expr{{op: opNot, left: e.left}}
	case e.left.op == opSymbol && x.source.Has(name):
		return fmt.Sprintf("%s (%s is %s)", e, name, value), nil
	}
	return e.String() + ", which is not so", nil
}

func (x *explainer) allOf(e *expr, need tri) (string, []*expr) {
	var phrases []string
	var follow []*expr
	for _, part := range e.operands(opAnd) {
		if x.condition(part).high < need {
			text, leaves := x.phrase(part, need)
			phrases = append(phrases, text)
			follow = append(follow, leaves...)
		}
	}
	return joinPhrases(phrases), follow
}

// isOff ends the phrase of most symbols that are lacking.
const isOff = ", which is off"

func offName(phrase string) (name string, ok bool) {
	name, ok = strings.CutSuffix(phrase, isOff)
	return name, ok && isName(name)
}

// joinPhrases makes one of what is needed together. Symbols that are just off
// come first, in one list.
func joinPhrases(phrases []string) string {
	var off, rest []string
	for _, p := range phrases {
		if name, ok := offName(p); ok {
			off = append(off, name)
		} else {
			rest = append(rest, p)
		}
	}
	switch len(off) {
	case 0:
	case 1:
		rest = append([]string{off[0] + isOff}, rest...)
	default:
		rest = append([]string{list(off, "and") + ", which are off"}, rest...)
	}
	return strings.Join(rest, ", and ")
}

// compileTest makes drivers of other machines compile. It stands beside what
// they really need and is never what a person lacks.
const compileTest = "COMPILE_TEST"

// oneOf says which alternatives there are. Those that another architecture
// would have are no help; without them, often one is left.
func (x *explainer) oneOf(e *expr, need tri) (string, []*expr) {
	var own, foreign []*expr
	for _, part := range e.operands(opOr) {
		switch {
		case x.possible(part):
			own = append(own, part)
		case part.op != opSymbol || part.text != compileTest:
			foreign = append(foreign, part)
		}
	}
	switch {
	case len(own) == 1:
		return x.phrase(own[0], need)
	case len(own) == 0 && len(foreign) == 1:
		return x.phrase(foreign[0], need)
	case len(own) == 0:
		return fmt.Sprintf("%s, which this kernel does not have for %s", some(texts(foreign), mostNames, "or"), x.source.srcarch), nil
	}
	return x.alternatives(own, need)
}

func (x *explainer) alternatives(own []*expr, need tri) (string, []*expr) {
	var follow []*expr
	var names, details []string
	for _, part := range own {
		text, leaves := x.phrase(part, need)
		follow = append(follow, leaves...)
		details = append(details, text)
		if name, off := offName(text); off {
			names = append(names, name)
		}
	}
	if len(own) > 3 {
		follow = nil // too many to tell the story of each
	}
	switch {
	case len(names) == len(own) && len(own) == 2:
		return list(names, "or") + ", which are both off", follow
	case len(names) == len(own):
		return "one of " + some(names, mostNames, "or") + ", which are all off", follow
	case len(own) <= 3:
		return "either " + strings.Join(details, ", or "), follow
	}
	return "one of " + some(texts(own), mostNames, "or"), follow
}

func texts(es []*expr) []string {
	var all []string
	for _, e := range es {
		all = append(all, e.String())
	}
	return all
}

// possible says whether this architecture has what an alternative needs.
func (x *explainer) possible(e *expr) bool {
	switch e.op {
	case opSymbol:
		return x.source.Has(e.text) && e.text != compileTest
	case opAnd:
		return x.possible(e.left) && x.possible(e.right)
	case opOr:
		return x.possible(e.left) || x.possible(e.right)
	}
	return true
}
