package maintscript

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Bounds on what is followed. The largest script of Debian 13 has some 50 KB
// and takes a few thousand steps.
const (
	maxText  = 256 << 10 // bytes
	maxSteps = 200_000   // statements
	maxDepth = 200       // calls and nested statements
	maxLoop  = 64        // words of a for loop that are gone through one by one
	maxNoted = 2000      // different commands
)

var errTooMuch = errors.New("too much to follow")

// A walker follows a script along all the ways that a first installation may
// take, and notes the commands that it meets there.
type walker struct {
	has      func(path string) bool
	lang     syntax.LangVariant
	funcs    map[string][]*syntax.Stmt // every definition that was met
	loops    []*exits                  // innermost last
	calls    []*exits
	commands []Command
	noted    map[string]bool
	steps    int
	depth    int
	err      error
}

// exits are the states in which a loop, a function or an iteration was left
// before its end.
type exits struct {
	broken    []*state
	continued []*state
	returned  []*state
	results   []truth
	locals    map[string]value // what local variables were before
}

func parse(text string, lang syntax.LangVariant) (*syntax.File, error) {
	if len(text) > maxText {
		return nil, errTooMuch
	}
	return syntax.NewParser(syntax.Variant(lang)).Parse(strings.NewReader(text), "")
}

// run follows a whole script, called with these arguments.
func (w *walker) run(file *syntax.File, env map[string]string, args ...string) {
	st := &state{vars: maps.Clone(env), argsKnown: true}
	for _, a := range args {
		st.args = append(st.args, known(a))
	}
	w.funcs, w.loops, w.calls = map[string][]*syntax.Stmt{}, nil, nil
	w.stmts(st, file.Stmts)
}

// stmts follows statements up to one that ends the script, and returns what is
// known of the last one's success.
func (w *walker) stmts(st *state, list []*syntax.Stmt) truth {
	t := yes
	for _, s := range list {
		if st.dead || w.err != nil {
			return maybe
		}
		t = w.stmt(st, s)
	}
	return t
}

func (w *walker) stmt(st *state, s *syntax.Stmt) truth {
	w.depth++
	defer func() { w.depth-- }()
	if w.steps++; w.steps > maxSteps || w.depth > maxDepth {
		w.err = errTooMuch
		return maybe
	}
	var t truth
	call, simple := s.Cmd.(*syntax.CallExpr)
	switch {
	case simple:
		t = w.simple(st, call, s.Redirs)
	case s.Cmd == nil:
		t = w.command(st, nil, s.Redirs)
	default:
		if suffix := w.redirects(st, s.Redirs); suffix != "" {
			w.note(Command{Text: compound(s.Cmd) + suffix, Verdict: Unknown})
		}
		t = w.compound(st, s.Cmd)
	}
	if s.Background || s.Coprocess {
		return maybe
	}
	if s.Negated {
		return t.not()
	}
	return t
}

// compound stands for a command with a redirection in a text.
func compound(c syntax.Command) string {
	switch c.(type) {
	case *syntax.WhileClause:
		return "while … done"
	case *syntax.ForClause:
		return "for … done"
	case *syntax.IfClause:
		return "if … fi"
	case *syntax.CaseClause:
		return "case … esac"
	}
	return "{ … }"
}

func (w *walker) compound(st *state, c syntax.Command) truth {
	switch c := c.(type) {
	case *syntax.Block:
		return w.stmts(st, c.Stmts)
	case *syntax.Subshell:
		return w.subshell(st, c.Stmts)
	case *syntax.BinaryCmd:
		return w.binary(st, c)
	case *syntax.IfClause:
		return w.ifClause(st, c)
	case *syntax.CaseClause:
		return w.caseClause(st, c)
	case *syntax.ForClause:
		return w.forClause(st, c)
	case *syntax.WhileClause:
		return w.whileClause(st, c)
	case *syntax.FuncDecl:
		if c.Name != nil {
			w.funcs[c.Name.Value] = append(w.funcs[c.Name.Value], c.Body)
		}
		return yes
	case *syntax.DeclClause:
		for _, a := range c.Args {
			if a.Name != nil {
				w.local(st, c.Variant.Value, a.Name.Value)
				w.assign(st, a)
			}
		}
		return maybe
	case *syntax.TimeClause:
		if c.Stmt != nil {
			return w.stmt(st, c.Stmt)
		}
		return yes
	case *syntax.ArithmCmd, *syntax.LetClause, *syntax.TestClause:
		w.substitutions(st, c)
		forgetAssigned(st, c)
		return maybe
	}
	w.note(Command{Text: source(c), Verdict: Unknown})
	return maybe
}

// subshell follows commands that cannot change the state.
func (w *walker) subshell(st *state, list []*syntax.Stmt) truth {
	loops, calls := w.loops, w.calls
	w.loops, w.calls = nil, nil
	defer func() { w.loops, w.calls = loops, calls }()
	inner := st.clone()
	t := w.stmts(inner, list)
	if inner.dead {
		return maybe // "exit" sets the result
	}
	return t
}

func (w *walker) binary(st *state, c *syntax.BinaryCmd) truth {
	if c.Op != syntax.AndStmt && c.Op != syntax.OrStmt { // pipes
		w.subshell(st, []*syntax.Stmt{c.X})
		w.subshell(st, []*syntax.Stmt{c.Y})
		return maybe
	}
	x := w.stmt(st, c.X)
	if st.dead {
		return maybe
	}
	and := c.Op == syntax.AndStmt
	if and && x == no || !and && x == yes {
		return x
	}
	if x != maybe {
		return w.stmt(st, c.Y)
	}
	right := st.clone()
	y := w.stmt(right, c.Y)
	dead := right.dead
	st.become(st.clone(), right)
	switch {
	case and && dead: // "x && exit": still here means that x failed
		return no
	case dead:
		return yes
	case and:
		return x.and(y)
	}
	return x.or(y)
}

func (w *walker) ifClause(st *state, c *syntax.IfClause) truth {
	t := yes
	if len(c.Cond) > 0 { // else has none
		t = w.stmts(st, c.Cond)
	}
	if st.dead {
		return maybe
	}
	switch {
	case t == yes:
		return w.stmts(st, c.Then)
	case t == no && c.Else == nil:
		return yes
	case t == no:
		return w.ifClause(st, c.Else)
	}
	other := st.clone()
	a, b := w.stmts(st, c.Then), yes
	if c.Else != nil {
		b = w.ifClause(other, c.Else)
	}
	return w.join(st, other, a, b)
}

// join makes st what is known where it and other meet, and returns what is
// known of the result.
func (w *walker) join(st, other *state, a, b truth) truth {
	t := either(a, b)
	if st.dead {
		t = b
	} else if other.dead {
		t = a
	}
	st.become(st.clone(), other)
	return t
}

func (w *walker) caseClause(st *state, c *syntax.CaseClause) truth {
	word := w.text(st, c.Word)
	if st.dead {
		return maybe
	}
	after, t := &state{dead: true}, maybe
	first := true
	arm := func(s *state, result truth) {
		if first {
			after, t, first = s, result, false
			return
		}
		t = w.join(after, s, t, result)
	}
	for _, item := range c.Items {
		matches := no
		for _, p := range item.Patterns {
			re, ok := w.pattern(st, p)
			switch {
			case ok && word.known:
				matches = matches.or(truthOf(re.MatchString(word.text)))
			case ok && re.MatchString("") && re.MatchString("any text at all") && re.MatchString("\x01"):
				matches = yes // it is "*"
			default:
				matches = matches.or(maybe)
			}
		}
		if item.Op != syntax.Break && matches != no {
			// ;& goes on with the next arm, ;;& with the next match.
			matches, word = maybe, unknown(word.text)
			clear(st.vars)
		}
		if matches == no {
			continue
		}
		inner := st.clone()
		arm(inner, w.stmts(inner, item.Stmts))
		if matches == yes {
			*st = *after
			return t
		}
	}
	arm(st.clone(), yes)
	*st = *after
	return t
}

// iterate follows the body of a loop once, in st.
func (w *walker) iterate(st *state, e *exits, body func()) {
	w.loops = append(w.loops, e)
	body()
	w.loops = w.loops[:len(w.loops)-1]
	for _, s := range e.continued {
		st.become(st.clone(), s)
	}
	e.continued = nil
}

// leave makes st what is known after a loop.
func (e *exits) leave(st *state) {
	for _, s := range e.broken {
		st.become(st.clone(), s)
	}
}

func (w *walker) forClause(st *state, c *syntax.ForClause) truth {
	e := &exits{}
	iter, ok := c.Loop.(*syntax.WordIter)
	if !ok || iter.Name == nil { // for ((;;))
		w.substitutions(st, c.Loop)
		forgetAssigned(st, c.Loop)
		w.repeat(st, e, func() truth { return maybe }, c.Do)
		return maybe
	}
	words := st.args
	countable := st.argsKnown
	if iter.InPos.IsValid() {
		words = w.fields(st, iter.Items)
		countable = true
	}
	for _, v := range words {
		// An unquoted word that is not known may be many, or none.
		countable = countable && v.known && !strings.ContainsAny(v.text, "*?[")
	}
	if !countable || len(words) > maxLoop {
		delete(st.vars, iter.Name.Value)
		w.repeat(st, e, func() truth { delete(st.vars, iter.Name.Value); return maybe }, c.Do)
		return maybe
	}
	for _, v := range words {
		st.set(iter.Name.Value, v)
		w.iterate(st, e, func() { w.stmts(st, c.Do) })
		if st.dead || w.err != nil {
			break
		}
	}
	e.leave(st)
	return maybe
}

func (w *walker) whileClause(st *state, c *syntax.WhileClause) truth {
	w.repeat(st, &exits{}, func() truth {
		t := w.stmts(st, c.Cond)
		if c.Until {
			return t.not()
		}
		return t
	}, c.Do)
	return maybe
}

// repeat follows a loop until another iteration would teach nothing: what is
// known only becomes less. cond is evaluated in st.
func (w *walker) repeat(st *state, e *exits, cond func() truth, body []*syntax.Stmt) {
	for range 10 {
		before := st.clone()
		t := yes
		w.iterate(st, e, func() { t = cond() })
		if st.dead || t == no || w.err != nil {
			e.leave(st)
			return
		}
		after := st.clone() // the loop may end here
		w.iterate(st, e, func() { w.stmts(st, body) })
		st.become(st.clone(), before)
		if st.equal(before) {
			*st = *after
			st.dead = t == yes // an endless loop, but for break
			e.leave(st)
			return
		}
	}
	w.err = errTooMuch
}

// call follows a function.
func (w *walker) call(st *state, bodies []*syntax.Stmt, args []value) truth {
	e := &exits{locals: map[string]value{}}
	w.calls = append(w.calls, e)
	loops := w.loops
	w.loops = nil
	saved, savedKnown := st.args, st.argsKnown
	st.args, st.argsKnown = args, true
	for _, a := range args {
		st.argsKnown = st.argsKnown && (a.known || !strings.HasPrefix(a.text, "$@") && !strings.HasPrefix(a.text, "$*"))
	}
	var after *state
	t := maybe
	for _, body := range bodies {
		inner := st.clone()
		result := w.stmt(inner, body)
		if after == nil {
			after, t = inner, result
			continue
		}
		t = w.join(after, inner, t, result)
	}
	*st = *after
	for i, s := range e.returned {
		t = w.join(st, s, t, e.results[i])
	}
	w.calls, w.loops = w.calls[:len(w.calls)-1], loops
	st.args, st.argsKnown = saved, savedKnown
	for name, v := range e.locals {
		st.set(name, v)
	}
	return t
}

// local remembers a variable's value for the end of the function.
func (w *walker) local(st *state, how, name string) {
	if how == "export" || how == "readonly" {
		return
	}
	if len(w.calls) > 0 {
		if e := w.calls[len(w.calls)-1]; !e.has(name) {
			e.locals[name], _ = st.get(name)
		}
	}
	delete(st.vars, name)
}

func (e *exits) has(local string) bool {
	_, ok := e.locals[local]
	return ok
}

func (w *walker) assign(st *state, a *syntax.Assign) {
	if a.Name == nil {
		return
	}
	name := a.Name.Value
	if a.Array != nil || a.Index != nil || a.Naked {
		w.substitutions(st, a)
		delete(st.vars, name)
		return
	}
	v := w.text(st, a.Value)
	if a.Append {
		old, _ := st.get(name)
		v = value{old.text + v.text, old.known && v.known}
	}
	st.set(name, v)
}

// redirects returns how the files that a command writes to are written after
// it: nothing, if none of them would be in an image.
func (w *walker) redirects(st *state, list []*syntax.Redirect) string {
	var suffix, here strings.Builder
	for _, r := range list {
		target := w.text(st, r.Word)
		switch r.Op {
		case syntax.RdrIn, syntax.DplIn, syntax.WordHdoc:
			continue
		case syntax.Hdoc, syntax.DashHdoc:
			if r.Hdoc != nil {
				w.text(st, r.Hdoc)
				sum := sha256.Sum256([]byte(source(r.Hdoc)))
				here.WriteString(" <<" + hex.EncodeToString(sum[:4]))
			}
			continue
		case syntax.DplOut:
			if _, err := strconv.Atoi(strings.TrimSuffix(target.text, "-")); err == nil || target.text == "-" {
				continue
			}
		}
		if target.known && lost(target.text) {
			continue
		}
		suffix.WriteString(" " + r.Op.String() + " " + render([]value{target}))
	}
	if suffix.Len() == 0 {
		return ""
	}
	return suffix.String() + here.String()
}

// note remembers a command, once.
func (w *walker) note(c Command) {
	if len(w.noted) == maxNoted {
		w.err = errTooMuch
		return
	}
	if !w.noted[c.Text] {
		w.noted[c.Text] = true
		w.commands = append(w.commands, c)
	}
}
