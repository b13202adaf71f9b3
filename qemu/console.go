package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// maxTranscript is how many bytes of the console are kept, the last ones.
const maxTranscript = 4 << 20

// tailLines is how many lines an error of Expect shows.
const tailLines = 20

// Console is a guest's serial console for a program: it waits for output and
// sends input.
type Console struct {
	in  io.WriteCloser
	log io.Writer // may be nil

	mu      sync.Mutex
	text    []byte // without carriage returns
	next    int    // where in text the next Expect starts
	changed chan struct{}
	ended   bool
}

func newConsole(in io.WriteCloser, log io.Writer) *Console {
	return &Console{in: in, log: log, changed: make(chan struct{})}
}

// Write takes output of the guest; it is there for QEMU's end of the console.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.text = append(c.text, bytes.ReplaceAll(p, []byte("\r"), nil)...)
	if extra := len(c.text) - maxTranscript; extra > maxTranscript/4 {
		c.text = bytes.Clone(c.text[extra:])
		c.next = max(0, c.next-extra)
	}
	c.wake()
	c.mu.Unlock()
	if c.log != nil {
		return c.log.Write(p)
	}
	return len(p), nil
}

// wake lets every Expect look again. The lock is held.
func (c *Console) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.Close()
	c.ended = true
	c.wake()
}

// Send types text; end it with "\n" to press Enter.
func (c *Console) Send(text string) error {
	if _, err := io.WriteString(c.in, text); err != nil {
		return fmt.Errorf("send to the console: %w", err)
	}
	return nil
}

// Transcript returns the output so far, the last few MiB of it, without
// carriage returns.
func (c *Console) Transcript() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.text)
}

// Expect waits until re matches output that no earlier Expect has taken, takes
// everything up to its end, and returns the match and its groups. It fails
// when ctx ends, or QEMU does; the error shows the last lines.
func (c *Console) Expect(ctx context.Context, re *regexp.Regexp) ([]string, error) {
	for {
		c.mu.Lock()
		rest := c.text[c.next:]
		if at := re.FindSubmatchIndex(rest); at != nil {
			var groups []string
			for _, g := range re.FindSubmatch(rest) {
				groups = append(groups, string(g))
			}
			c.next += at[1]
			c.mu.Unlock()
			return groups, nil
		}
		changed, ended := c.changed, c.ended
		c.mu.Unlock()
		if ended {
			return nil, c.missing(re, errors.New("QEMU has ended"))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, c.missing(re, ctx.Err())
		}
	}
}

func (c *Console) missing(re *regexp.Regexp, cause error) error {
	lines := strings.Split(strings.TrimRight(c.Transcript(), "\n"), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Errorf("no %q on the console: %w; its last lines:\n%s", re, cause, strings.Join(lines, "\n"))
}
