package qemu

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

type discard struct{ io.Writer }

func (discard) Close() error { return nil }

func TestExpectTakesEachMatchOnce(t *testing.T) {
	c := newConsole(discard{io.Discard}, nil)
	go func() {
		for _, s := range []string{"log", "in: \r\nlog", "in: 42\r\n"} {
			c.Write([]byte(s))
		}
	}()
	for _, want := range []string{"", "42"} {
		m, err := c.Expect(t.Context(), regexp.MustCompile(`(?m)^login: (\d*)$\n`))
		if err != nil || m[1] != want {
			t.Fatalf("%q, %v, want %q", m, err, want)
		}
	}
	if got := c.Transcript(); got != "login: \nlogin: 42\n" {
		t.Errorf("transcript %q", got)
	}
}

func TestExpectFails(t *testing.T) {
	re := regexp.MustCompile("never")
	var log bytes.Buffer
	c := newConsole(discard{io.Discard}, &log)
	c.Write([]byte(strings.Repeat("old\r\n", 100) + "Kernel panic\r\n"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Expect(ctx, re)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	want := "no \"never\" on the console: context canceled; its last lines:\n" + strings.Repeat("old\n", tailLines-1) + "Kernel panic"
	if err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	c.end()
	if _, err := c.Expect(t.Context(), re); err == nil || !strings.Contains(err.Error(), "QEMU has ended") {
		t.Errorf("after the end: %v", err)
	}
	if !strings.HasSuffix(log.String(), "old\r\nKernel panic\r\n") {
		t.Error("the log is not what the guest wrote")
	}
}

func TestTranscriptIsBounded(t *testing.T) {
	c := newConsole(discard{io.Discard}, nil)
	c.Write([]byte("first"))
	for range 3 * maxTranscript >> 16 {
		c.Write(bytes.Repeat([]byte("x"), 1<<16))
	}
	c.Write([]byte("last"))
	if n := len(c.Transcript()); n < maxTranscript || n > 2*maxTranscript {
		t.Errorf("%d bytes are kept", n)
	}
	if _, err := c.Expect(t.Context(), regexp.MustCompile("xlast")); err != nil {
		t.Error("the end is lost")
	}
}
