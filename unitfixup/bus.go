package unitfixup

import (
	"bytes"
	"strings"
)

const busSection = "D-BUS Service"

// parseBusService finds the program in a D-Bus service file: key-value lines
// as in desktop entries, the command quoted as for a shell.
func parseBusService(data []byte) ([]program, settings) {
	var programs []program
	var s settings
	section := ""
	for pos, no := 0, 1; pos < len(data); no++ {
		start := pos
		end := len(data)
		if i := bytes.IndexAny(data[start:], "\r\n"); i >= 0 {
			end = start + i
		}
		pos = end + 1
		if bytes.HasPrefix(data[end:], []byte("\r\n")) {
			pos++
		}
		text := data[start:end]
		if bytes.HasPrefix(text, []byte("[")) {
			section = sectionName(text)
			continue
		}
		key, value, ok := bytes.Cut(text, []byte("="))
		if !ok || section != busSection || bytes.HasPrefix(text, []byte("#")) {
			continue
		}
		value = bytes.TrimLeft(value, " ")
		switch string(bytes.TrimRight(key, " ")) {
		case "SystemdService":
			s.systemdService = string(value)
		case "Exec":
			p := busProgram(value, end-len(value))
			p.section, p.key, p.line = section, "Exec", no
			programs = append(programs, p)
		}
	}
	return programs, s
}

// busProgram reads the first word of an Exec value that starts at offset.
func busProgram(value []byte, offset int) program {
	text, index, ok := desktopUnescape(value)
	if !ok {
		return program{name: string(value), refused: "invalid escape sequence: D-Bus ignores the file"}
	}
	w, ok := shellWord(text)
	p := program{name: string(w.value), path: string(w.value), start: offset + index[w.start], end: offset + index[w.end], writable: true}
	switch {
	case !ok:
		p.refused = "unbalanced quotes: D-Bus ignores the file"
	case p.path == "":
		p.refused = "no program"
	case p.path[0] != '/' && strings.Contains(p.path, "/"):
		p.refused = "neither an absolute path nor a name"
	}
	p.write = func(path string) string {
		if strings.ContainsAny(path, " #") {
			return "'" + path + "'" // it has no quotes: see safe
		}
		return path
	}
	return p
}

// desktopUnescape decodes the escapes of desktop entries; index gives where in
// value each byte of text, and its end, came from.
func desktopUnescape(value []byte) (text []byte, index []int, ok bool) {
	escapes := map[byte]byte{'s': ' ', 't': '\t', 'n': '\n', 'r': '\r', '\\': '\\'}
	for i := 0; i < len(value); i++ {
		index = append(index, i)
		c := value[i]
		if c == '\\' {
			if i++; i == len(value) || escapes[value[i]] == 0 {
				return nil, nil, false
			}
			c = escapes[value[i]]
		}
		text = append(text, c)
	}
	return text, append(index, len(value)), true
}

// shellWord unquotes the first word as a shell would, without expansions. A
// backslash at the end and an open quote are errors.
func shellWord(text []byte) (w word, ok bool) {
	const blank = " \t\n"
	pos := len(text) - len(bytes.TrimLeft(text, blank))
	w.start = pos
	var quote byte
	for ; pos < len(text); pos++ {
		c := text[pos]
		switch {
		case quote == 0 && (c == '#' || strings.IndexByte(blank, c) >= 0):
			w.end = pos
			return w, true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case c == '\\' && quote != '\'':
			if pos++; pos == len(text) {
				return w, false
			}
			if quote == '"' && strings.IndexByte("\"\\`$\n", text[pos]) < 0 {
				w.value = append(w.value, '\\')
			}
			if quote != 0 || text[pos] != '\n' {
				w.value = append(w.value, text[pos])
			}
		default:
			w.value = append(w.value, c)
		}
	}
	w.end = pos
	return w, quote == 0
}
