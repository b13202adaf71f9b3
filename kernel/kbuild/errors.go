package kbuild

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// An Error is why make failed.
type Error struct {
	First string // the first error in the log, which caused the others, with the lines that belong to it
	tip   string
}

func (e *Error) Error() string { return e.First }

// Hint is what the user can do about it.
func (e *Error) Hint() string { return e.tip }

var (
	// trouble is what programs write when they fail; make's own lines, which
	// only tell that one did, are another matter.
	trouble = regexp.MustCompile(`(?i)\b(fatal )?error\b:?|undefined reference|multiple definition|command not found|: not found$|no rule to make target|internal compiler error|no space left on device|killed signal|^make(\[\d+\])?: [^:]+: No such file|the source tree is not clean`)
	makes   = regexp.MustCompile(`^make(\[\d+\])?: (\*\*\* \[|\*\*\* Waiting|Target |Leaving|Entering)`)
	told    = regexp.MustCompile(`^  [A-Z0-9_]+ +\S`) // "  CC      lib/errors.o": a file's name is no error
	rest    = regexp.MustCompile(`^( |\t|In file included from|.*: note: )`)
	program = regexp.MustCompile(`(?:^|: )([A-Za-z0-9_.+/-]+): (?:(?:command )?not found|No such file)`)
	header  = regexp.MustCompile(`fatal error: (\S+): No such file`)
)

// has maps what Debian's packages that are not among Packages have to their
// names: programs that configurations ask for, and headers.
var has = map[string]string{
	"pahole": "dwarves", "rustc": "rustc", "bindgen": "bindgen", "python3": "python3-minimal", "lz4": "lz4", "lzop": "lzop",
	"xz": "xz-utils", "bzip2": "bzip2", "cpio": "cpio", "rsync": "rsync", "openssl": "openssl", "tar": "tar", "dwarf.h": "libdw-dev", "elfutils/libdw.h": "libdw-dev",
}

// explain finds the first real error in make's output.
func explain(log string, code int) error {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	first := -1
	for i, line := range lines {
		if trouble.MatchString(line) && !makes.MatchString(line) && !told.MatchString(line) {
			first = i
			break
		}
	}
	if first < 0 {
		for _, line := range slices.Backward(lines) {
			if strings.TrimSpace(line) != "" && !makes.MatchString(line) {
				return &Error{First: fmt.Sprintf("make exited with %d: %s", code, line)}
			}
		}
		return &Error{First: fmt.Sprintf("make exited with %d and said nothing", code)}
	}
	// What leads to it and what follows from it, but no other file's output.
	begin, end := first, first+1
	for begin > 0 && first-begin < 4 && rest.MatchString(lines[begin-1]) && !told.MatchString(lines[begin-1]) {
		begin--
	}
	for end < len(lines) && end-first < 6 && rest.MatchString(lines[end]) && !told.MatchString(lines[end]) {
		end++
	}
	e := &Error{First: strings.Join(lines[begin:end], "\n")}
	name := ""
	if m := program.FindStringSubmatch(lines[first]); m != nil {
		name = m[1]
	} else if m := header.FindStringSubmatch(lines[first]); m != nil {
		name = m[1]
	}
	switch {
	case has[name] != "":
		e.tip = fmt.Sprintf("add the package %q to kernel.build.tools", has[name])
	case name != "":
		e.tip = fmt.Sprintf("add the package that has %s to kernel.build.tools", name)
	case strings.Contains(e.First, "source tree is not clean"):
		e.tip = "objects of another build are in the source directory: make mrproper removes them"
	}
	return e
}
