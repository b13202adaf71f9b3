package stricttoml

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decoder fills a struct from the tree.
type decoder struct {
	doc   *Document
	homes map[string][]string // the tables that have a key of that name
	meant map[string]bool     // keys that are there, but misspelt or in the wrong table
}

func decode(d *Document, root *node, v any) {
	rv := reflect.ValueOf(v).Elem()
	homes := map[string][]string{}
	addHomes(homes, rv.Type(), "")
	(&decoder{d, homes, map[string]bool{}}).table(root, rv, "", "")
}

// table fills a struct. path is where it is in the document ("files[0]"), name
// what it is called in the documentation ("files").
func (d *decoder) table(n *node, v reflect.Value, path, name string) {
	fields := fieldsOf(v.Type())
	for _, k := range n.names {
		child := n.members[k]
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == k })
		if i < 0 {
			d.unknown(k, child, fields, path, name)
			continue
		}
		f := fields[i]
		d.value(child, v.Field(f.index), f, dotted(path, k), dotted(name, k))
	}
	if d.doc.broken {
		return
	}
	for _, f := range fields {
		if n.members[f.name] == nil {
			d.missing(f, n.place.any(), path, dotted(name, f.name))
		}
	}
}

// missing reports a required key that is not there, or those of a table that
// is not there.
func (d *decoder) missing(f field, at span, path, name string) {
	if !f.need() || d.meant[name] {
		return
	}
	if !f.required {
		for _, inner := range fieldsOf(f.typ) {
			d.missing(inner, at, dotted(path, f.name), dotted(name, inner.name))
		}
		return
	}
	example := f.name + " = " + d.doc.docs[name].Example
	switch {
	case path == "":
		d.doc.fail(span{}, fmt.Sprintf("missing key %q", f.name), "add "+example+" before the first [table]")
	case at.empty():
		d.doc.fail(span{}, fmt.Sprintf("missing key %q in [%s]", f.name, path), fmt.Sprintf("add [%s] with %s", path, example))
	default:
		d.doc.fail(at, fmt.Sprintf("missing key %q in %s", f.name, heading(path)), "add "+example)
	}
}

// unknown reports a key that there is none of, with the one that was probably
// meant.
func (d *decoder) unknown(k string, n *node, fields []field, path, name string) {
	what, where := fmt.Sprintf("key %q", k), ""
	if n.header || n.kind == arrayKind && n.open {
		what = fmt.Sprintf("table [%s]", dotted(path, k))
	} else if path != "" {
		where = " in " + heading(path)
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	hint := "there is " + enumerate(names)
	if meant := nearest(k, names); meant != "" {
		hint = fmt.Sprintf("did you mean %q?", meant)
		d.meant[dotted(name, meant)] = true
	} else if homes := d.homes[k]; len(homes) == 1 {
		hint = fmt.Sprintf("%q belongs in %s", k, heading(homes[0]))
		if homes[0] == "" {
			hint = fmt.Sprintf("%q belongs at the top of the file, before the first [table]", k)
		}
		d.meant[dotted(strings.TrimSuffix(homes[0], "[]"), k)] = true
	}
	d.doc.fail(n.place.key, "unknown "+what+where, hint)
}

// value sets one Go value and reports whether it could.
func (d *decoder) value(n *node, v reflect.Value, f field, path, name string) bool {
	d.doc.places[path] = n.place
	kinds := accepts(v.Type())
	if !slices.Contains(kinds, n.kind) {
		d.wrongKind(n, v.Type(), kinds, path, name)
		return false
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	var err error
	target := v.Addr().Interface()
	switch {
	case n.kind == tableKind:
		d.table(n, v, path, name)
		return true
	case n.kind == arrayKind:
		return d.list(n, v, f, path, name)
	case n.kind == booleanKind:
		v.SetBool(n.text == "true")
	case n.kind == integerKind:
		err = setInteger(v, target, n.text)
	default:
		err = setString(v, target, n.text)
	}
	if check, ok := target.(Validator); ok && err == nil {
		err = check.Validate()
	}
	if err != nil {
		v.SetZero()
		message, hint := messageAndHint(err)
		d.doc.Report(path, fmt.Sprintf("%s: %s", label(path), message), hint)
	}
	return err == nil
}

func (d *decoder) wrongKind(n *node, t reflect.Type, kinds []kind, path, name string) {
	var want []string
	for _, k := range kinds {
		want = append(want, k.String())
	}
	key := name[strings.LastIndexByte(name, '.')+1:]
	hint, written := "", string(d.doc.data[n.place.value.start:n.place.value.end])
	switch {
	case isTables(t) && n.kind == tableKind:
		hint = fmt.Sprintf("write [[%s]], once for each", path)
	case kinds[0] == tableKind && n.kind == arrayKind && n.open:
		hint = fmt.Sprintf("write [%s]", path)
	case strings.HasSuffix(path, "]"):
	case slices.Equal(kinds, []kind{stringKind}) && (n.kind == integerKind || n.kind == floatKind):
		hint = fmt.Sprintf("write %s = %q", key, written)
	case kinds[0] == arrayKind && n.kind == stringKind && len(strings.Fields(written)) == 1:
		hint = fmt.Sprintf("write %s = [%s]", key, written)
	case d.doc.docs[name].Example != "":
		hint = fmt.Sprintf("for example %s = %s", key, d.doc.docs[name].Example)
	}
	what := label(path)
	if strings.HasSuffix(path, "]") {
		what = "an element of " + what
	}
	d.doc.Report(path, fmt.Sprintf("%s must be %s, not %s", what, strings.Join(want, " or "), n.kind), hint)
}

// list fills a slice. Elements that are wrong stay zero, so that the others
// keep their numbers. What is listed twice is a mistake in every list there is.
func (d *decoder) list(n *node, v reflect.Value, f field, path, name string) bool {
	if f.nonempty && len(n.items) == 0 {
		d.doc.Report(path, fmt.Sprintf("%s must not be empty", label(path)), fmt.Sprintf("for example %s = %s", f.name, d.doc.docs[name].Example))
		return false
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	seen := map[string]*node{}
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !d.value(item, v.Index(i), field{}, at, name) || item.kind == tableKind {
			continue
		}
		if before := seen[item.text]; before != nil {
			line, _ := position(d.doc.data, before.place.value.start)
			d.doc.Report(at, fmt.Sprintf("%s has %q twice", label(path), item.text), fmt.Sprintf("it is first on line %d", line))
		}
		seen[item.text] = item
	}
	return true
}

func setString(v reflect.Value, target any, text string) error {
	if u, ok := target.(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if values := enumOf(v.Type()); values != nil && !slices.Contains(values, text) {
		hint := "it can be " + enumerate(values)
		meant := nearest(text, values)
		if a, ok := target.(Aliased); ok && a.Aliases()[text] != "" {
			meant = a.Aliases()[text]
		}
		if meant != "" {
			hint = fmt.Sprintf("did you mean %q?", meant)
		}
		return Hint(fmt.Sprintf("there is no %q", text), hint)
	}
	v.SetString(text)
	return nil
}

func setInteger(v reflect.Value, target any, text string) error {
	// Base 0 reads TOML's prefixes and underscores; TOML has no octal numbers
	// by leading zero, which the parser has refused.
	i, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return fmt.Errorf("%s is too large", text)
	}
	if u, ok := target.(IntegerUnmarshaler); ok {
		return u.UnmarshalInteger(i)
	}
	switch {
	case v.CanInt() && !v.OverflowInt(i):
		v.SetInt(i)
	case v.CanUint() && i >= 0 && !v.OverflowUint(uint64(i)):
		v.SetUint(uint64(i))
	case i < 0:
		return fmt.Errorf("%s is less than 0", text)
	default:
		return fmt.Errorf("%s is too large", text)
	}
	return nil
}

// label is a path for people: the number of a list's element helps nobody who
// sees the element.
func label(path string) string {
	for strings.HasSuffix(path, "]") {
		path = parent(path)
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

// heading is a table as it is written: files[0] → [[files]].
func heading(path string) string {
	if i := strings.IndexByte(path, '['); i >= 0 {
		return "[[" + path[:i] + "]]"
	}
	return "[" + path + "]"
}

func dotted(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
