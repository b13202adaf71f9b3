// Package kconfig reads and writes the language in which Linux is configured:
// fragments and .config, and the Kconfig files well enough to explain why a
// symbol did not end as asked. It does not configure: that is the kernel's own
// conf (make olddefconfig, allnoconfig), which drops what it cannot grant
// without a word. [Source.Check] finds the words.
//
// The language is that of Documentation/kbuild/kconfig-language.rst and
// kconfig-macro-language.rst in Linux 6.12; where they are silent, of
// scripts/kconfig there. What only a compiler or the environment of make can
// answer ($(cc-option,...), $(ARCH) on x86) is unknown here, and said to be.
//
// Names of symbols have no CONFIG_ prefix in this package.
package kconfig

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Prefix stands before a symbol's name in fragments and .config.
const Prefix = "CONFIG_"

// Config is a whole configuration, a .config: symbol to value. Values are
// written as there: y, m, n, 42, 0x10, "text" with its quotes. A symbol that
// is off but could be on has the value n; one that cannot be asked for in
// this configuration is absent. Both are off.
type Config map[string]string

// Value is the value of a symbol, n when it is absent.
func (c Config) Value(symbol string) string {
	if v, ok := c[symbol]; ok {
		return v
	}
	return "n"
}

// Read reads a .config as the kernel writes it. Values are kept as they are;
// a line that is neither a comment nor CONFIG_X=value is an error with its
// number. A symbol that stands twice has its last value, as for the kernel.
func Read(r io.Reader) (Config, error) {
	c := Config{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if symbol, ok := notSet(line); ok {
			c[symbol] = "n"
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		symbol, value, ok := strings.Cut(line, "=")
		symbol, prefixed := strings.CutPrefix(symbol, Prefix)
		if !ok || !prefixed || !isName(symbol) {
			return nil, fmt.Errorf("line %d of a kernel configuration is neither a comment nor %sX=value: %q", n, Prefix, shorten(line))
		}
		c[symbol] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read a kernel configuration: %w", err)
	}
	return c, nil
}

// notSet recognizes the one comment that means something: that a symbol is
// off. The kernel wants it to the byte.
func notSet(line string) (symbol string, ok bool) {
	symbol, ok = strings.CutPrefix(line, "# "+Prefix)
	if !ok {
		return "", false
	}
	symbol, ok = strings.CutSuffix(symbol, " is not set")
	return symbol, ok && isName(symbol)
}

// isName says whether s can be the name of a symbol.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// shorten keeps errors to one readable line.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
