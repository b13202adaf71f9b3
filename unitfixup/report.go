package unitfixup

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what became of an Exec line.
type Verdict int

// The verdicts.
const (
	Kept      Verdict = iota // the program exists, or only run time can tell; Why says so then
	Rewritten                // the program's name was replaced by Line.New
	Missing                  // no such program in the image, or systemd refuses the line; not changed
)

func (v Verdict) String() string {
	switch v {
	case Kept:
		return "kept"
	case Rewritten:
		return "rewritten"
	case Missing:
		return "missing"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// A Line is one command of an Exec line; a line with several commands
// (separated by ";") makes several.
type Line struct {
	File     string   // path in the tree, links resolved
	Aliases  []string // other names of the file that are the same unit
	LineNo   int      // of the program's name, from 1
	Section  string   // "Service", "Socket" or "D-BUS Service"
	Key      string   // "ExecStart", …
	Program  string   // as written, without prefixes, quotes and escapes
	Verdict  Verdict
	New      string // when Rewritten: the absolute path
	Why      string // where New was found, or what is wrong
	Optional bool   // a "-" prefix: systemd ignores its failure
	Package  string // that shipped the file
	Built    bool   // Rewritten not now, but when the package was built
}

// change is what was done, for the node's history.
func (l Line) change() string {
	return fmt.Sprintf("%s=%s is %s, %s", l.Key, l.Program, l.New, l.Why)
}

func (l Line) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s=%s %s", l.File, l.LineNo, l.Key, l.Program, l.Verdict)
	if l.Verdict == Rewritten {
		b.WriteString(" to " + l.New)
	}
	if l.Built {
		b.WriteString(" when the package was built")
	}
	if l.Optional && l.Verdict == Missing {
		b.WriteString(", optional")
	}
	if l.Why != "" {
		b.WriteString(" (" + l.Why + ")")
	}
	return b.String()
}

// Report is what Fix saw and did, in order of files and lines.
type Report struct {
	Lines []Line
}

// Missing are the lines whose program is not in the image. Lines with Optional
// set fail without harm.
func (r *Report) Missing() []Line {
	return slices.DeleteFunc(slices.Clone(r.Lines), func(l Line) bool { return l.Verdict != Missing })
}

// Changed are the paths of the files that were changed, sorted.
func (r *Report) Changed() []string {
	var paths []string
	for _, l := range r.Lines {
		if l.Verdict == Rewritten && !l.Built {
			paths = append(append(paths, l.File), l.Aliases...)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Text is for people: a line for each program that was rewritten or is
// missing, then the totals.
func (r *Report) Text() string {
	var b strings.Builder
	var count [3]int
	built := 0
	for _, l := range r.Lines {
		count[l.Verdict]++
		if l.Built {
			built++
		}
		if l.Verdict != Kept {
			b.WriteString(l.String() + "\n")
		}
	}
	fmt.Fprintf(&b, "%d kept, %d rewritten, %d missing\n", count[Kept], count[Rewritten], count[Missing])
	if built > 0 {
		fmt.Fprintf(&b, "%d of the rewritten when their packages were built\n", built)
	}
	return b.String()
}
