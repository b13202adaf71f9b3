package stricttoml

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Error is one mistake in a document.
type Error struct {
	File    string
	Line    int // from 1; 0 when the mistake is that something is not there at all
	Column  int // in characters, from 1
	Message string
	Hint    string // what to do about it; may be empty

	source string // the line
	width  int    // how many characters are wrong
	syntax bool   // not TOML at all, rather than not what was expected
}

// Error is the whole report: place and message, the line with a caret, the hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	fmt.Fprintf(&b, ": %s", e.Message)
	if e.Line > 0 {
		e.excerpt(&b)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "\n  hint: %s", e.Hint)
	}
	return b.String()
}

// excerpt writes the line and carets below what is wrong in it. Tabs are
// repeated so that the carets stay below; what a terminal would obey is not
// passed on.
func (e *Error) excerpt(b *strings.Builder) {
	line := []rune(e.source)
	var padding strings.Builder
	for i, r := range line {
		switch {
		case r != '\t' && !unicode.IsPrint(r):
			line[i] = utf8.RuneError
			r = ' '
		case r != '\t':
			r = ' '
		}
		if i < e.Column-1 {
			padding.WriteRune(r)
		}
	}
	number := fmt.Sprintf("%5d", e.Line)
	fmt.Fprintf(b, "\n%s | %s", number, string(line))
	fmt.Fprintf(b, "\n%*s | %s%s", len(number), "", padding.String(), strings.Repeat("^", e.width))
}

// Errors are all mistakes of one document, by position.
type Errors []*Error

// Error is all reports, one below the other.
func (list Errors) Error() string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap returns the single errors.
func (list Errors) Unwrap() []error {
	errs := make([]error, len(list))
	for i, e := range list {
		errs[i] = e
	}
	return errs
}

// Hint makes an error for a [Validator] or an unmarshaler: what is wrong with
// the value, and what to do about it.
func Hint(message, hint string) error { return &hinted{message, hint} }

type hinted struct{ message, hint string }

func (h *hinted) Error() string { return h.message }

// messageAndHint takes an error of a value type apart.
func messageAndHint(err error) (message, hint string) {
	var h *hinted
	if errors.As(err, &h) {
		return h.message, h.hint
	}
	return err.Error(), ""
}

// span is a range of bytes of the document; the zero span is nowhere.
type span struct{ start, end int }

func (s span) empty() bool { return s.end <= s.start }

// fail adds an error at the span; the part after its first line is not shown.
func (d *Document) fail(at span, message, hint string) *Error {
	e := &Error{File: d.file, Message: message, Hint: hint}
	d.errs = append(d.errs, e)
	if at.empty() {
		return e
	}
	e.Line, e.Column = position(d.data, at.start)
	begin := bytes.LastIndexByte(d.data[:at.start], '\n') + 1
	end := len(d.data)
	if i := bytes.IndexByte(d.data[at.start:], '\n'); i >= 0 {
		end = at.start + i
	}
	line := bytes.TrimSuffix(d.data[begin:end], []byte("\r"))
	e.source = secret.ReplaceAllStringFunc(string(line), mask)
	wrong := d.data[at.start:max(at.start, min(at.end, begin+len(line)))]
	e.width = max(1, utf8.RuneCount(wrong))
	return e
}

// secret is a string whose key says that nobody else should read it: it may
// stand where it must not, and errors end up in logs.
var secret = regexp.MustCompile(`(?i)[\w-]*(pass|secret)[\w-]*["']?\s*=\s*("(\\.|[^"\\])*|'[^']*)`)

func mask(assignment string) string {
	begin := strings.IndexByte(assignment, '=') + 1
	begin += strings.IndexAny(assignment[begin:], `"'`) + 1
	return assignment[:begin] + strings.Repeat("*", utf8.RuneCountInString(assignment[begin:]))
}

// position is the line and column, in characters, of a byte.
func position(data []byte, offset int) (line, column int) {
	before := data[:offset]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[begin:])
}
