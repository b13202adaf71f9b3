// Package stricttoml reads a TOML document into a Go struct and reports all
// that is wrong with it in one run, each mistake with its place, its line and a
// hint. From the same struct it derives the list of keys and a JSON Schema.
//
// It reads only (nothing here writes TOML), into structs made for it, and
// follows TOML 1.0 as go-toml's parser does.
//
// A field is a key when it has a tag `toml:"name"`; the options "required" and
// "nonempty" follow the name after commas. A type says more about its values
// by implementing [Described], [Enum], [Validator], [encoding.TextUnmarshaler]
// (strings) and [IntegerUnmarshaler] (whole numbers).
package stricttoml

import (
	"cmp"
	"slices"
	"strings"
)

// Described is a type with a name that readers of the documentation know.
type Described interface {
	// TOMLType returns the type's name, in the singular and without article
	// ("unit name"), and the JSON Schema keywords that hold for its values
	// beyond those that follow from its Go kind.
	TOMLType() (name string, schema map[string]any)
}

// Enum is a string type with a fixed set of values.
type Enum interface{ Enum() []string }

// Aliased is an Enum whose values have other names elsewhere. They are not
// accepted, but suggest the right one.
type Aliased interface{ Aliases() map[string]string }

// Validator is a type whose values can be wrong. It is called on every value
// that was read; the error says what is wrong and may come from [Hint].
type Validator interface{ Validate() error }

// IntegerUnmarshaler is a type that may be written as a whole number.
type IntegerUnmarshaler interface{ UnmarshalInteger(int64) error }

// Doc describes a key or table for people.
type Doc struct {
	Text    string // what it means, in Markdown
	Example string // a value as TOML; not for tables
	Default string // what holds when it is absent, where the Go value does not tell
}

// Docs has a Doc for every key. Names are dotted ("packages.install"); keys of
// a list of tables follow the list's name ("files.path").
type Docs map[string]Doc

// A Document is what was read and what was wrong with it.
type Document struct {
	file   string
	data   []byte
	docs   Docs
	places map[string]place
	errs   Errors
	broken bool // a part could not be parsed, so nothing can be said about what is missing
}

// place is where a key and its value are in the document.
type place struct{ key, value span }

// any is where to point at when the value matters: tables have no other place
// than their header.
func (p place) any() span {
	if p.value.empty() {
		return p.key
	}
	return p.value
}

// Decode reads data into v, a pointer to a struct that holds the defaults.
// file is only named in errors. The document's errors so far are in
// [Document.Err]; the caller may add its own with [Document.Report].
func Decode(file string, data []byte, v any, docs Docs) *Document {
	d := &Document{file: file, data: data, docs: docs, places: map[string]place{}}
	root := parse(d, v)
	decode(d, root, v)
	if len(d.errs) == 0 {
		d.checkGrammar()
	}
	return d
}

// Complete tells whether all of the document could be parsed, so that what is
// not there was not written.
func (d *Document) Complete() bool { return !d.broken }

// Has tells whether the document has the key. Elements of lists are numbered
// from 0: "files[0].path".
func (d *Document) Has(key string) bool {
	_, ok := d.places[key]
	return ok
}

// Line is the line of the key, counted from 1, or 0 if the document has none.
func (d *Document) Line(key string) int {
	p, ok := d.places[key]
	if !ok {
		return 0
	}
	at := p.key
	if at.empty() {
		at = p.value
	}
	line, _ := position(d.data, at.start)
	return line
}

// Report adds an error about the value of the key, or if the document does
// not have it, of the nearest table around it. hint may be empty.
func (d *Document) Report(key, message, hint string) {
	for key != "" {
		if p, ok := d.places[key]; ok {
			d.fail(p.any(), message, hint)
			return
		}
		key = parent(key)
	}
	d.fail(span{}, message, hint)
}

// parent cuts the last element off: "a[0].b" → "a[0]" → "a" → "".
func parent(key string) string {
	return key[:max(0, strings.LastIndexAny(key, ".["))]
}

// Err returns everything reported so far as [Errors], by position, or nil.
func (d *Document) Err() error {
	if len(d.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	d.errs = slices.CompactFunc(d.errs, func(a, b *Error) bool { return *a == *b })
	return d.errs
}
