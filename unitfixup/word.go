package unitfixup

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// A word of a command line: text[start:end] before unquoting, value after.
type word struct {
	start, end int
	value      []byte
	plain      bool // no quotes and escapes: value is text[start:end]
}

// nextWord unquotes the word at pos of a unit's setting; next is where the
// following one starts. Without a word it returns a nil value, with unbalanced
// quotes ok is false. Like systemd, it leaves escape sequences alone in a word
// that has an unknown one.
func nextWord(text []byte, pos int) (w word, next int, ok bool) {
	for pos < len(text) && isSpace(text[pos]) {
		pos++
	}
	if pos == len(text) {
		return word{start: pos, end: pos}, pos, true
	}
	if w, ok = scanWord(text, pos, false); !ok {
		if w, ok = scanWord(text, pos, true); !ok {
			return w, pos, false
		}
	}
	next = w.end
	for next < len(text) && isSpace(text[next]) {
		next++
	}
	return w, next, true
}

// scanWord reads up to an unquoted space. Relaxed, an unknown escape sequence
// stands for itself; otherwise it fails.
func scanWord(text []byte, pos int, relaxed bool) (word, bool) {
	w := word{start: pos, value: []byte{}, plain: true}
	var quote byte
	for pos < len(text) && (quote != 0 || !isSpace(text[pos])) {
		c := text[pos]
		pos++
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote, w.plain = c, false
		case c == quote:
			quote = 0
		case c != '\\':
			w.value = append(w.value, c)
		default:
			w.plain = false
			value, n := unescape(text[pos:])
			switch {
			case n > 0:
				w.value = append(w.value, value...)
				pos += n
			case !relaxed || pos == len(text) && quote != 0:
				return w, false
			case pos == len(text):
				w.value = append(w.value, '\\')
			default:
				w.value = append(w.value, '\\', text[pos])
				pos++
			}
		}
	}
	w.end = pos
	return w, quote == 0
}

var simpleEscapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', 's': ' ',
	'\\': '\\', '"': '"', '\'': '\'',
}

// unescape decodes the escape sequence whose backslash came before s, and says
// how many bytes of s it took: none when it is not a valid one.
func unescape(s []byte) (value []byte, n int) {
	if len(s) == 0 {
		return nil, 0
	}
	if c, ok := simpleEscapes[s[0]]; ok {
		return []byte{c}, 1
	}
	digits, from, base := 0, 1, 16
	switch s[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '0', '1', '2', '3', '4', '5', '6', '7':
		digits, from, base = 3, 0, 8
	}
	if digits == 0 || len(s) < from+digits {
		return nil, 0
	}
	v, err := strconv.ParseUint(string(s[from:from+digits]), base, 32)
	if err != nil || v == 0 {
		return nil, 0
	}
	switch {
	case s[0] == 'u':
		return utf8.AppendRune(nil, rune(v)), from + digits
	case s[0] == 'U':
		if v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
			return nil, 0
		}
		return utf8.AppendRune(nil, rune(v)), from + digits
	case v > 255:
		return nil, 0
	}
	return []byte{byte(v)}, from + digits
}

func isSpace(c byte) bool { return bytes.IndexByte([]byte(space), c) >= 0 }
