package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
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
	return (&log{w: w}).report
}

// log is plain, with a line each minute for a stage that takes long.
type log struct {
	w           io.Writer
	began, said time.Time
}

func (l *log) report(e builder.Event) {
	now := time.Now()
	switch {
	case e.Type == builder.StageStart:
		l.began, l.said = now, now
	case e.Type == builder.Progress && now.Sub(l.said) >= time.Minute:
		l.said = now
		fmt.Fprintf(l.w, "%-10s %6.2f s  %s\n", e.Stage, now.Sub(l.began).Seconds(), amount(e, now.Sub(l.began)))
	}
	plain(l.w, e)
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
	case builder.Says:
		fmt.Fprintf(w, "%-10s %s\n", e.Stage, e.Text)
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
		b.draw(fmt.Sprintf("%-10s %s %s", e.Stage, gauge(e.Done, e.Total), amount(e, now.Sub(b.began))))
	case builder.Says: // the last line is enough: an error brings the end of a log
		const width = 78
		line := []rune(fmt.Sprintf("%-10s %s", e.Stage, e.Text))
		b.draw(string(line[:min(len(line), width)]))
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

func gauge(done, total int64) string {
	const width = 24
	n := 0
	if total > 0 {
		n = int(min(done, total) * width / total)
	}
	return "[" + strings.Repeat("█", n) + strings.Repeat("·", width-n) + "]"
}

func amount(e builder.Event, elapsed time.Duration) string {
	switch {
	case e.Text != "": // of files, about that many
		return fmt.Sprintf("%d of about %d %s, %s, %s", e.Done, e.Total, e.Unit, elapsed.Truncate(time.Second), filepath.Base(e.Text))
	case e.Unit != "bytes":
		return fmt.Sprintf("%d of %d %s", e.Done, e.Total, e.Unit)
	}
	rate := ""
	if s := elapsed.Seconds(); s > 0.2 {
		rate = fmt.Sprintf(", %s/s", builder.FormatBytes(int64(float64(e.Done)/s)))
	}
	return fmt.Sprintf("%s of %s%s", builder.FormatBytes(e.Done), builder.FormatBytes(e.Total), rate)
}
