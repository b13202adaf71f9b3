package main

import (
	"bytes"
	"io"
	"regexp"
)

// plainConsole passes a guest's console on as text for a log or a page of a
// terminal: without carriage returns and without escape sequences, with which
// firmware and getty clear the screen and ask for its size.
type plainConsole struct {
	w    io.Writer
	held []byte // an escape sequence whose end has not come yet
}

// escape is one control sequence: CSI, OSC, character set, or two characters
// (ECMA-48, xterm).
var escape = regexp.MustCompile("\x1b(\\[[<-?!]?[0-9;]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)|[()*+].|[^\\[\\]()*+])|\r")

// maxHeld is longer than any sequence that is sent in earnest.
const maxHeld = 256

func (c *plainConsole) Write(b []byte) (int, error) {
	text := escape.ReplaceAll(append(c.held, b...), nil)
	c.held = nil
	if i := bytes.IndexByte(text, 0x1b); i >= 0 && len(text)-i < maxHeld {
		text, c.held = text[:i], bytes.Clone(text[i:])
	}
	_, err := c.w.Write(text)
	return len(b), err
}
