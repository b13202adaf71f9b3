package kconfig

// explainValue says why a number or string has another value.
func (x *explainer) explainValue(sym *symbol, want, got string) {
	_, isNumber := numeric(want, sym.typ)
	switch {
	case want == "n":
		x.say("%s is %s and cannot be off", sym.name, article(sym.typ))
		return
	case sym.typ == String && !isQuoted(want):
		x.say("%s is a string: its value is written in double quotes", sym.name)
		return
	case sym.typ != String && (isQuoted(want) || !isNumber):
		x.say("%s is %s: %s is not a number of that kind", sym.name, article(sym.typ), want)
		return
	}
	visible := x.visible(sym)
	switch {
	case !sym.hasPrompt():
		x.say("%s has no prompt, so it cannot be set by hand", sym.name)
		x.defaultValue(sym, got)
	case visible.high == no:
		x.hidden(sym, mod, 0)
		x.defaultValue(sym, got)
	case x.outOfRange(sym, want):
	case visible.low == no:
		x.perhapsInvisible(sym, mod)
	}
}

func article(t Type) string {
	if t == Int {
		return "an int"
	}
	return "a " + string(t)
}

func (x *explainer) defaultValue(sym *symbol, got string) {
	for _, p := range sym.defaults {
		if got != "" && x.active(p).low > no {
			x.say("the default of %s (%s) decides, at %s", sym.name, p.expression(), p.at)
			return
		}
	}
}

// outOfRange says what range a number is not in.
func (x *explainer) outOfRange(sym *symbol, want string) bool {
	n, ok := numeric(want, sym.typ)
	for _, p := range sym.ranges {
		if !ok || x.active(p).high == no {
			continue
		}
		lowText, _ := x.text(p.value)
		highText, _ := x.text(p.high)
		low, okLow := numeric(lowText, sym.typ)
		high, okHigh := numeric(highText, sym.typ)
		if !okLow || !okHigh || n.Cmp(low) >= 0 && n.Cmp(high) <= 0 {
			return false
		}
		only := ""
		if p.when != nil {
			only = " if " + p.when.String()
		}
		x.say("%s is outside of the range %s to %s%s (%s)", want, lowText, highText, only, p.at)
		return true
	}
	return false
}
