package kconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// A Source is what the Kconfig files of a kernel say for one architecture. It
// does not change, and can be used by several goroutines.
type Source struct {
	fsys    fs.FS
	srcarch string
	symbols map[string]*symbol
	modules *symbol // the one that allows the value m, MODULES; nil when there is none

	foreignOnce sync.Once
	foreign     map[string]Position
}

// A symbol and all that is said about it, in the order of the files.
type symbol struct {
	name        string
	typ         Type
	definitions []*definition
	defaults    []property
	ranges      []property
	selectedBy  []property
	impliedBy   []property
}

// A Type is the type of a symbol as Kconfig names it.
type Type string

// The types. A symbol that only select lines name has NoType.
const (
	NoType   Type = ""
	Bool     Type = "bool"
	Tristate Type = "tristate"
	Int      Type = "int"
	Hex      Type = "hex"
	String   Type = "string"
)

func (t Type) isSwitch() bool { return t == Bool || t == Tristate }

// A definition is one config block. A symbol can have several; each holds
// under its own dependencies and those of what is around it.
type definition struct {
	symbol  *symbol
	at      Position
	scope   *scope
	depends []*expr
	prompt  *prompt
	help    string
}

type prompt struct {
	text string
	when *expr
}

// A property is one line of a definition: a default (value), a range (value,
// high), or a select or imply, which is kept with the symbol that it is about.
type property struct {
	from        *definition
	value, high *expr
	when        *expr
	at          Position
}

// A scope is what encloses definitions: a file, if, menu or choice.
type scope struct {
	kind    string // "file", "if", "menu", "choice"
	parent  *scope
	depends []*expr
	visible []*expr // "visible if", which hides prompts and nothing else
	choice  *choice
	at      Position
}

// A choice is a block of which one member is y.
type choice struct {
	prompt  prompt
	members []*symbol
}

// conditions are the dependencies of a definition, its own first, with those
// of everything around it.
func (d *definition) conditions() []*expr {
	all := conjuncts(nil, d.depends...)
	for s := d.scope; s != nil; s = s.parent {
		all = conjuncts(all, s.depends...)
	}
	return all
}

// promptConditions are what a prompt needs beyond the dependencies.
func (d *definition) promptConditions() []*expr {
	all := conjuncts(nil, d.prompt.when)
	for s := d.scope; s != nil; s = s.parent {
		all = conjuncts(all, s.visible...)
	}
	return all
}

// conjuncts adds the parts of A && B, each once.
func conjuncts(all []*expr, more ...*expr) []*expr {
	for _, e := range more {
	next:
		for _, part := range e.operands(opAnd) {
			for _, have := range all {
				if have.String() == part.String() {
					continue next
				}
			}
			all = append(all, part)
		}
	}
	return all
}

// choice is the choice that a symbol is a member of, or nil.
func (s *symbol) choice() *choice {
	for _, d := range s.definitions {
		if d.prompt == nil {
			continue
		}
		for sc := d.scope; sc != nil; sc = sc.parent {
			if sc.choice != nil {
				return sc.choice
			}
		}
		break // like the kernel, which looks at the first prompt
	}
	return nil
}

// hasPrompt says whether a person can set the symbol at all.
func (s *symbol) hasPrompt() bool {
	for _, d := range s.definitions {
		if d.prompt != nil {
			return true
		}
	}
	return false
}

// Load reads the Kconfig files of the kernel's source in dir, for what the
// kernel's makefiles call SRCARCH: "x86", "arm64".
//
// What it does not understand (each with file:line) is an error, and so is a
// file that is not there; the source that comes with the error can be used: it
// lacks only those statements. It is nil when there is no Kconfig file at all.
func Load(dir, srcarch string) (*Source, error) {
	return LoadFS(os.DirFS(dir), srcarch)
}

// LoadFS is Load for a file system.
func LoadFS(fsys fs.FS, srcarch string) (*Source, error) {
	if _, err := fs.Stat(fsys, "Kconfig"); err != nil {
		return nil, fmt.Errorf("no source of a kernel: %w", err)
	}
	s := &Source{fsys: fsys, srcarch: srcarch, symbols: map[string]*symbol{}}
	p := &parser{source: s, macros: &macros{environment(srcarch), map[string]*variable{}}}
	p.file("Kconfig", Position{})
	return s, errors.Join(p.errs...)
}
