package kbuild

import (
	"bytes"
	"regexp"
	"strings"
)

// Progress is an io.Writer for a Job's Output. It tells Step, unless that is nil,
// each file that is made: how many there were, and the file's name below the
// source or objects.
type Progress struct {
	Step func(files int, file string)

	files int
	line  []byte
}

// made are make's lines such as "  CC      lib/errname.o".
var made = regexp.MustCompile(`^  [A-Z][A-Z0-9_]* +([^ ]+)`)

func (p *Progress) Write(b []byte) (int, error) {
	n := len(b)
	for {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		p.line = append(p.line, line...)
		if !ended {
			return n, nil
		}
		if m := made.FindSubmatch(p.line); m != nil {
			p.files++
			if p.Step != nil {
				p.Step(p.files, strings.TrimPrefix(string(m[1]), "/"+objectsName+"/"))
			}
		}
		p.line, b = p.line[:0], rest
	}
}
