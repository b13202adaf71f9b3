package stricttoml

import (
	"encoding"
	"reflect"
	"strings"
)

// field is a struct field that is a key.
type field struct {
	name     string
	index    int
	required bool
	nonempty bool // a list with at least one element
	typ      reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	var list []field
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("toml")
		if !ok {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		f := field{name: name, index: i, typ: t.Field(i).Type}
		for _, o := range strings.Split(options, ",") {
			f.required = f.required || o == "required"
			f.nonempty = f.nonempty || o == "nonempty"
		}
		list = append(list, f)
	}
	return list
}

// need tells whether a document without the key is wrong: because it is
// required, or because it is a table in which something is.
func (f field) need() bool {
	if f.required || f.typ.Kind() != reflect.Struct {
		return f.required
	}
	for _, inner := range fieldsOf(f.typ) {
		if inner.need() {
			return true
		}
	}
	return false
}

// elem is the type below pointers.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// isTables tells whether the type is written as [[tables]].
func isTables(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && elem(t.Elem()).Kind() == reflect.Struct
}

// accepts lists the kinds that a value of the type may be written as.
func accepts(t reflect.Type) []kind {
	t = elem(t)
	zero := reflect.New(t).Interface()
	if _, ok := zero.(encoding.TextUnmarshaler); ok {
		if _, ok := zero.(IntegerUnmarshaler); ok {
			return []kind{stringKind, integerKind}
		}
		return []kind{stringKind}
	}
	switch t.Kind() {
	case reflect.Struct:
		return []kind{tableKind}
	case reflect.Slice:
		return []kind{arrayKind}
	case reflect.Bool:
		return []kind{booleanKind}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return []kind{integerKind}
	case reflect.String:
		return []kind{stringKind}
	}
	panic("stricttoml: no TOML value can be a " + t.String())
}

// enumOf returns the values of an Enum, else nil.
func enumOf(t reflect.Type) []string {
	if e, ok := reflect.New(elem(t)).Interface().(Enum); ok {
		return e.Enum()
	}
	return nil
}

// addHomes notes for each key the tables that have it, those of a list as
// "name[]".
func addHomes(homes map[string][]string, t reflect.Type, table string) {
	for _, f := range fieldsOf(t) {
		homes[f.name] = append(homes[f.name], table)
		switch {
		case f.typ.Kind() == reflect.Struct:
			addHomes(homes, f.typ, dotted(table, f.name))
		case isTables(f.typ):
			addHomes(homes, elem(f.typ.Elem()), dotted(table, f.name)+"[]")
		}
	}
}
