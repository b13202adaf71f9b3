package kconfig

import "fmt"

// explainOn says what keeps a symbol above want.
func (x *explainer) explainOn(sym *symbol, want tri, depth int) {
	if want == mod && !x.modules() {
		x.say("this kernel has no modules (MODULES is off), so m becomes y")
		return
	}
	if x.selected(sym, want, depth) {
		return
	}
	if c := sym.choice(); c != nil {
		x.mustChoose(sym, c)
		return
	}
	visible := x.visible(sym)
	if visible.low > no {
		return // it could have been turned off
	}
	switch {
	case !sym.hasPrompt():
		x.say("%s has no prompt, so it cannot be set by hand", sym.name)
	case visible.high == no:
		x.hidden(sym, mod, depth)
	}
	x.turnedOn(sym)
}

// selected says who selects a symbol to more than want, and for those who
// have no prompt, who selects them.
func (x *explainer) selected(sym *symbol, want tri, depth int) bool {
	var sure, perhaps []property
	for _, p := range sym.selectedBy {
		switch b := x.fit(sym, x.pull(p)); {
		case b.low > want:
			sure = append(sure, p)
		case b.high > want:
			perhaps = append(perhaps, p)
		}
	}
	if len(sure) == 0 && len(perhaps) > 0 {
		x.say("%s may be selected by %s: that depends on a macro, %s", sym.name, x.owners(perhaps), outside)
		return true
	}
	if len(sure) == 0 {
		return false
	}
	x.say("%s is selected by %s", sym.name, x.owners(sure))
	for i, p := range sure {
		owner := p.from.symbol
		if i < 2 && depth < deepestReason && !owner.hasPrompt() && !x.said[owner.name] {
			x.said[owner.name] = true
			x.selected(owner, want, depth+1)
		}
	}
	return true
}

// owners names the symbols that have select or imply lines, with their places.
func (x *explainer) owners(lines []property) string {
	var names []string
	for _, p := range lines {
		names = append(names, fmt.Sprintf("%s (%s)", p.from.symbol.name, p.at))
	}
	return some(names, mostNames, "and")
}

// mustChoose says what else of a choice could be on.
func (x *explainer) mustChoose(sym *symbol, c *choice) {
	var others []string
	for _, m := range c.members {
		if m != sym && x.visible(m).high > no {
			others = append(others, m.name)
		}
	}
	if len(others) == 0 {
		x.say("%s is the only one of the choice %q that this configuration can have, and one has to be on", sym.name, c.prompt.text)
		return
	}
	x.say("%s is one of the choice %q, of which one has to be on: turn on %s instead", sym.name, c.prompt.text, some(others, mostNames, "or"))
}

// turnedOn says which default or imply decides for a symbol that has no prompt
// now.
func (x *explainer) turnedOn(sym *symbol) {
	for _, p := range sym.defaults {
		active := x.active(p)
		if active.high == no {
			continue
		}
		if x.value(p.value).high > no {
			verb := "decides"
			if active.low == no || x.value(p.value).low == no {
				verb = "may decide"
			}
			x.say("the default of %s (%s) %s, at %s", sym.name, p.expression(), verb, p.at)
			return
		}
		if active.low > no {
			break
		}
	}
	for _, p := range sym.impliedBy {
		if x.pull(p).high > no {
			x.say("%s is implied by %s", sym.name, x.owners([]property{p}))
			return
		}
	}
}

func (p property) expression() string {
	if p.when == nil {
		return p.value.String()
	}
	return p.value.String() + " if " + p.when.String()
}
