package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bocaditos/bocaditos/builder"
)

// reporter renders build events: bars on a terminal, plain lines elsewhere,
// JSON lines for machines.
func reporter(w io.Writer, asJSON, terminal bool) builder.Reporter {
	switch {
	case asJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return func(e builder.Event) { enc.Encode(e) }
	case terminal:
		return (&bar{w: w}).report
	}
	return func(e builder.Event) { plain(w, e) }
}

// plain prints what has happened, a line each, and nothing in between.
func plain(w io.Writer, e builder.Event) {
	switch e.Type {
	case builder.StageEnd:
		cached := ""
		if e.Cached {
			cached = " (cached)"
		}
		fmt.Fprintf(w, "%-10s %6.2f s  %s%s\n", e.Stage, e.Seconds, e.Text, cached)
	case builder.Warning:
		fmt.Fprintf(w, "warning: %s\n", e.Text)
	case builder.Note:
		fmt.Fprintf(w, "note: %s\n", e.Text)
	}
}

// bar is plain with one more line that is redrawn: the stage at work.
type bar struct {
	w     io.Writer
	began time.Time
	drawn time.Time
	dirty bool // the last line on screen is a bar
}

func (b *bar) report(e builder.Event) {
	now := time.Now()
	switch e.Type {
	case builder.StageStart:
		b.began, b.drawn = now, time.Time{}
		b.draw(e.Stage + "…")
	case builder.Progress:
		if now.Sub(b.drawn) < 80*time.Millisecond {
			return
		}
		b.drawn = now
		if e.Total <= 0 {
			b.draw(fmt.Sprintf("%-10s %s", e.Stage, counted(e, now.Sub(b.began))))
			return
		}
		b.draw(fmt.Sprintf("%-10s %s %s", e.Stage, gauge(e.Done, e.Total), amount(e, now.Sub(b.began))))
	default:
		b.clear()
		plain(b.w, e)
	}
}

func (b *bar) draw(line string) {
	fmt.Fprintf(b.w, "\r\x1b[K%s", line)
	b.dirty = true
}

func (b *bar) clear() {
	if b.dirty {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.dirty = false
	}
}

// counted is progress towards an end that nobody knows.
func counted(e builder.Event, elapsed time.Duration) string {
	if e.Unit == "bytes" {
		return builder.FormatBytes(e.Done)
	}
	const width = 44 // the whole line stays within that of a small terminal
	text := e.Text
	if len(text) > width {
		text = "…" + text[len(text)-width+1:]
	}
	return fmt.Sprintf("%d %s, %s  %s", e.Done, e.Unit, elapsed.Truncate(time.Second), text)
}

func gauge(done, total int64) string {
	const width = 24
	n := 0
	if total > 0 {
		n = int(min(done, total) * width / total)
	}
	return "[" + strings.Repeat("█", n) + strings.Repeat("·", width-n) + "]"
}

func amount(e builder.Event, elapsed time.Duration) string {
	if e.Unit != "bytes" {
		return fmt.Sprintf("%d of %d %s", e.Done, e.Total, e.Unit)
	}
	rate := ""
	if s := elapsed.Seconds(); s > 0.2 {
		rate = fmt.Sprintf(", %s/s", builder.FormatBytes(int64(float64(e.Done)/s)))
	}
	return fmt.Sprintf("%s of %s%s", builder.FormatBytes(e.Done), builder.FormatBytes(e.Total), rate)
}
