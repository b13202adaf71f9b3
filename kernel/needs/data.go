package needs

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

//go:embed *.toml
var files embed.FS

// What Finding.Who calls those that are no unit.
const (
	bocaditos = "Bocaditos"
	systemd   = "systemd"
)

// A need is a [[need]] of a file: what triggers it, then what it asks for.
// Without a trigger, every image needs it. Patterns are as in path.Match.
type need struct {
	When        string   `toml:"when"`         // a pattern for a property of the image, see Image.facts
	CommandLine string   `toml:"command_line"` // a pattern for a word of the kernel command line
	Unit        string   `toml:"unit"`         // a pattern for the names of units
	Settings    []string `toml:"settings"`     // settings of a unit, if they have …
	Values      pattern  `toml:"values"`       // … a value like this, or any, …
	Unless      pattern  `toml:"unless"`       // … but none like this; not given: none that switches it off
	Each        bool     `toml:"each"`         // all lines of the setting count, not only the last one

	Needs []string `toml:"needs"` // all of them, see Finding.Symbols
	Why   string   `toml:"why"`
	Level Level    `toml:"level"`
}

// A pattern is a regular expression for a whole text, in any case.
type pattern struct{ *regexp.Regexp }

func (p *pattern) UnmarshalText(text []byte) (err error) {
	p.Regexp, err = regexp.Compile("(?i)^(" + string(text) + ")$")
	return err
}

// off are the values with which nothing is asked for, in most settings.
var off = pattern{regexp.MustCompile("(?i)^(0|n|no|f|false|off|infinity)$")}

// A group is a file of needs, and who they are of.
type group struct {
	who   string
	needs []need
}

// general are the needs that do not depend on units.
var general = sync.OnceValue(func() []group {
	return []group{{bocaditos, readNeeds("bocaditos.toml")}, {systemd, readNeeds("systemd.toml")}}
})

// ofUnits are the needs of units' settings and kinds.
var ofUnits = sync.OnceValue(func() []need {
	needs := readNeeds("settings.toml")
	for i := range needs {
		if needs[i].Unless.Regexp == nil {
			needs[i].Unless = off
		}
	}
	return needs
})

// conditionTables is conditions.toml: what the arguments of conditions ask for.
type conditionTables struct {
	Paths       map[string][]string `toml:"paths"`
	Security    map[string][]string `toml:"security"`
	Controllers map[string][]string `toml:"controllers"`
	Modules     map[string][]string `toml:"modules"`
}

var conditions = sync.OnceValue(func() (c conditionTables) {
	read("conditions.toml", &c)
	return c
})

// filesystems is filesystems.toml: what the types of filesystems ask for.
var filesystems = sync.OnceValue(func() map[string][]string {
	var file struct {
		Filesystems map[string][]string `toml:"filesystems"`
	}
	read("filesystems.toml", &file)
	return file.Filesystems
})

func readNeeds(name string) []need {
	var file struct {
		Needs []need `toml:"need"`
	}
	read(name, &file)
	return file.Needs
}

func read(name string, into any) {
	content, err := files.ReadFile(name)
	if err == nil {
		err = toml.NewDecoder(bytes.NewReader(content)).DisallowUnknownFields().Decode(into)
	}
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err)) // it is part of the program
	}
}

// matchAny says whether any of the words is like the pattern; no pattern is
// like nothing.
func matchAny(pattern string, words []string) bool {
	return pattern != "" && slices.ContainsFunc(words, func(w string) bool {
		ok, err := path.Match(pattern, w)
		return ok && err == nil
	})
}
