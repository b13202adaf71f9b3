package builder

import (
	"bytes"
	"io"
	"strings"
)

// EventType says what an Event tells.
type EventType string

// The event types.
const (
	StageStart EventType = "start"    // a stage begins
	Progress   EventType = "progress" // Done of Total units of the stage; with Text, which names the last one, Total is an estimate
	Says       EventType = "says"     // Text is a line that a tool says while the stage works, such as Nix building a package
	StageEnd   EventType = "end"      // the stage is over after Seconds; Text may say what came of it
	Warning    EventType = "warning"  // something a person should look at
	Note       EventType = "note"     // something worth knowing, such as why a step ran again
	Done       EventType = "done"     // the image is whole, in the directory Text
)

// An Event is progress of a build, for a terminal, a log or a machine. As JSON
// (one object a line) it is what `bocaditos build --json` prints.
type Event struct {
	Type    EventType `json:"type"`
	Stage   string    `json:"stage,omitempty"`
	Done    int64     `json:"done,omitempty"`
	Total   int64     `json:"total,omitempty"`
	Unit    string    `json:"unit,omitempty"` // "bytes" or a plural noun
	Seconds float64   `json:"seconds,omitempty"`
	Cached  bool      `json:"cached,omitempty"` // the stage's result was already there
	Text    string    `json:"text,omitempty"`
}

// A Reporter receives the events of a build, one at a time.
type Reporter func(Event)

// output is a writer whose lines become events of the stage.
func (b *build) output(stage string) io.Writer {
	return &lines{report: func(line string) { b.Report(Event{Type: Says, Stage: stage, Text: line}) }}
}

// lines reports each line that is written to it. Carriage returns end one, too.
type lines struct {
	report func(string)
	rest   []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexAny(l.rest, "\r\n")
		if i < 0 {
			return len(p), nil
		}
		if line := strings.TrimSpace(string(l.rest[:i])); line != "" {
			l.report(line)
		}
		l.rest = l.rest[i+1:]
	}
}
