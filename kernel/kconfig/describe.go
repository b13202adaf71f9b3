package kconfig

// A Description is what a source says about a symbol, for a person.
type Description struct {
	Symbol  string
	Type    Type
	Prompt  string     // the line of menuconfig; empty when it cannot be set by hand
	Help    string     // without indentation; often empty
	Depends []string   // all of these expressions have to hold, those of enclosing blocks too
	Defined []Position // several are alternatives
}

// Describe returns the prompt, help and dependencies of a symbol. Of several
// definitions it is the first one with a prompt that counts.
func (s *Source) Describe(symbol string) (Description, bool) {
	sym := s.symbols[symbol]
	if sym == nil || len(sym.definitions) == 0 {
		return Description{}, false
	}
	first := sym.definitions[0]
	d := Description{Symbol: symbol, Type: sym.typ}
	for i := len(sym.definitions) - 1; i >= 0; i-- {
		if sym.definitions[i].prompt != nil {
			first = sym.definitions[i]
			d.Prompt = first.prompt.text
		}
	}
	for _, def := range sym.definitions {
		d.Defined = append(d.Defined, def.at)
	}
	d.Help = first.help
	d.Depends = texts(first.conditions())
	return d, true
}
