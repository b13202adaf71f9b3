package kconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// isKeyword says whether a word cannot be the name of a variable.
func isKeyword(s string) bool {
	switch s {
	case "bool", "choice", "comment", "config", "def_bool", "def_tristate", "default", "depends", "endchoice", "endif",
		"endmenu", "help", "hex", "if", "imply", "int", "mainmenu", "menu", "menuconfig", "modules", "on", "prompt",
		"range", "select", "source", "string", "tristate", "visible":
		return true
	}
	return false
}

// Bounds against files that source each other without end, and a report of
// which nobody reads the end.
const (
	mostFiles  = 20_000
	mostErrors = 50
)

// A parser reads files into a source. Attribute lines (depends on, default)
// belong to what was begun last: one of definition and block, or neither, such
// as after a comment, of which nobody needs to know.
type parser struct {
	source     *Source
	macros     *macros
	scope      *scope
	definition *definition
	block      *scope // a menu or choice without content yet
	ignore     bool   // a comment or mainmenu: its attributes say nothing about symbols
	open       []string
	files      int
	errs       []error
}

func (p *parser) fail(at Position, format string, args ...any) {
	if len(p.errs) < mostErrors {
		p.errs = append(p.errs, fmt.Errorf("%s: %w", at, fmt.Errorf(format, args...)))
	}
}

// file reads a file and what it sources. Blocks end in the file they begin in.
func (p *parser) file(name string, from Position) {
	data, err := fs.ReadFile(p.source.fsys, name)
	if err != nil {
		p.fail(from, "source: %w", err)
		return
	}
	if p.files++; p.files > mostFiles || slices.Contains(p.open, name) {
		p.fail(from, "source: %s is read without end", name)
		return
	}
	p.open = append(p.open, name)
	outer := p.scope
	p.begin(&scope{kind: "file", at: Position{name, 1}})
	body := p.scope
	sc := &scanner{file: name, data: string(data), line: 1, macros: p.macros}
	sc.fail = func(line int, format string, args ...any) { p.fail(Position{name, line}, format, args...) }
	for {
		st, ok := sc.next()
		if !ok {
			break
		}
		at := Position{name, st.line}
		if err := p.statement(sc, st, at); err != nil {
			p.fail(at, "%w", err)
		}
	}
	for ; p.scope != body; p.scope = p.scope.parent {
		p.fail(p.scope.at, "%s has no end", p.scope.kind)
	}
	p.begin(nil)
	p.scope = outer
	p.open = p.open[:len(p.open)-1]
}

// begin ends what attributes belong to, and enters a scope if there is one.
func (p *parser) begin(s *scope) {
	p.definition, p.block, p.ignore = nil, nil, false
	if s != nil {
		s.parent = p.scope
		p.scope = s
	}
}

func (p *parser) statement(sc *scanner, st statement, at Position) error {
	t := st.tokens
	if st.assign {
		return p.macros.assign(t[0].text, t[1].text, st.value, at.String())
	}
	first := t[0]
	rest := t[1:]
	if first.unknown {
		return fmt.Errorf("a statement cannot be a macro: %s", first.text)
	}
	switch {
	case first.is("config"), first.is("menuconfig"):
		return p.config(rest, at)
	case first.is("menu"):
		p.begin(&scope{kind: "menu", at: at})
		p.block = p.scope
		return nil
	case first.is("choice"):
		p.begin(&scope{kind: "choice", at: at, choice: &choice{}})
		p.block = p.scope
		return nil
	case first.is("if"):
		e, err := rest.whole()
		p.begin(&scope{kind: "if", at: at, depends: []*expr{e}})
		return err
	case first.is("endmenu"), first.is("endchoice"), first.is("endif"):
		return p.end(first.text[len("end"):])
	case first.is("comment"), first.is("mainmenu"):
		p.begin(nil)
		p.ignore = true
		return nil
	case first.is("source"), first.is("rsource"), first.is("osource"), first.is("orsource"):
		p.begin(nil)
		return p.include(first.text, rest, at)
	case first.is("help"), first.is("---help---"):
		text := sc.help()
		if p.definition != nil {
			p.definition.help = text
		}
		return nil
	}
	return p.attribute(first, rest, at)
}

// whole reads an expression that is all there is left.
func (t tokens) whole() (*expr, error) {
	e, err := t.expression()
	if err == nil && len(t) > 0 {
		err = fmt.Errorf("unexpected %q", t[0].text)
	}
	return e, err
}

func (p *parser) end(kind string) error {
	p.begin(nil)
	if p.scope.kind != kind {
		return fmt.Errorf("end%s inside of a %s that begins at %s", kind, p.scope.kind, p.scope.at)
	}
	p.scope = p.scope.parent
	return nil
}

func (p *parser) config(t tokens, at Position) error {
	p.begin(nil)
	if len(t) != 1 || t[0].kind != wordToken || t[0].unknown || isTristate(t[0].text) {
		p.ignore = true
		return errors.New("config needs the name of a symbol")
	}
	s := p.symbol(t[0].text)
	p.definition = &definition{symbol: s, at: at, scope: p.scope}
	s.definitions = append(s.definitions, p.definition)
	for sc := p.scope; sc != nil; sc = sc.parent {
		if sc.choice != nil {
			if !slices.Contains(sc.choice.members, s) {
				sc.choice.members = append(sc.choice.members, s)
			}
			break
		}
	}
	return nil
}

func (p *parser) symbol(name string) *symbol {
	s := p.source.symbols[name]
	if s == nil {
		s = &symbol{name: name}
		p.source.symbols[name] = s
	}
	return s
}

// include does source and the forms that other projects have: r for a path
// from the file's own directory, o for a file that need not exist.
func (p *parser) include(keyword string, t tokens, at Position) error {
	if len(t) != 1 || t[0].kind == operatorToken {
		return errors.New("source needs one path")
	}
	if t[0].unknown {
		return fmt.Errorf("source %s: not known without make", t[0].text)
	}
	name := path.Clean(t[0].text)
	if keyword == "rsource" || keyword == "orsource" {
		name = path.Join(path.Dir(at.File), name)
	}
	if keyword == "osource" || keyword == "orsource" {
		if _, err := fs.Stat(p.source.fsys, name); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	p.file(name, at)
	return nil
}

// attribute reads a line inside of config, menu or choice.
func (p *parser) attribute(first token, t tokens, at Position) error {
	switch {
	case p.ignore:
		return nil
	case p.definition != nil:
		return p.configAttribute(first, t, at)
	case p.block != nil:
		return p.blockAttribute(first, t)
	}
	return fmt.Errorf("unexpected %q", first.text)
}

func (p *parser) blockAttribute(first token, t tokens) error {
	b := p.block
	switch {
	case first.is("depends"):
		return dependsOn(&b.depends, t)
	case first.is("visible"):
		e, err := t.condition()
		b.visible = append(b.visible, e)
		return err
	case b.choice != nil && (first.is("prompt") || first.is("bool") || first.is("tristate")):
		if len(t) == 0 && !first.is("prompt") {
			return nil
		}
		var err error
		b.choice.prompt, err = readPrompt(t)
		return err
	case b.choice != nil && (first.is("default") || first.is("optional")):
		return nil // which member is chosen is read in the final configuration
	}
	return fmt.Errorf("unexpected %q in a %s", first.text, b.kind)
}

func dependsOn(to *[]*expr, t tokens) error {
	if !t.accept("on") {
		return errors.New("expected depends on")
	}
	e, err := t.expression()
	if err != nil {
		return err
	}
	when, err := t.condition()
	if err != nil {
		return err
	}
	if when != nil { // since Linux 7.0
		e = &expr{op: opOr, left: e, right: isNo(when)}
	}
	*to = append(*to, e)
	return nil
}

// isNo is the expression e = n, which is not !e where e is m.
func isNo(e *expr) *expr {
	compare := func(e *expr, value string) *expr {
		return &expr{op: "=", left: e, right: &expr{op: opConst, text: value}}
	}
	switch {
	case e.op == opSymbol:
		return compare(e, "n")
	case e.op == opNot && e.left.op == opSymbol:
		return compare(e.left, "y")
	case e.op == opAnd:
		return &expr{op: opOr, left: isNo(e.left), right: isNo(e.right)}
	case e.op == opOr:
		return &expr{op: opAnd, left: isNo(e.left), right: isNo(e.right)}
	}
	return &expr{op: opNot, left: e}
}

func readPrompt(t tokens) (prompt, error) {
	if len(t) == 0 || t[0].kind != quotedToken {
		return prompt{}, errors.New("a prompt needs its text in quotes")
	}
	text := t[0].text
	t = t[1:]
	when, err := t.condition()
	return prompt{text, when}, err
}

func (p *parser) configAttribute(first token, t tokens, at Position) error {
	d := p.definition
	switch first.text {
	case "bool", "tristate", "int", "hex", "string":
		d.symbol.setType(Type(first.text))
		if len(t) == 0 {
			return nil
		}
		return d.setPrompt(t)
	case "prompt":
		return d.setPrompt(t)
	case "def_bool":
		d.symbol.setType(Bool)
		return d.add(&d.symbol.defaults, t, at)
	case "def_tristate":
		d.symbol.setType(Tristate)
		return d.add(&d.symbol.defaults, t, at)
	case "default":
		return d.add(&d.symbol.defaults, t, at)
	case "depends":
		return dependsOn(&d.depends, t)
	case "select", "imply":
		return p.reverse(first.text, t, at)
	case "range":
		return d.addRange(t, at)
	case "modules":
		p.source.modules = d.symbol
		return nil
	case "transitional":
		return nil // since 6.18: an old name, read for its new one's default
	case "option":
		// Before 4.20: modules, env=, defconfig_list, allnoconfig_y.
		if len(t) > 0 && t[0].is("modules") {
			p.source.modules = d.symbol
		}
		return nil
	}
	return fmt.Errorf("unexpected %q in config %s", first.text, d.symbol.name)
}

// setType keeps the first type, as the kernel does.
func (s *symbol) setType(t Type) {
	if s.typ == NoType {
		s.typ = t
	}
}

func (d *definition) setPrompt(t tokens) error {
	pr, err := readPrompt(t)
	if err == nil {
		d.prompt = &pr
	}
	return err
}

func (d *definition) add(to *[]property, t tokens, at Position) error {
	e, err := t.expression()
	if err != nil {
		return err
	}
	when, err := t.condition()
	if err == nil {
		*to = append(*to, property{from: d, value: e, when: when, at: at})
	}
	return err
}

func (d *definition) addRange(t tokens, at Position) error {
	low, err := t.leaf()
	if err != nil {
		return err
	}
	high, err := t.leaf()
	if err != nil {
		return err
	}
	when, err := t.condition()
	if err == nil {
		d.symbol.ranges = append(d.symbol.ranges, property{from: d, value: low, high: high, when: when, at: at})
	}
	return err
}

func (p *parser) reverse(keyword string, t tokens, at Position) error {
	if len(t) == 0 || t[0].kind != wordToken || t[0].unknown {
		return fmt.Errorf("%s needs the name of a symbol", keyword)
	}
	target := p.symbol(t[0].text)
	t = t[1:]
	when, err := t.condition()
	if err != nil {
		return err
	}
	pr := property{from: p.definition, when: when, at: at}
	if keyword == "select" {
		target.selectedBy = append(target.selectedBy, pr)
	} else {
		target.impliedBy = append(target.impliedBy, pr)
	}
	return nil
}
