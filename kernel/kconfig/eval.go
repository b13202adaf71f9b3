package kconfig

import (
	"math/big"
	"strings"
)

// A tri is a value of Kconfig's logic; && is the smaller one, || the greater.
type tri uint8

const (
	no tri = iota
	mod
	yes
)

func parseTri(s string) tri {
	switch s {
	case "y":
		return yes
	case "m":
		return mod
	}
	return no
}

// bounds are the values that an expression can have: one, or more when part of
// it is unknown here.
type bounds struct{ low, high tri }

func exactly(t tri) bounds           { return bounds{t, t} }
func (a bounds) and(b bounds) bounds { return bounds{min(a.low, b.low), min(a.high, b.high)} }
func (a bounds) or(b bounds) bounds  { return bounds{max(a.low, b.low), max(a.high, b.high)} }
func (a bounds) not() bounds         { return bounds{yes - a.high, yes - a.low} }

// promoted is what bounds are for a bool, which has no m.
func (a bounds) promoted() bounds {
	if a.low == mod {
		a.low = yes
	}
	if a.high == mod {
		a.high = yes
	}
	return a
}

var anything = bounds{no, yes}

// A state evaluates expressions with the values of a finished configuration.
type state struct {
	source *Source
	final  Config
}

func (st *state) modules() bool {
	m := st.source.modules
	return m != nil && st.final[m.name] == "y"
}

// threeValued says whether a symbol can be m in this configuration.
func (st *state) threeValued(s *symbol) bool { return s.typ == Tristate && st.modules() }

// condition evaluates an expression that permits something. There, m by
// itself means "when there are modules".
func (st *state) condition(e *expr) bounds { return st.eval(e, st.modules()) }

// value evaluates an expression for what it is, as that of a default.
func (st *state) value(e *expr) bounds { return st.eval(e, true) }

func (st *state) all(conditions []*expr) bounds {
	b := exactly(yes)
	for _, e := range conditions {
		b = b.and(st.condition(e))
	}
	return b
}

func (st *state) eval(e *expr, m bool) bounds {
	if e == nil {
		return exactly(yes)
	}
	switch e.op {
	case opSymbol:
		if s := st.source.symbols[e.text]; s == nil || !s.typ.isSwitch() {
			return exactly(no)
		}
		return exactly(parseTri(st.final[e.text]))
	case opConst:
		if e.text == "m" && !m {
			return exactly(no)
		}
		return exactly(parseTri(e.text))
	case opUnknown:
		return anything
	case opNot:
		return st.eval(e.left, m).not()
	case opAnd:
		return st.eval(e.left, m).and(st.eval(e.right, m))
	case opOr:
		return st.eval(e.left, m).or(st.eval(e.right, m))
	}
	return st.compare(e)
}

func (st *state) compare(e *expr) bounds {
	if e.left.op == opUnknown || e.right.op == opUnknown {
		return anything
	}
	left, leftType := st.text(e.left)
	right, rightType := st.text(e.right)
	order := strings.Compare(left, right)
	if leftType != String || rightType != String {
		l, okLeft := numeric(left, leftType)
		r, okRight := numeric(right, rightType)
		if okLeft && okRight {
			order = l.Cmp(r)
		}
	}
	holds := false
	switch e.op {
	case "=":
		holds = order == 0
	case "!=":
		holds = order != 0
	case "<":
		holds = order < 0
	case "<=":
		holds = order <= 0
	case ">":
		holds = order > 0
	case ">=":
		holds = order >= 0
	}
	if holds {
		return exactly(yes)
	}
	return exactly(no)
}

// text is the value of a leaf in a comparison. A symbol that nobody defines
// has its own name for a value: numbers are such symbols.
func (st *state) text(e *expr) (string, Type) {
	if e.op == opConst {
		if isTristate(e.text) {
			return e.text, Tristate
		}
		return e.text, NoType
	}
	s := st.source.symbols[e.text]
	if s == nil || s.typ == NoType {
		return e.text, NoType
	}
	v, ok := st.final[s.name]
	if !ok {
		v = map[Type]string{Bool: "n", Tristate: "n", Int: "0", Hex: "0x0", String: ""}[s.typ]
	}
	return unquote(v), s.typ
}

// numeric is the number that a value stands for where one is compared. n, m
// and y count as 0, 1 and 2.
func numeric(s string, t Type) (*big.Int, bool) {
	base := 0
	switch t {
	case Bool, Tristate:
		return big.NewInt(int64(parseTri(s))), true
	case Int:
		base = 10
	case Hex:
		base = 16
		s = strings.TrimPrefix(strings.ToLower(s), "0x")
	}
	return new(big.Int).SetString(s, base)
}

// visible is how far a person can turn a symbol on: the best of its prompts.
func (st *state) visible(s *symbol) bounds {
	b := exactly(no)
	for _, d := range s.definitions {
		if d.prompt != nil {
			b = b.or(st.all(d.conditions()).and(st.all(d.promptConditions())))
		}
	}
	return st.fit(s, b)
}

func (st *state) fit(s *symbol, b bounds) bounds {
	if !st.threeValued(s) {
		return b.promoted()
	}
	return b
}

// active is whether a default, range, select or imply line holds.
func (st *state) active(p property) bounds {
	return st.all(p.from.conditions()).and(st.condition(p.when))
}

// pull is what one select or imply line makes of its target.
func (st *state) pull(p property) bounds {
	return st.value(&expr{op: opSymbol, text: p.from.symbol.name}).and(st.active(p))
}
