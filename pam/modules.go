package pam

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// moduleName is a module that is named without its directory.
var moduleName = regexp.MustCompile(`(^|[\s])(pam_[A-Za-z0-9_-]+\.so)([\s]|$)`)

// debianInclude is a line that only Debian's libpam understands.
var debianInclude = regexp.MustCompile(`(?i)^\s*@include\s+(\S+)\s*$`)

// Rewrite makes the services work with a libpam that has a prefix of its own. It
// looks for modules in one directory alone, that of its own package: each module
// below the prefix gets its absolute path into the lines that name it. And it does
// not know "@include", which is a line of the standard for each type. A file that needs no change keeps its node; a changed one becomes a
// node of its own, so its other names keep their content. Modules that are not
// there stay as they are, for Check.
func Rewrite(t *tree.Tree, prefix string) error {
	dir := path.Join(prefix, "lib/security")
	for _, s := range services(t, prefix) {
		_, n, err := t.Resolve(s.path)
		if err != nil {
			return err
		}
		content, err := tree.ReadAll(n.Content)
		if err != nil {
			return fmt.Errorf("read %s: %w", s.path, err)
		}
		var b strings.Builder
		for line := range strings.Lines(string(content)) {
			code, comment, commented := strings.Cut(line, "#")
			if m := debianInclude.FindStringSubmatch(code); m != nil {
				for _, kind := range []string{"auth", "account", "password", "session"} {
					fmt.Fprintf(&b, "%s include %s\n", kind, m[1])
				}
				continue
			}
			b.WriteString(moduleName.ReplaceAllStringFunc(code, func(match string) string {
				name := strings.TrimSpace(match)
				if !isFile(t, path.Join(dir, name)) {
					return match
				}
				return strings.Replace(match, name, path.Join(dir, name), 1)
			}))
			if commented {
				b.WriteString("#" + comment)
			}
		}
		if b.String() == string(content) {
			continue
		}
		private := *n
		private.Content = tree.String(b.String())
		private.History = append(n.History[:len(n.History):len(n.History)], tree.Origin{Pass: "pam", Rule: "for a libpam with a prefix of its own"})
		if err := t.Put(s.path, &private); err != nil {
			return err
		}
	}
	return nil
}
