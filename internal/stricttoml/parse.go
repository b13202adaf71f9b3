package stricttoml

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// parser turns go-toml's expressions into a tree of nodes.
type parser struct {
	doc     *Document
	toml    unstable.Parser
	base    int // where in the document the part begins that toml reads
	root    *node
	current *node // the table of the last header
}

// key is one element of a dotted key.
type key struct {
	name string
	at   span
}

// parse reads the whole document. v tells which tables there may be: after a
// syntax error it goes on at the next header of one of them.
func parse(d *Document, v any) *node {
	p := &parser{doc: d, root: newTable(place{})}
	p.current = p.root
	known := map[string]bool{}
	for _, f := range fieldsOf(reflect.TypeOf(v).Elem()) {
		known[f.name] = true
	}
	for p.base >= 0 {
		part := d.data[p.base:]
		p.toml.Reset(part)
		for p.toml.NextExpression() {
			p.expression(p.toml.Expression())
		}
		err := p.toml.Error()
		if err == nil {
			break
		}
		at := span{p.base, p.base + 1}
		var perr *unstable.ParserError
		if errors.As(err, &perr) {
			// A highlight is a slice of the input, so what is left of its
			// capacity tells where it begins.
			at.start = min(p.base+cap(part)-cap(perr.Highlight), len(d.data)-1)
			at.end = max(at.start+len(perr.Highlight), at.start+1)
		}
		if delimiter := unterminated(err.Error()); delimiter != "" {
			// It ends nowhere, so its beginning is the last one there is.
			at.start = bytes.LastIndex(d.data, []byte(delimiter))
			at.end = at.start + len(delimiter)
		}
		message, hint := "invalid TOML: "+err.Error(), syntaxHint(err.Error())
		p.base = d.resume(p.base, at.start, known)
		if p.base >= 0 && p.base <= at.start {
			message, hint = "invalid TOML: a list is not closed before this table", "a list ends with ]"
		}
		p.syntax(at, message, hint)
		d.broken = true
	}
	return p.root
}

// unterminated returns the delimiter of the string that is not terminated.
func unterminated(message string) string {
	for _, delimiter := range []string{`"""`, "'''"} {
		if strings.HasSuffix(message, "not terminated by "+delimiter) {
			return delimiter
		}
	}
	return ""
}

var headerLine = regexp.MustCompile(`^\s*(?:\[([^\[\]]+)\]|\[\[([^\[\]]+)\]\])\s*(?:#.*)?$`)

// resume finds the header of a known table at or after the error, or -1. Any
// other place could be inside a string or list whose end the error hides, and
// everything from there on would be a false alarm.
func (d *Document) resume(base, after int, known map[string]bool) int {
	begin := bytes.LastIndexByte(d.data[:after], '\n') + 1
	for begin < len(d.data) {
		line, _, _ := bytes.Cut(d.data[begin:], []byte("\n"))
		if m := headerLine.FindSubmatch(line); m != nil && begin > base {
			first, _, _ := strings.Cut(string(m[1])+string(m[2]), ".")
			if known[strings.TrimSpace(first)] {
				return begin
			}
		}
		begin += len(line) + 1
	}
	return -1
}

func syntaxHint(message string) string {
	switch {
	case strings.Contains(message, "at start of value"), strings.Contains(message, "expected keyword"), strings.Contains(message, "must be quoted"):
		return `strings are written in quotes: "text"`
	case strings.Contains(message, "leading zero"):
		return `write it in quotes if it is a file mode: "0644"`
	case strings.Contains(message, "after array value"), strings.Contains(message, "array is incomplete"):
		return "elements of a list are separated by commas, and a list ends with ]"
	}
	return ""
}

// checkGrammar lets go-toml judge a document that nothing was found wrong
// with: it knows rules about redefined tables that the tree above does not.
func (d *Document) checkGrammar() {
	var ignored map[string]any
	err := toml.Unmarshal(d.data, &ignored)
	var derr *toml.DecodeError
	if !errors.As(err, &derr) {
		return
	}
	line, column := derr.Position()
	start := 0
	for range line - 1 {
		start += bytes.IndexByte(d.data[start:], '\n') + 1
	}
	start += column - 1
	d.fail(span{start, start + 1}, "invalid TOML: "+strings.TrimPrefix(derr.Error(), "toml: "), "").syntax = true
}

func (p *parser) syntax(at span, message, hint string) {
	p.doc.fail(at, message, hint).syntax = true
}

func (p *parser) expression(e *unstable.Node) {
	switch e.Kind {
	case unstable.KeyValue:
		p.assign(p.current, e)
	case unstable.Table, unstable.ArrayTable:
		p.header(p.keys(e), e.Kind == unstable.ArrayTable)
	}
}

func (p *parser) keys(e *unstable.Node) []key {
	var keys []key
	for it := e.Key(); it.Next(); {
		keys = append(keys, key{string(it.Node().Data), p.span(it.Node().Raw)})
	}
	return keys
}

func (p *parser) span(r unstable.Range) span {
	start := p.base + int(r.Offset)
	return span{start, start + int(r.Length)}
}

// header makes the table of a [header] or [[header]] the current one. After an
// error that is one apart from the tree, so that its keys do no harm.
func (p *parser) header(keys []key, array bool) {
	parentTable, last := p.descend(p.root, keys), keys[len(keys)-1]
	p.current = newTable(place{key: last.at})
	p.current.header = true
	if parentTable == nil {
		return
	}
	child := parentTable.members[last.name]
	switch {
	case child == nil && array:
		list := &node{kind: arrayKind, place: place{key: last.at}, open: true, items: []*node{p.current}}
		parentTable.put(last.name, list)
	case child == nil:
		parentTable.put(last.name, p.current)
	case array && child.kind == arrayKind && child.open:
		child.items = append(child.items, p.current)
	case !array && child.kind == tableKind && child.open:
		if child.header {
			p.syntax(last.at, fmt.Sprintf("table [%s] is there twice", join(keys)), p.first(child))
		}
		child.header = true
		p.current = child
	default:
		p.syntax(last.at, fmt.Sprintf("%q is already %s", join(keys), child.kind), p.first(child))
	}
}

// descend follows all but the last element of a key, and makes the tables on
// the way. It returns nil after an error.
func (p *parser) descend(t *node, keys []key) *node {
	for i, k := range keys[:len(keys)-1] {
		child := t.members[k.name]
		switch {
		case child == nil:
			child = t.put(k.name, newTable(place{key: k.at}))
		case child.kind == arrayKind && child.open:
			child = child.items[len(child.items)-1]
		case child.kind != tableKind || !child.open:
			p.syntax(k.at, fmt.Sprintf("%q is already %s", join(keys[:i+1]), child.kind), p.first(child))
			return nil
		}
		t = child
	}
	return t
}

// assign adds a key and its value to a table.
func (p *parser) assign(t *node, e *unstable.Node) {
	keys := p.keys(e)
	last := keys[len(keys)-1]
	if t = p.descend(t, keys); t == nil {
		return
	}
	if child := t.members[last.name]; child != nil {
		p.syntax(last.at, fmt.Sprintf("key %q is there twice", join(keys)), p.first(child))
		return
	}
	// go-toml does not say where lists and inline tables are: they fill what
	// is left of the expression after the equals sign.
	value := span{last.at.end, p.span(e.Raw).end}
	value.start += bytes.IndexByte(p.doc.data[value.start:value.end], '=') + 1
	value.start = value.end - len(bytes.TrimLeft(p.doc.data[value.start:value.end], " \t"))
	n := p.value(e.Value(), value)
	n.place.key = last.at
	t.put(last.name, n)
}

var kinds = map[unstable.Kind]kind{
	unstable.String: stringKind, unstable.Integer: integerKind, unstable.Float: floatKind, unstable.Bool: booleanKind,
	unstable.LocalDate: timeKind, unstable.LocalTime: timeKind, unstable.LocalDateTime: timeKind, unstable.DateTime: timeKind,
	unstable.Array: arrayKind, unstable.InlineTable: tableKind,
}

func (p *parser) value(e *unstable.Node, at span) *node {
	n := &node{kind: kinds[e.Kind], text: string(e.Data), place: place{value: at}}
	switch n.kind {
	case arrayKind:
		for it := e.Children(); it.Next(); {
			itemAt := at // a list in a list: go-toml does not say where it is
			if it.Node().Raw.Length > 0 {
				itemAt = p.span(it.Node().Raw)
			}
			n.items = append(n.items, p.value(it.Node(), itemAt))
		}
	case tableKind:
		t := newTable(n.place)
		for it := e.Children(); it.Next(); {
			p.assign(t, it.Node())
		}
		t.open = false
		return t
	}
	return n
}

func (p *parser) first(n *node) string {
	at := n.place.key
	if n.kind == arrayKind && n.open {
		at = n.items[0].place.key
	}
	line, _ := position(p.doc.data, at.start)
	return fmt.Sprintf("it is first on line %d", line)
}

func join(keys []key) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return strings.Join(names, ".")
}
