package kconfig

import (
	"cmp"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// mostNear is how many names a person can choose from at a glance.
const mostNear = 3

// Has says whether the source defines a symbol.
func (s *Source) Has(symbol string) bool {
	sym := s.symbols[symbol]
	return sym != nil && len(sym.definitions) > 0
}

// Near returns up to three symbols that a name may have been meant for, the
// likeliest first: those a few typing errors away, then those that the name
// begins or ends. Symbols that can be set by hand come before equals.
func (s *Source) Near(name string) []string {
	type candidate struct {
		name  string
		score int
	}
	limit := max(1, min(3, len(name)/4))
	upper := strings.ToUpper(name)
	var found []candidate
	for _, sym := range s.symbols {
		if len(sym.definitions) == 0 || sym.name == name {
			continue
		}
		score := distance(upper, strings.ToUpper(sym.name), limit)
		if score > limit {
			if len(name) < 3 || !strings.HasPrefix(sym.name, upper+"_") && !strings.HasSuffix(sym.name, "_"+upper) {
				continue
			}
			score = limit + len(sym.name) - len(name)
		}
		score *= 2
		if !sym.hasPrompt() {
			score++
		}
		found = append(found, candidate{sym.name, score})
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range found[:min(mostNear, len(found))] {
		names = append(names, c.name)
	}
	return names
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a (optimal string alignment). Beyond the limit it
// says only that: limit+1.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
			least = min(least, next[j])
		}
		if least > limit {
			return limit + 1
		}
		before, row = row, next
	}
	return row[len(b)]
}

var configLine = regexp.MustCompile(`(?m)^[ \t]*(?:menu)?config[ \t]+(\w+)`)

// elsewhere finds where another architecture defines a symbol that this one
// does not have. Their files are read when first asked for, and only as far as
// their config lines: they are no part of this configuration.
func (s *Source) elsewhere(symbol string) (Position, bool) {
	s.foreignOnce.Do(func() {
		s.foreign = map[string]Position{}
		// What cannot be read cannot be told: an explanation is shorter for it.
		_ = fs.WalkDir(s.fsys, "arch", func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return fs.SkipDir
			case d.IsDir() && (name == "arch/"+s.srcarch || path.Base(name) == "dts"):
				return fs.SkipDir
			case !d.IsDir() && strings.HasPrefix(path.Base(name), "Kconfig"):
				s.addForeign(name)
			}
			return nil
		})
	})
	at, ok := s.foreign[symbol]
	return at, ok
}

func (s *Source) addForeign(name string) {
	data, err := fs.ReadFile(s.fsys, name)
	if err != nil {
		return
	}
	for _, m := range configLine.FindAllSubmatchIndex(data, -1) {
		symbol := string(data[m[2]:m[3]])
		if _, have := s.foreign[symbol]; !have {
			s.foreign[symbol] = Position{name, 1 + strings.Count(string(data[:m[2]]), "\n")}
		}
	}
}
