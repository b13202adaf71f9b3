package unitfixup

import (
	"bytes"
	"unicode/utf8"
)

const (
	space   = " \t\n\r" // what systemd trims, and what separates words
	comment = "#;"
	bom     = "\ufeff"
)

// A logical line is what systemd parses as one: physical lines joined where
// they end in a backslash, comments between them dropped.
type logicalLine struct {
	text   []byte
	pieces []piece
}

// A piece is the part of a logical line that one physical line gave.
type piece struct {
	index  int // in text
	offset int // in the file
	no     int // line number, from 1
}

// at returns the file offset of the byte text[i], and its line number.
func (l *logicalLine) at(i int) (offset, no int) {
	k := len(l.pieces) - 1
	for l.pieces[k].index > i {
		k--
	}
	p := l.pieces[k]
	return p.offset + i - p.index, p.no
}

// logicalLines calls yield for every line of a unit file that is not a
// comment. It splits lines exactly as systemd does: CR and NUL end lines, too,
// alone or together with LF.
func logicalLines(data []byte, yield func(*logicalLine)) {
	var cur *logicalLine
	bomSeen := false
	for pos, no := 0, 1; pos < len(data); no++ {
		start := pos
		end, next := lineEnd(data, pos)
		pos = next
		if text := bytes.TrimLeft(data[start:end], space); len(text) > 0 && bytes.IndexByte([]byte(comment), text[0]) >= 0 {
			continue
		}
		if !bomSeen && bytes.HasPrefix(data[start:end], []byte(bom)) {
			bomSeen = true
			start += len(bom)
		}
		text := data[start:end]
		continues := endsInBackslash(text)
		if cur == nil {
			cur = &logicalLine{}
		}
		cur.pieces = append(cur.pieces, piece{len(cur.text), start, no})
		if !continues && len(cur.pieces) == 1 {
			cur.text = text // the usual case needs no copy
		} else {
			cur.text = append(cur.text, text...)
		}
		if continues {
			cur.text[len(cur.text)-1] = ' '
			continue
		}
		yield(cur)
		cur = nil
	}
	if cur != nil {
		yield(cur)
	}
}

// endsInBackslash says whether the line goes on: its last backslash is not
// itself escaped.
func endsInBackslash(text []byte) bool {
	n := len(text) - len(bytes.TrimRight(text, `\`))
	return n%2 == 1
}

// lineEnd returns where the line at pos ends, without and with its terminator:
// each of LF, CR and NUL at most once, NUL last.
func lineEnd(data []byte, pos int) (end, next int) {
	end = pos
	for end < len(data) && eol(data[end]) == 0 {
		end++
	}
	next = end
	for seen := 0; next < len(data); next++ {
		mark := eol(data[next])
		if mark == 0 || seen&mark != 0 || seen&eol(0) != 0 {
			break
		}
		seen |= mark
	}
	return end, next
}

func eol(c byte) int {
	switch c {
	case '\n':
		return 1
	case '\r':
		return 2
	case 0:
		return 4
	}
	return 0
}

// assignment splits "key=value", both trimmed; value is text[start:end].
// systemd refuses lines that are not UTF-8.
func (l *logicalLine) assignment() (key string, start, end int, ok bool) {
	eq := bytes.IndexByte(l.text, '=')
	if eq < 0 || !utf8.Valid(l.text) {
		return "", 0, 0, false
	}
	end = len(bytes.TrimRight(l.text, space))
	start = eq + 1
	for start < end && bytes.IndexByte([]byte(space), l.text[start]) >= 0 {
		start++
	}
	return string(bytes.Trim(l.text[:eq], space)), start, max(start, end), true
}
