package kconfig

import (
	"fmt"
	"strings"
)

type tokenKind uint8

const (
	wordToken tokenKind = iota
	quotedToken
	operatorToken
)

// A token of a statement. The text of an unknown one is what stands in the
// file: a macro that cannot be expanded here, with what it is part of.
type token struct {
	kind    tokenKind
	text    string
	unknown bool
}

// is says whether the token is this keyword or operator.
func (t token) is(text string) bool {
	return t.kind != quotedToken && !t.unknown && t.text == text
}

// A statement is a line, continued over line ends that are escaped. For the
// assignment of a variable, tokens are its name and operator.
type statement struct {
	line   int
	tokens tokens
	assign bool
	value  string
}

// A scanner cuts a Kconfig file into statements.
type scanner struct {
	file   string
	data   string
	pos    int
	line   int
	macros *macros
	fail   func(line int, format string, args ...any)
}

// next returns the next statement that is not empty.
func (s *scanner) next() (st statement, ok bool) {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		switch {
		case c == '\n':
			s.pos++
			s.line++
			if len(st.tokens) > 0 {
				return st, true
			}
			continue
		case c == ' ' || c == '\t' || c == '\r':
			s.pos++
			continue
		case c == '#':
			s.rest()
			continue
		case strings.HasPrefix(s.data[s.pos:], "\\\n"):
			s.pos += 2
			s.line++
			continue
		}
		if len(st.tokens) == 0 {
			st.line = s.line
		}
		if tok, ok := s.token(c); ok {
			st.tokens = append(st.tokens, tok)
		}
		if st.tokens.assign() {
			st.assign, st.value = true, strings.TrimLeft(s.rest(), " \t")
			return st, true
		}
	}
	return st, len(st.tokens) > 0
}

// rest takes what is left of the line, without its end.
func (s *scanner) rest() string {
	line, _, _ := strings.Cut(s.data[s.pos:], "\n")
	s.pos += len(line)
	return strings.TrimSuffix(line, "\r")
}

// assign says whether the tokens begin the assignment of a variable.
func (t tokens) assign() bool {
	return len(t) == 2 && t[0].kind == wordToken && !isKeyword(t[0].text) &&
		(t[1].is("=") || t[1].is(":=") || t[1].is("+="))
}

func (s *scanner) token(c byte) (token, bool) {
	switch {
	case c == '"' || c == '\'':
		return s.quoted(c), true
	case isWordByte(c) || c == '$':
		t := s.word()
		// A macro that expands to nothing, as $(error-if,...) does, is nothing.
		return t, t.text != ""
	}
	for _, o := range []string{"||", "&&", "!=", "<=", ">=", ":=", "+=", "=", "<", ">", "!", "(", ")"} {
		if strings.HasPrefix(s.data[s.pos:], o) {
			s.pos += len(o)
			return token{kind: operatorToken, text: o}, true
		}
	}
	s.fail(s.line, "unexpected character %q", c)
	s.pos++
	return token{}, false
}

func isWordByte(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

func (s *scanner) word() token {
	start := s.pos
	for s.pos < len(s.data) && isWordByte(s.data[s.pos]) {
		s.pos++
	}
	t := token{text: s.data[start:s.pos]}
	if s.pos == len(s.data) || s.data[s.pos] != '$' {
		return t // as nearly all are
	}
	var b strings.Builder
	b.WriteString(t.text)
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c != '$' && !isWordByte(c) {
			break
		}
		if c == '$' {
			s.dollar(&b, &t)
			continue
		}
		b.WriteByte(c)
		s.pos++
	}
	t.text = b.String()
	if t.unknown {
		t.text = s.data[start:s.pos]
	}
	return t
}

func (s *scanner) quoted(quote byte) token {
	start := s.pos
	t := token{kind: quotedToken}
	var b strings.Builder
	s.pos++
	for {
		if s.pos == len(s.data) || s.data[s.pos] == '\n' {
			s.fail(s.line, "a string has no closing %c", quote)
			break
		}
		c := s.data[s.pos]
		if c == '$' {
			s.dollar(&b, &t)
			continue
		}
		s.pos++
		if c == quote {
			break
		}
		if c == '\\' && s.pos < len(s.data) && s.data[s.pos] != '\n' {
			c = s.data[s.pos]
			s.pos++
		}
		b.WriteByte(c)
	}
	t.text = b.String()
	if t.unknown {
		t.text = s.data[start:s.pos]
	}
	return t
}

// dollar takes a $ and the macro that it may begin, adds what that expands to
// and marks the token when nobody here can know.
func (s *scanner) dollar(b *strings.Builder, t *token) {
	line, _, _ := strings.Cut(s.data[s.pos:], "\n")
	body, length, ok := reference(line)
	switch {
	case !ok && strings.HasPrefix(line, "$("):
		s.fail(s.line, "a macro has no closing )")
		t.unknown = true
		s.pos += len(line)
	case !ok:
		b.WriteByte('$')
		s.pos++
	default:
		text, known, err := s.macros.expand(body, fmt.Sprintf("%s:%d", s.file, s.line))
		if err != nil {
			s.fail(s.line, "%v", err)
		}
		b.WriteString(text)
		t.unknown = t.unknown || !known
		s.pos += length
	}
}

// help takes the text below a help line: it ends before the first line that is
// indented less than its first one.
func (s *scanner) help() string {
	var lines []string
	indent, first := 0, true
	for s.pos < len(s.data) {
		line, _, _ := strings.Cut(s.data[s.pos:], "\n")
		text := strings.TrimLeft(line, " \t")
		if strings.TrimSpace(text) != "" {
			width := columns(line[:len(line)-len(text)])
			if !first && width < indent || width == 0 && len(lines) > 0 {
				break
			}
			if first {
				indent, first = width, false
			}
			text = strings.Repeat(" ", max(0, width-indent)) + strings.TrimRight(text, " \t\r")
		} else {
			text = ""
		}
		lines = append(lines, text)
		s.pos = min(len(s.data), s.pos+len(line)+1)
		s.line++
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// columns is the width of blanks, with tab stops every 8.
func columns(blanks string) int {
	n := 0
	for _, c := range blanks {
		if c == '\t' {
			n |= 7
		}
		n++
	}
	return n
}
