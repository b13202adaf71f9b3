package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxLongName   = 255 // UTF-16 code units
	longNameUnits = 13  // in one directory entry
)

// checkFATName says whether a name is one for a long directory entry.
func checkFATName(name string) error {
	switch {
	case name == "":
		return errors.New("empty name in path")
	case !utf8.ValidString(name):
		return fmt.Errorf("name %q is not UTF-8", name)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return fmt.Errorf("name %q ends with a dot or space", name)
	case len(utf16.Encode([]rune(name))) > maxLongName:
		return fmt.Errorf("name %q is longer than %d UTF-16 code units", name, maxLongName)
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`"*:<>?\|`, r) {
			return fmt.Errorf("name %q has %q, which FAT does not allow", name, r)
		}
	}
	return nil
}

func checkVolumeLabel(label string) error {
	if len(label) > 11 {
		return fmt.Errorf("volume label %q is longer than 11 characters", label)
	}
	for i := range len(label) {
		if !isShortByte(label[i]) && (label[i] != ' ' || i == 0) {
			return fmt.Errorf("volume label %q has %q, which FAT does not allow there", label, label[i])
		}
	}
	return nil
}

func foldName(name string) string { return strings.ToUpper(name) }

// isShortByte says whether c may be in a short name.
func isShortByte(c byte) bool {
	return 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'()-@^_`{}~", c) >= 0
}

// assignShortNames gives the names of one directory their 8.3 names, each a
// different one. Names that are 8.3 already keep theirs.
func assignShortNames(nodes []*fatNode) error {
	taken := map[[11]byte]bool{}
	var rest []*fatNode
	for _, n := range nodes {
		short, exact := shortName(n.name)
		if exact && n.name == foldName(n.name) {
			n.short = short
			taken[short] = true
		} else {
			n.long = true
			rest = append(rest, n)
		}
	}
	for _, n := range rest {
		basis, exact := shortName(n.name)
		short := basis
		for i := 1; !exact || taken[short]; i++ {
			if i > 999999 {
				return fmt.Errorf("no short name is left for %q", n.name)
			}
			short, exact = withTail(basis, i), true
		}
		n.short = short
		taken[short] = true
	}
	return nil
}

// shortName turns a name into the blank-padded 8.3 form; exact is false if
// more than the case was lost.
func shortName(name string) (short [11]byte, exact bool) {
	copy(short[:], "           ")
	base, ext := strings.TrimLeft(name, ". "), ""
	exact = base == name
	if i := strings.LastIndexByte(base, '.'); i >= 0 {
		base, ext = base[:i], base[i+1:]
	}
	fill := func(dst []byte, s string) {
		n := 0
		for _, r := range foldName(s) {
			c := byte('_')
			switch {
			case r < utf8.RuneSelf && isShortByte(byte(r)):
				c = byte(r)
			case r == ' ' || r == '.':
				exact = false
				continue
			default:
				exact = false
			}
			if n == len(dst) {
				exact = false
				return
			}
			dst[n] = c
			n++
		}
	}
	fill(short[:8], base)
	fill(short[8:], ext)
	return short, exact
}

// withTail puts ~i at the end of the base name.
func withTail(short [11]byte, i int) [11]byte {
	tail := fmt.Sprintf("~%d", i)
	base := strings.TrimRight(string(short[:8]), " ")
	copy(short[:8], fmt.Sprintf("%-8s", base[:min(len(base), 8-len(tail))]+tail))
	return short
}

// longEntries is the number of directory entries a long name takes.
func longEntries(name string) int {
	return (len(utf16.Encode([]rune(name))) + longNameUnits - 1) / longNameUnits
}

// appendLongName appends the entries of a long name, which precede the short
// one, last part first.
func appendLongName(b []byte, name string, short [11]byte) []byte {
	var sum byte
	for _, c := range short {
		sum = sum>>1 | sum<<7
		sum += c
	}
	units := utf16.Encode([]rune(name))
	count := longEntries(name)
	if len(units)%longNameUnits != 0 {
		units = append(units, 0)
	}
	for len(units)%longNameUnits != 0 {
		units = append(units, 0xffff)
	}
	for i := count; i > 0; i-- {
		var d [direntSize]byte
		d[0] = byte(i)
		if i == count {
			d[0] |= 0x40 // the last part
		}
		d[11] = attrLongName
		d[13] = sum
		at := []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30}
		for j, u := range units[(i-1)*longNameUnits : i*longNameUnits] {
			binary.LittleEndian.PutUint16(d[at[j]:], u)
		}
		b = append(b, d[:]...)
	}
	return b
}
