package pkgs

import (
	"cmp"
	"slices"
	"strings"
)

// Near lists up to three names that a person who wrote name may have meant: those that
// differ by a slip or two, then those that begin so. Case does not count.
func Near(name string, names []string) []string {
	type match struct {
		name string
		far  int
	}
	var all []match
	lower := strings.ToLower(name)
	for _, have := range names {
		switch far := distance(lower, strings.ToLower(have)); {
		case far <= 1+len(name)/6:
			all = append(all, match{have, far})
		case len(name) > 3 && strings.HasPrefix(strings.ToLower(have), lower):
			all = append(all, match{have, 100 + len(have)})
		}
	}
	slices.SortFunc(all, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.far, b.far), strings.Compare(a.name, b.name))
	})
	var near []string
	for _, m := range all[:min(3, len(all))] {
		near = append(near, m.name)
	}
	return near
}

// distance is how many bytes to insert, delete, replace or swap with their
// neighbour make b of a; 9 for anything that is far.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 8 || d < -8 {
		return 9
	}
	var older []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j])
			if a[i] != b[j] {
				next[j+1] = min(row[j+1], next[j], row[j]) + 1
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], older[j-1]+1)
			}
		}
		older, row = row, next
	}
	return row[len(b)]
}
