package main

import (
	"bytes"
	"testing"
)

func TestPlainConsole(t *testing.T) {
	const in = "\x1b[2J\x1b[01;01H\x1b[=3hBds\r\n\x1b[!p\x1b]104\x1b\\\x1b[?7h\x1b[6n\x1b[32766;32766H[\x1b[0;32m  OK  \x1b[0m] up\r\n\x1b(Blogin: "
	const want = "Bds\n[  OK  ] up\nlogin: "
	for size := 1; size <= len(in); size++ { // wherever the stream is cut
		var out bytes.Buffer
		c := &plainConsole{w: &out}
		for i := 0; i < len(in); i += size {
			c.Write([]byte(in[i:min(i+size, len(in))]))
		}
		if out.String() != want {
			t.Fatalf("in pieces of %d: got %q, want %q", size, out.String(), want)
		}
	}
}
