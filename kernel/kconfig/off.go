package kconfig

import (
	"fmt"
	"slices"
)

// explainOff says why a symbol is less than need. Below the first symbol,
// depth > 0, one that a person can turn on is not explained but remembered.
func (x *explainer) explainOff(sym *symbol, need tri, depth int) {
	if need == yes && !x.threeValued(sym) {
		need = mod // what a bool depends on may be m
	}
	visible := x.visible(sym)
	switch {
	case !sym.hasPrompt():
		x.noPrompt(sym, need, depth)
	case visible.high < need:
		x.invisible(sym, need, depth)
	case x.otherChosen(sym):
	case visible.low < need:
		x.perhapsInvisible(sym, need)
	case depth > 0:
		x.miss(sym)
	}
}

// otherChosen says which member of the symbol's choice is on instead.
func (x *explainer) otherChosen(sym *symbol) bool {
	c := sym.choice()
	if c == nil {
		return false
	}
	for _, m := range c.members {
		if m != sym && x.final[m.name] == "y" {
			asked := ""
			if s, ok := x.asked[m.name]; ok && s.Value == "y" {
				asked = fmt.Sprintf(" (asked for in %s)", s.Where())
			}
			x.say("%s is one of the choice %q, of which %s is on%s", sym.name, c.prompt.text, m.name, asked)
			return true
		}
	}
	return false
}

// invisible says why a person cannot turn on a symbol, and when only its
// prompt is hidden, what else would turn it on.
func (x *explainer) invisible(sym *symbol, need tri, depth int) {
	if onlyPrompt := x.hidden(sym, need, depth); onlyPrompt {
		x.withoutPrompt(sym, need, depth)
	}
}

// hidden says what keeps each of the symbol's prompts away, and whether for
// one of them that is not what the symbol itself depends on.
func (x *explainer) hidden(sym *symbol, need tri, depth int) (onlyPrompt bool) {
	var prompted []*definition
	for _, d := range sym.definitions {
		if d.prompt != nil {
			prompted = append(prompted, d)
		}
	}
	for i, d := range prompted {
		if i == mostNames {
			x.say("%s has %d more definitions, of which none can be had either", sym.name, len(prompted)-i)
			break
		}
		subject := sym.name
		if len(prompted) > 1 {
			subject = fmt.Sprintf("%s at %s", sym.name, d.at)
		}
		if x.all(d.conditions()).high < need {
			x.unmet(subject, d.conditions(), need, depth)
			continue
		}
		onlyPrompt = true
		x.unmet("the prompt of "+subject, d.promptConditions(), need, depth)
	}
	return onlyPrompt
}

// perhapsInvisible is for what only depends on something unknown.
func (x *explainer) perhapsInvisible(sym *symbol, need tri) {
	for _, d := range sym.definitions {
		if d.prompt == nil {
			continue
		}
		x.perhaps(sym.name+" depends on", append(d.conditions(), d.promptConditions()...), need)
	}
}

// perhaps names the conditions that may be unmet.
func (x *explainer) perhaps(subject string, conditions []*expr, need tri) {
	var open []string
	for _, e := range conditions {
		if x.condition(e).low < need {
			open = append(open, e.String())
		}
	}
	if len(open) > 0 {
		x.say("%s %s, %s", subject, some(open, mostNames, "and"), outside)
	}
}

// noPrompt says what would turn on a symbol that nobody can set.
func (x *explainer) noPrompt(sym *symbol, need tri, depth int) {
	x.say("%s has no prompt, so it cannot be set by hand", sym.name)
	x.withoutPrompt(sym, need, depth)
}

// withoutPrompt says which select lines and defaults could turn on a symbol
// and do not.
func (x *explainer) withoutPrompt(sym *symbol, need tri, depth int) {
	owners := x.inReach(sym.selectedBy)
	switch {
	case len(owners) == 1:
		x.onlySelect(sym, owners[0], need, depth)
	case len(owners) > 1:
		var names []string
		for i, owner := range owners {
			names = append(names, owner.name)
			if i < mostNames {
				x.miss(owner)
			}
		}
		x.say("%s is on when selected by %s", sym.name, some(names, mostNames, "or"))
	}
	for _, p := range sym.defaults {
		if p.value.op == opConst && p.value.text == "n" {
			continue
		}
		// Further defaults are variants of the first, or for other architectures.
		conditions := append(conjuncts(nil, p.value, p.when), p.from.conditions()...)
		if x.all(conditions).high < need {
			x.unmet(fmt.Sprintf("the default of %s (%s)", sym.name, p.expression()), conditions, need, depth)
		} else {
			x.perhaps(fmt.Sprintf("the default of %s depends on", sym.name), conditions, need)
		}
		return
	}
	if len(owners) == 0 {
		x.say("nothing selects %s, and it has no default that turns it on", sym.name)
	}
}

// inReach are the symbols that have select lines for another. When some of
// them could be turned on now, the others are of no interest.
func (x *explainer) inReach(lines []property) []*symbol {
	var near, far []*symbol
	for _, p := range lines {
		owner := p.from.symbol
		if slices.Contains(near, owner) || slices.Contains(far, owner) {
			continue
		}
		if x.pull(p).high > no || x.active(p).high > no && x.visible(owner).high > no {
			near = append(near, owner)
		} else {
			far = append(far, owner)
		}
	}
	if len(near) > 0 {
		return near
	}
	return far
}

// onlySelect says why the one symbol that could select another does not.
func (x *explainer) onlySelect(sym, owner *symbol, need tri, depth int) {
	leaf := &expr{op: opSymbol, text: owner.name}
	if x.value(leaf).high < need {
		x.say("only %s, can select %s", x.symbolPhrase(owner.name), sym.name)
		if depth < deepestReason {
			x.follow(leaf, need, depth+1)
		}
		return
	}
	for _, p := range sym.selectedBy {
		if p.from.symbol == owner {
			x.unmet(fmt.Sprintf("%s would select %s, and that", owner.name, sym.name), append(conjuncts(nil, p.when), p.from.conditions()...), need, depth)
		}
	}
}
