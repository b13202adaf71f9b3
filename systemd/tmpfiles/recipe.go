package tmpfiles

import (
	"fmt"
	"strings"
)

// A Home is a directory that a user of a recipe owns.
type Home struct {
	Path, User, Group string
	Skeleton          bool // begins with what is in /etc/skel
}

// RecipePath is where Recipe's content belongs, below the prefix. Its name
// sorts before all others: the first line about a path counts.
const RecipePath = "lib/tmpfiles.d/00-recipe.conf"

// Recipe returns a tmpfiles.d(5) file that makes homes where they are missing.
func Recipe(homes []Home) string {
	var b strings.Builder
	b.WriteString("# homes of the recipe's users\n")
	for _, h := range homes {
		kind, source := "d", "-"
		if h.Skeleton {
			kind, source = "C", "/etc/skel"
		}
		fmt.Fprintf(&b, "%s %s 0700 %s %s - %s\n", kind, Quote(h.Path), h.User, h.Group, source)
	}
	return b.String()
}

// Quote writes a path as a field of a line: without specifiers, and in quotes
// where it has to be.
func Quote(p string) string {
	p = strings.ReplaceAll(p, "%", "%%")
	if strings.ContainsAny(p, " \t\n\"'\\") {
		p = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(p) + `"`
	}
	return p
}

// Argument writes the last field of a line, which ends with the line.
func Argument(s string) string {
	return strings.NewReplacer("%", "%%", `\`, `\\`, "\n", `\n`).Replace(s)
}

// Makes says whether a line makes what is at its Path, and not only changes it.
func Makes(line string) bool {
	f := strings.Fields(line)
	return len(f) > 0 && strings.ContainsRune("fFdDvqQpLcbC", rune(f[0][0]))
}
