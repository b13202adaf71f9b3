// Package tmpfiles holds the tmpfiles.d(5) files that Bocaditos ships and what
// it needs to know of systemd-tmpfiles: how to call it for an image, and the
// meaning of its messages. Files are systemd-tmpfiles's business.
package tmpfiles

import (
	"embed"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

//go:embed files factory
var files embed.FS

// Files are for PREFIX/lib/tmpfiles.d, one for each package that needs it.
// @PREFIX@ in them stands for the prefix.
func Files() fs.FS { return sub("files") }

// Factory has what Files copy: factory/PACKAGE is for PREFIX/share/factory.
func Factory() fs.FS { return sub("factory") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // not with a valid constant
	}
	return f
}

// Args are the arguments for making an image's root: all that is made at boot,
// but nothing where a filesystem gets mounted before that.
func Args() []string {
	return []string{"--create", "--boot",
		"--exclude-prefix=/dev", "--exclude-prefix=/proc", "--exclude-prefix=/run", "--exclude-prefix=/sys", "--exclude-prefix=/tmp"}
}

// Partial says whether an exit code means that some lines could not be
// applied: EX_DATAERR or EX_CANTCREAT.
func Partial(exitCode int) bool { return exitCode == 65 || exitCode == 73 }

// Path returns which path a line of configuration creates or changes: nothing
// for one that only removes or cleans up, or whose path is known at boot only.
func Path(line string) string {
	f := strings.Fields(line)
	if len(f) < 2 || strings.ContainsRune("#rRxX", rune(f[0][0])) || strings.Contains(f[1], "%") {
		return ""
	}
	return path.Clean(strings.Trim(f[1], `"'`))
}

var (
	confLine = regexp.MustCompile(`^(/\S+\.conf:\d+): (.*)$`)

	harmless = regexp.MustCompile(strings.Join([]string{
		// %m and %b: the image has no machine ID and is not booted, so the lines
		// are for every boot of a machine.
		`^Failed to resolve specifier: uninitialized /etc/? detected, skipping\.?$`,
		`^All rules containing unresolvable specifiers will be skipped\.$`,
		`^Failed to replace specifiers in '[^']*%[mbH][^']*': `,
		// Old spelling, same effect.
		`^Line references path below legacy directory /var/run/`,
	}, "|"))

	duplicate = regexp.MustCompile(`^Duplicate line for path "(.*)", ignoring\.$`)
)

// overridden says whether one of Files has a line about the path: it decides.
func overridden(p string) bool {
	names, _ := fs.Glob(Files(), "*")
	for _, name := range names {
		content, _ := fs.ReadFile(Files(), name)
		for line := range strings.Lines(string(content)) {
			below, ours := strings.CutPrefix(Path(line), "@PREFIX@")
			if below == p || ours && strings.HasSuffix(p, below) {
				return true
			}
		}
	}
	return false
}

// Message reads a line that the tool wrote: which line of configuration it is
// about, and whether it is a warning at all.
func Message(line string) (subject, text string, warning bool) {
	text = line
	if m := confLine.FindStringSubmatch(line); m != nil {
		subject, text = m[1], m[2]
	}
	if m := duplicate.FindStringSubmatch(text); m != nil && overridden(m[1]) {
		return subject, text, false
	}
	return subject, text, text != "" && !harmless.MatchString(text)
}
