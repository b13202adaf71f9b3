package stricttoml

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/pelletier/go-toml/v2"
)

// JSONSchema describes the documents that v can be read from, in JSON Schema
// draft 2020-12. It says all that a schema can say; rules between keys that
// are not in a type's own schema are left to [Decode] and its caller.
func JSONSchema(v any, docs Docs) ([]byte, error) {
	s, err := objectSchema(reflect.ValueOf(v).Elem(), "", docs)
	if err != nil {
		return nil, err
	}
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	if text := docs[""].Text; text != "" {
		s["description"] = text
	}
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

func objectSchema(v reflect.Value, name string, docs Docs) (map[string]any, error) {
	properties, required := map[string]any{}, []string{}
	for _, f := range fieldsOf(v.Type()) {
		key := dotted(name, f.name)
		s, err := fieldSchema(f, v.Field(f.index), key, docs)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", key, err)
		}
		properties[f.name] = s
		if f.need() {
			required = append(required, f.name)
		}
	}
	s := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	describe(s, v.Type())
	return s, nil
}

func fieldSchema(f field, v reflect.Value, key string, docs Docs) (s map[string]any, err error) {
	switch {
	case f.typ.Kind() == reflect.Struct:
		s, err = objectSchema(v, key, docs)
	case isTables(f.typ):
		var items map[string]any
		items, err = objectSchema(reflect.Zero(elem(f.typ.Elem())), key, docs)
		s = map[string]any{"type": "array", "items": items}
	case f.typ.Kind() == reflect.Slice:
		s = map[string]any{"type": "array", "items": scalarSchema(f.typ.Elem()), "uniqueItems": true}
		if f.nonempty {
			s["minItems"] = 1
		}
	default:
		s = scalarSchema(f.typ)
	}
	if err != nil {
		return nil, err
	}
	doc := docs[key]
	s["description"] = doc.Text
	if value := plain(v); value != nil && !f.required && doc.Default == "" && f.typ.Kind() != reflect.Struct && !isTables(f.typ) {
		s["default"] = value
	}
	if doc.Example != "" {
		var example map[string]any
		if err := toml.Unmarshal([]byte("example = "+doc.Example), &example); err != nil {
			return nil, fmt.Errorf("its example: %w", err)
		}
		s["examples"] = []any{example["example"]}
	}
	return s, nil
}

// scalarSchema describes a value that is no table and no list.
func scalarSchema(t reflect.Type) map[string]any {
	names := map[kind]string{stringKind: "string", integerKind: "integer", booleanKind: "boolean"}
	kinds := accepts(t)
	s := map[string]any{"type": names[kinds[0]]}
	if len(kinds) > 1 {
		s["type"] = []string{names[kinds[0]], names[kinds[1]]}
	}
	if values := enumOf(t); values != nil {
		s["enum"] = values
	}
	if reflect.Zero(elem(t)).CanUint() {
		s["minimum"] = 0
	}
	describe(s, t)
	return s
}

// describe adds what the type itself says.
func describe(s map[string]any, t reflect.Type) {
	if d, ok := reflect.New(elem(t)).Interface().(Described); ok {
		_, schema := d.TOMLType()
		maps.Copy(s, schema)
	}
}
