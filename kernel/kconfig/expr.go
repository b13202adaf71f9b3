package kconfig

import (
	"errors"
	"fmt"
)

// An expr is an expression of the language: what stands after "depends on",
// "if" and "default". nil is an expression too: yes.
type expr struct {
	op          op
	left, right *expr  // of !, &&, || and comparisons, whose sides are leaves
	text        string // of a leaf: the name, the value, or the macro as it stands in the file
}

type op string

const (
	opSymbol  op = "symbol"
	opConst   op = "constant" // "text", y, m, n
	opUnknown op = "macro"    // what only a compiler or make's environment knows
	opNot     op = "!"
	opAnd     op = "&&"
	opOr      op = "||"
)

func (o op) compares() bool {
	switch o {
	case "=", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// String writes an expression with no more parentheses than it needs.
func (e *expr) String() string {
	if e == nil {
		return "y"
	}
	switch e.op {
	case opSymbol, opUnknown:
		return e.text
	case opConst:
		if isTristate(e.text) {
			return e.text
		}
		return fmt.Sprintf("%q", e.text)
	case opNot:
		return "!" + e.left.within(opNot)
	case opAnd, opOr:
		return e.left.within(e.op) + " " + string(e.op) + " " + e.right.within(e.op)
	}
	return e.left.String() + " " + string(e.op) + " " + e.right.String()
}

func (e *expr) within(outer op) string {
	s := e.String()
	if e.op != outer && (e.op == opAnd || e.op == opOr) || outer == opNot && e.op.compares() {
		return "(" + s + ")"
	}
	return s
}

// operands are the parts of a chain of && or ||.
func (e *expr) operands(chain op) []*expr {
	if e == nil {
		return nil
	}
	if e.op != chain {
		return []*expr{e}
	}
	return append(e.left.operands(chain), e.right.operands(chain)...)
}

func isTristate(s string) bool { return s == "y" || s == "m" || s == "n" }

// deepest bounds the nesting of parentheses and !, which recursion follows.
const deepest = 200

var errNoExpression = errors.New("expected an expression")

// tokens is what is left of a statement.
type tokens []token

func (t *tokens) accept(text string) bool {
	if len(*t) > 0 && (*t)[0].is(text) {
		*t = (*t)[1:]
		return true
	}
	return false
}

// expression reads an expression off the front; nil when there is an error.
func (t *tokens) expression() (*expr, error) {
	e, err := t.chain(opOr, 0)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (t *tokens) chain(o op, depth int) (*expr, error) {
	if depth > deepest {
		return nil, errors.New("an expression is nested too deeply")
	}
	operand := func() (*expr, error) {
		if o == opOr {
			return t.chain(opAnd, depth)
		}
		return t.operand(depth)
	}
	e, err := operand()
	for err == nil && t.accept(string(o)) {
		var right *expr
		right, err = operand()
		e = &expr{op: o, left: e, right: right}
	}
	return e, err
}

// operand reads a leaf, a comparison of two, !x or (x). A comparison binds
// more tightly than !.
func (t *tokens) operand(depth int) (*expr, error) {
	negate := false
	for t.accept("!") {
		negate = !negate
	}
	var e *expr
	var err error
	if t.accept("(") {
		if e, err = t.chain(opOr, depth+1); err == nil && !t.accept(")") {
			err = errors.New("expected )")
		}
	} else {
		e, err = t.comparison()
	}
	if err == nil && negate {
		e = &expr{op: opNot, left: e}
	}
	return e, err
}

func (t *tokens) comparison() (*expr, error) {
	e, err := t.leaf()
	if err != nil || len(*t) == 0 || (*t)[0].kind != operatorToken || !op((*t)[0].text).compares() {
		return e, err
	}
	o := op((*t)[0].text)
	*t = (*t)[1:]
	right, err := t.leaf()
	return &expr{op: o, left: e, right: right}, err
}

func (t *tokens) leaf() (*expr, error) {
	if len(*t) == 0 || (*t)[0].kind == operatorToken || (*t)[0].is("if") {
		return nil, errNoExpression
	}
	tok := (*t)[0]
	*t = (*t)[1:]
	switch {
	case tok.unknown:
		return &expr{op: opUnknown, text: tok.text}, nil
	case tok.kind == quotedToken || isTristate(tok.text):
		return &expr{op: opConst, text: tok.text}, nil
	}
	return &expr{op: opSymbol, text: tok.text}, nil
}

// condition reads an optional "if EXPRESSION" that ends the statement.
func (t *tokens) condition() (*expr, error) {
	var e *expr
	var err error
	if t.accept("if") {
		e, err = t.expression()
	}
	if err == nil && len(*t) > 0 {
		err = fmt.Errorf("unexpected %q", (*t)[0].text)
	}
	return e, err
}
