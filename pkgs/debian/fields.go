package debian

import (
	"fmt"
	"strings"
)

// parseFields reads one stanza of Debian's control syntax (deb822(5)): keys in
// lower case, continuation lines without their blank, joined by newlines.
func parseFields(text string) (map[string]string, error) {
	fields := map[string]string{}
	last := ""
	ended := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "":
			ended = len(fields) > 0
			continue
		case ended:
			return nil, fmt.Errorf("more than one stanza")
		case strings.HasPrefix(line, "#"):
			continue
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return nil, fmt.Errorf("continuation line without a field: %q", line)
			}
			fields[last] += "\n" + strings.TrimSpace(line)
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok || key == "" || strings.ContainsAny(key, " \t") {
			return nil, fmt.Errorf("not a field: %q", line)
		}
		last = strings.ToLower(key)
		if _, ok := fields[last]; ok {
			return nil, fmt.Errorf("field %s is there twice", key)
		}
		fields[last] = strings.TrimSpace(value)
	}
	return fields, nil
}

// relation is one package of a dependency field.
type relation struct {
	name    string
	version string // with "=", else empty
}

// parseRelations reads a field such as Depends (policy 7.1) as groups of
// alternatives. Architecture qualifiers, of no meaning in an image of one
// architecture, are dropped.
func parseRelations(field string) [][]relation {
	var groups [][]relation
	for group := range strings.SplitSeq(field, ",") {
		var alternatives []relation
		for alt := range strings.SplitSeq(group, "|") {
			name, rest, _ := strings.Cut(strings.TrimSpace(alt), " ")
			name, paren, tight := strings.Cut(name, "(") // "libc6(>= 2)"
			if tight {
				rest = "(" + paren + " " + rest
			}
			name, _, _ = strings.Cut(name, ":")
			if name == "" {
				continue
			}
			r := relation{name: name}
			rest, _, _ = strings.Cut(rest, ")")
			if v, ok := strings.CutPrefix(strings.TrimSpace(rest), "("); ok {
				if v, ok = strings.CutPrefix(strings.TrimSpace(v), "="); ok {
					r.version = strings.TrimSpace(v)
				}
			}
			alternatives = append(alternatives, r)
		}
		if alternatives != nil {
			groups = append(groups, alternatives)
		}
	}
	return groups
}

// names flattens dependency fields to names, each once, in their order.
func names(fields ...string) []string {
	var all []string
	seen := map[string]bool{}
	for _, f := range fields {
		for _, group := range parseRelations(f) {
			for _, r := range group {
				if !seen[r.name] {
					seen[r.name] = true
					all = append(all, r.name)
				}
			}
		}
	}
	return all
}
