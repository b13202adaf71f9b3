package systemd

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// shells is the text of shells(5): the login shells that Debian's packages name
// in PREFIX/share/debianutils, each also by the path that it has without
// symbolic links. It is empty where no package says how it begins.
func shells(t *tree.Tree, prefix string) (string, error) {
	dir := path.Join(prefix, "share/debianutils")
	_, n, err := t.Resolve(dir + "/shells")
	if err != nil {
		return "", nil
	}
	text, err := tree.ReadAll(n.Content)
	if err != nil {
		return "", err
	}
	seen := strings.Split(string(text), "\n")
	b := strings.Builder{}
	b.Write(text)
	add := func(content []byte) {
		for line := range strings.Lines(string(content)) {
			line, _, _ = strings.Cut(line, "#")
			shell := strings.TrimSpace(line)
			if shell == "" {
				continue
			}
			names := []string{shell}
			if real, _, err := t.Resolve(path.Dir(shell)); err == nil {
				names = append(names, path.Join(real, path.Base(shell)))
			}
			for _, name := range names {
				if !slices.Contains(seen, name) {
					seen = append(seen, name)
					b.WriteString(name + "\n")
				}
			}
		}
	}
	add(text)
	packages := children(t, dir+"/shells.d")
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if packages[name].Type != tree.File {
			continue
		}
		content, err := tree.ReadAll(packages[name].Content)
		if err != nil {
			return "", err
		}
		add(content)
	}
	return b.String(), nil
}
