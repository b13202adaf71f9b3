package systemd

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/systemd/preset"
	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
	"github.com/bocaditos/bocaditos/tree"
)

// A confLine is one line of the files of a configuration directory.
type confLine struct {
	file string
	no   int
	text string
}

func (l confLine) String() string { return fmt.Sprintf("%s:%d", strings.TrimPrefix(l.file, "/"), l.no) }

// confLines reads dir of /etc and the prefix as systemd does: files in the
// order of their names, the one in /etc instead of its namesake.
func confLines(t *tree.Tree, prefix, dir, suffix string) (lines []confLine) {
	files := map[string]string{}
	for _, at := range []string{path.Join(prefix, "lib", dir), path.Join("/etc", dir)} {
		real, n, err := t.Resolve(at)
		if err != nil {
			continue
		}
		for _, name := range n.Children() {
			if strings.HasSuffix(name, suffix) {
				files[name] = path.Join(real, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		_, n, err := t.Resolve(files[name])
		if err != nil || n.Type != tree.File {
			continue // such as a link to /dev/null, which hides a file
		}
		content, err := tree.ReadAll(n.Content)
		if err != nil {
			continue // the tool itself will report it
		}
		no := 0
		for text := range strings.Lines(string(content)) {
			no++
			lines = append(lines, confLine{files[name], no, strings.TrimSpace(text)})
		}
	}
	return lines
}

// Groups are the names of the groups that t's sysusers.d(5) files make.
func Groups(t *tree.Tree, prefix string) map[string]bool {
	groups := map[string]bool{"root": true}
	for _, l := range confLines(t, prefix, "sysusers.d", ".conf") {
		if g := sysusers.GroupOf(l.text); g != "" {
			groups[g] = true
		}
	}
	return groups
}

// presetRule finds the line that enabled the unit that a link is to: none where
// another unit did, by Also=.
func presetRule(lines []confLine) func(string, *tree.Node) string {
	return func(p string, n *tree.Node) string {
		if n.Type != tree.Symlink {
			return ""
		}
		for _, l := range lines {
			switch preset.Decides(l.text, path.Base(n.Target)) {
			case "enable":
				return l.String()
			case "disable", "ignore":
				return ""
			}
		}
		return ""
	}
}

// tmpfilesRule finds the line of a path, or of what is nearest above it (a
// copied directory), or else the first below it (for which it was made).
func tmpfilesRule(lines []confLine) func(string, *tree.Node) string {
	return func(p string, _ *tree.Node) string {
		above, below := "", ""
		longest := 0
		for _, l := range lines {
			at := tmpfiles.Path(l.text)
			if at == "" {
				continue
			}
			if match, _ := path.Match(at, p); match || at == p {
				return l.String()
			}
			if strings.HasPrefix(p, at+"/") && len(at) > longest {
				above, longest = l.String(), len(at)
			}
			if below == "" && strings.HasPrefix(at, p+"/") {
				below = l.String()
			}
		}
		if above != "" {
			return above
		}
		return below
	}
}
