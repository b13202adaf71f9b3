package kconfig

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Setting asks for a value of one symbol.
type Setting struct {
	Symbol string // without CONFIG_
	Value  string // y, m, n, a decimal (42) or hexadecimal (0x10) number, or "text" with its quotes
	File   string // the fragment that asks, empty for an option that stands in no file
	Line   int    // from 1
}

// Where is the place of a setting in words.
func (s Setting) Where() string {
	if s.File == "" {
		return "the options"
	}
	if s.Line == 0 {
		return s.File
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// String is the line that asks for the setting in a fragment.
func (s Setting) String() string {
	if s.Value == "n" {
		return "# " + Prefix + s.Symbol + " is not set"
	}
	return Prefix + s.Symbol + "=" + s.Value
}

// almostNotSet is a line that was meant to turn a symbol off and that the
// kernel passes over as a comment.
var almostNotSet = regexp.MustCompile(`^\s*#+\s*(` + Prefix + `\w+)\s+is\s+not\s+set\W*$`)

// ParseFragment reads a fragment: lines CONFIG_X=value, "# CONFIG_X is not
// set", comments and empty lines. It is stricter than the kernel, which reads
// CONFIG_X=yes as y and passes over what it does not understand. The error
// names every bad line (name:line), and every symbol that stands twice with
// different values. Settings have the order of the file.
func ParseFragment(name, text string) ([]Setting, error) {
	var settings []Setting
	var errs []error
	first := map[string]Setting{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \t\r\n")
		s, ok, err := parseLine(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, n, err))
		}
		if !ok {
			continue
		}
		s.File, s.Line = name, n
		before, twice := first[s.Symbol]
		switch {
		case !twice:
			first[s.Symbol] = s
			settings = append(settings, s)
		case before.Value != s.Value:
			errs = append(errs, fmt.Errorf("%s: %s is %s here and %s in line %d", s.Where(), s.Symbol, s.Value, before.Value, before.Line))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return settings, nil
}

// parseLine reads a line of a fragment; ok says whether it sets something.
func parseLine(line string) (s Setting, ok bool, err error) {
	if symbol, off := notSet(line); off {
		return Setting{Symbol: symbol, Value: "n"}, true, nil
	}
	if m := almostNotSet.FindStringSubmatch(line); m != nil {
		return s, false, fmt.Errorf("the kernel reads this as a comment: write \"# %s is not set\"", m[1])
	}
	if line == "" || line[0] == '#' {
		return s, false, nil
	}
	if !strings.HasPrefix(line, Prefix) {
		return s, false, fmt.Errorf("neither %sX=value, a comment nor \"# %sX is not set\": %q", Prefix, Prefix, shorten(line))
	}
	s, err = ParseOption(line)
	return s, err == nil, err
}

// ParseOption reads a setting as it stands in a recipe: EROFS_FS=y,
// DEBUG_INFO=n, LOCALVERSION="-x", NR_CPUS=64; CONFIG_ before it is accepted.
// The setting has no place.
func ParseOption(option string) (Setting, error) {
	symbol, value, ok := strings.Cut(strings.TrimPrefix(option, Prefix), "=")
	if !ok {
		return Setting{}, fmt.Errorf("%q is not of the form SYMBOL=value", shorten(option))
	}
	if !isName(symbol) {
		return Setting{}, fmt.Errorf("%q cannot be the name of a symbol: letters, digits and _", shorten(symbol))
	}
	if err := checkValue(value); err != nil {
		return Setting{}, fmt.Errorf("%s: %w", symbol, err)
	}
	return Setting{Symbol: symbol, Value: value}, nil
}

var number = regexp.MustCompile(`^(-?(0|[1-9][0-9]*)|0[xX][0-9A-Fa-f]+)$`)

// checkValue says what is wrong with a value of which the type is not known.
func checkValue(v string) error {
	switch {
	case v == "y" || v == "m" || v == "n", number.MatchString(v), isQuoted(v):
		return nil
	case v == "":
		return errors.New(`no value: an empty string is written ""`)
	case len(v) > 1 && (v[0] == '"' || v[0] == '\''):
		return fmt.Errorf("%s is not a string in double quotes (\\ before \" and \\)", shorten(v))
	case strings.EqualFold(v, "y") || strings.EqualFold(v, "yes") || strings.EqualFold(v, "true"):
		return fmt.Errorf("%q is not a value: on is y", v)
	case strings.EqualFold(v, "n") || strings.EqualFold(v, "no") || strings.EqualFold(v, "false"):
		return fmt.Errorf("%q is not a value: off is n", v)
	}
	return fmt.Errorf("%q is not a value: y, m, n, a number (42, 0x10), or a string in double quotes", shorten(v))
}

// isQuoted says whether v is one whole string in quotes.
func isQuoted(v string) bool {
	if len(v) < 2 || v[0] != '"' || strings.ContainsAny(v, "\n\x00") {
		return false
	}
	for i := 1; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i == len(v)-1
		}
	}
	return false
}

// unquote is the text of a string value, as the kernel takes it: \ keeps the
// next byte. What is not quoted is returned as it is.
func unquote(v string) string {
	if !isQuoted(v) {
		return v
	}
	var b strings.Builder
	for i := 1; i < len(v)-1; i++ {
		if v[i] == '\\' {
			i++
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// Merge makes one list of several fragments, sorted by symbol, each symbol
// once. Fragments that disagree about a symbol are an error that names all such
// symbols and all places: which one wins must not depend on their order. What
// last asks for (the recipe's own options) replaces what any fragment asks
// for, and so settles what they disagree about.
func Merge(fragments [][]Setting, last []Setting) ([]Setting, error) {
	asked := group(slices.Concat(fragments...))
	final := group(last)
	var merged []Setting
	var errs []error
	for symbol, settings := range asked {
		if _, settled := final[symbol]; !settled {
			final[symbol] = settings
		}
	}
	for _, settings := range final {
		merged = append(merged, settings[0])
	}
	slices.SortFunc(merged, func(a, b Setting) int { return cmp.Compare(a.Symbol, b.Symbol) })
	for _, s := range merged {
		if err := disagreement(final[s.Symbol]); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return merged, nil
}

func group(settings []Setting) map[string][]Setting {
	g := map[string][]Setting{}
	for _, s := range settings {
		g[s.Symbol] = append(g[s.Symbol], s)
	}
	return g
}

// disagreement is the error for settings of one symbol with several values.
func disagreement(settings []Setting) error {
	var places []string
	agree := true
	for _, s := range settings {
		agree = agree && s.Value == settings[0].Value
		places = append(places, fmt.Sprintf("%s in %s", s.Value, s.Where()))
	}
	if agree {
		return nil
	}
	return fmt.Errorf("%s is %s", settings[0].Symbol, strings.Join(places, ", "))
}

// Format writes settings as a fragment for the kernel to read, sorted by
// symbol; equal settings make equal bytes. The last of several settings of
// one symbol is written last, where it wins.
func Format(settings []Setting) []byte {
	sorted := slices.Clone(settings)
	slices.SortStableFunc(sorted, func(a, b Setting) int { return cmp.Compare(a.Symbol, b.Symbol) })
	var b []byte
	for _, s := range sorted {
		b = append(b, s.String()...)
		b = append(b, '\n')
	}
	return b
}
