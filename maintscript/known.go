package maintscript

import (
	"bytes"
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

//go:embed known.toml
var knownFile []byte

// An Entry is a table of known.toml: commands of a package that somebody
// looked at.
type Entry struct {
	Package  string   `toml:"package"` // may be a pattern
	Why      string   `toml:"why"`
	By       []string `toml:"by"`     // none: harmless
	Absent   []string `toml:"absent"` // only while the image has none of these
	Commands []string `toml:"commands,multiline"`

	patterns []*regexp.Regexp
}

// Known is known.toml.
var Known = sync.OnceValue(func() []Entry {
	var file struct {
		Entries []Entry `toml:"known"`
	}
	if err := toml.NewDecoder(bytes.NewReader(knownFile)).DisallowUnknownFields().Decode(&file); err != nil {
		panic(fmt.Sprintf("known.toml: %v", err)) // it is part of the program
	}
	for i, e := range file.Entries {
		for _, c := range e.Commands {
			expr := strings.ReplaceAll(regexp.QuoteMeta(c), `\*`, `.*`)
			file.Entries[i].patterns = append(file.Entries[i].patterns, regexp.MustCompile("^"+expr+"$"))
		}
	}
	return file.Entries
})

// Covers says whether the entry's command i is for this command of a package.
func (e Entry) Covers(pkg string, i int, command string) bool {
	ok, err := path.Match(e.Package, pkg)
	return ok && err == nil && e.patterns[i].MatchString(command)
}

// look returns the command with what known.toml says of it, if it does and if
// that holds for this image.
func look(pkg string, c Command, has func(string) bool) Command {
	for _, e := range Known() {
		covered := false
		for i := range e.Commands {
			covered = covered || e.Covers(pkg, i, c.Text)
		}
		if !covered {
			continue
		}
		lacks := func(p string) bool { return path.IsAbs(p) && !has(p) }
		if slices.ContainsFunc(e.Absent, has) || slices.ContainsFunc(e.By, lacks) {
			continue
		}
		c.Verdict, c.Why, c.By = Harmless, e.Why, e.By
		if len(e.By) > 0 {
			c.Verdict = Replaced
		}
		return c
	}
	return c
}
