package stricttoml

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// A Key is a key or table as the reference describes it.
type Key struct {
	Name     string // dotted: "packages.install", "files.path"
	Type     string // "boolean", "list of unit names"; "table", "list of tables"
	Table    bool   // a table or list of tables; its keys follow
	Required bool
	Default  string // as TOML or in words; empty where there is none
	Values   []string
	Doc
}

// Keys lists all keys of v, a pointer to a struct that holds the defaults, in
// the order of the fields: those of a table before the tables in it.
func Keys(v any, docs Docs) []Key {
	return appendKeys(nil, reflect.ValueOf(v).Elem(), "", docs)
}

func appendKeys(list []Key, v reflect.Value, prefix string, docs Docs) []Key {
	for _, f := range fieldsOf(v.Type()) {
		name, value := dotted(prefix, f.name), v.Field(f.index)
		k := Key{Name: name, Type: typeName(f.typ), Required: f.need(), Values: enumOf(f.typ), Doc: docs[name]}
		if f.typ.Kind() == reflect.Slice {
			k.Values = enumOf(f.typ.Elem())
		}
		switch {
		case f.typ.Kind() == reflect.Struct:
			k.Table = true
			list = appendKeys(append(list, k), value, name, docs)
		case isTables(f.typ):
			k.Table = true
			list = appendKeys(append(list, k), reflect.Zero(elem(f.typ.Elem())), name, docs)
		default:
			k.Default = k.Doc.Default
			if v := plain(value); k.Default == "" && !f.required && v != nil {
				k.Default = "`" + literal(v) + "`"
			}
			list = append(list, k)
		}
	}
	return list
}

// typeName is what documentation calls a type.
func typeName(t reflect.Type) string {
	t = elem(t)
	if d, ok := reflect.New(t).Interface().(Described); ok {
		name, _ := d.TOMLType()
		return name
	}
	switch accepts(t)[0] {
	case tableKind:
		return "table"
	case arrayKind:
		name := typeName(t.Elem())
		if strings.HasSuffix(name, "s") {
			name += "e"
		}
		return "list of " + name + "s"
	case booleanKind:
		return "boolean"
	case integerKind:
		return "whole number"
	}
	return "string"
}

// Map returns the values of v, a struct or a pointer to one, under their key
// names, as encoding/json would decode them but with whole numbers as int64.
// Pointers that are nil are left out.
func Map(v any) map[string]any {
	m, _ := plain(reflect.Indirect(reflect.ValueOf(v))).(map[string]any)
	return m
}

func plain(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := text.MarshalText(); err == nil {
			return string(b)
		}
	}
	switch {
	case v.Kind() == reflect.Struct:
		m := map[string]any{}
		for _, f := range fieldsOf(v.Type()) {
			if value := plain(v.Field(f.index)); value != nil {
				m[f.name] = value
			}
		}
		return m
	case v.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case v.Kind() == reflect.Bool:
		return v.Bool()
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint())
	}
	return v.String()
}

// literal writes what plain returns as TOML.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = literal(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprint(v)
}
