package maintscript

import (
	"maps"
	"slices"
	"strconv"
)

// A value is a word or a variable. When it is not known, its text is how the
// script writes it.
type value struct {
	text  string
	known bool
}

func known(text string) value   { return value{text, true} }
func unknown(text string) value { return value{text, false} }

// A state is what is known of a shell at one point of a script.
type state struct {
	vars      map[string]string // those whose value is known; all others may have any
	args      []value           // $1 and so on
	argsKnown bool              // whether there are exactly these
	dead      bool              // this point is not reached
}

func (s *state) clone() *state {
	c := *s
	c.vars, c.args = maps.Clone(s.vars), slices.Clone(s.args)
	return &c
}

// become makes s what is known where both a and b may be.
func (s *state) become(a, b *state) {
	switch {
	case a.dead:
		*s = *b.clone()
		return
	case b.dead:
		*s = *a.clone()
		return
	}
	merged := a.clone()
	maps.DeleteFunc(merged.vars, func(name, text string) bool {
		other, ok := b.vars[name]
		return !ok || other != text
	})
	if !slices.Equal(a.args, b.args) || a.argsKnown != b.argsKnown {
		merged.args, merged.argsKnown = nil, false
	}
	*s = *merged
}

func (s *state) equal(o *state) bool {
	return s.dead == o.dead && s.argsKnown == o.argsKnown && maps.Equal(s.vars, o.vars) && slices.Equal(s.args, o.args)
}

func (s *state) set(name string, v value) {
	if v.known {
		s.vars[name] = v.text
	} else {
		delete(s.vars, name)
	}
}

// get returns a parameter, and whether it is set, which only means something
// when it is known.
func (s *state) get(name string) (v value, set bool) {
	if n, err := strconv.Atoi(name); err == nil && n > 0 {
		switch {
		case !s.argsKnown:
			return unknown("$" + name), true
		case n <= len(s.args):
			return s.args[n-1], true
		}
		return known(""), false
	}
	if name == "#" && s.argsKnown {
		return known(strconv.Itoa(len(s.args))), true
	}
	if text, ok := s.vars[name]; ok {
		return known(text), true
	}
	return unknown("$" + name), true
}

// A truth is what is known of a condition.
type truth int

const (
	maybe truth = iota
	yes
	no
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return maybe
}

func (t truth) and(u truth) truth {
	switch {
	case t == no || u == no:
		return no
	case t == yes && u == yes:
		return yes
	}
	return maybe
}

func (t truth) or(u truth) truth { return t.not().and(u.not()).not() }

// either is what is known when one of two ways was taken.
func either(t, u truth) truth {
	if t == u {
		return t
	}
	return maybe
}
