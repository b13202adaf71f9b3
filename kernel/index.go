package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// moduleBases are where modules live; the later one wins, so that on a merged
// /usr the canonical path is used.
var moduleBases = []string{"/lib/modules", "/usr/lib/modules"}

// index is what depmod wrote, keyed by normal names.
type index struct {
	dir       string
	files     map[string]string   // path below dir
	deps      map[string][]string // transitive, the first to load last
	builtin   map[string]bool
	pre, post map[string][]string // soft dependencies, names or aliases
	aliases   map[string][]string // without wildcards
}

// normal is a module's name as the kernel knows it.
func normal(name string) string { return strings.ReplaceAll(name, "-", "_") }

func nameOf(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return normal(name)
}

// lookup returns the loadable modules of a name or an alias.
func (ix *index) lookup(name string) []string {
	name = normal(name)
	if _, ok := ix.files[name]; ok {
		return []string{name}
	}
	if ix.builtin[name] {
		return nil
	}
	return ix.aliases[name]
}

func readIndex(t *tree.Tree, version string) (*index, error) {
	ix := &index{
		files: map[string]string{}, deps: map[string][]string{}, builtin: map[string]bool{},
		pre: map[string][]string{}, post: map[string][]string{}, aliases: map[string][]string{},
	}
	for _, base := range moduleBases {
		if dir, _, err := t.Resolve(path.Join(base, version)); err == nil {
			ix.dir = dir
		}
	}
	if ix.dir == "" {
		return nil, fmt.Errorf("kernel %s has no modules directory (looked for /usr/lib/modules/%[1]s)", version)
	}
	dep, err := readLines(t, path.Join(ix.dir, "modules.dep"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no modules.dep: depmod has not been run", ix.dir)
	}
	if err != nil {
		return nil, err
	}
	for _, line := range dep {
		file, deps, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%s/modules.dep: line without colon: %q", ix.dir, line)
		}
		name := nameOf(file)
		ix.files[name] = file
		for _, d := range strings.Fields(deps) {
			ix.deps[name] = append(ix.deps[name], nameOf(d))
		}
	}
	// The other files may be missing: a kernel can be without built-in
	// modules, aliases or soft dependencies.
	for file, parse := range map[string]func([]string){
		"modules.builtin": ix.addBuiltin, "modules.softdep": ix.addSoftdep, "modules.alias": ix.addAlias,
	} {
		lines, err := readLines(t, path.Join(ix.dir, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, line := range lines {
			if fields := strings.Fields(line); !strings.HasPrefix(line, "#") {
				parse(fields)
			}
		}
	}
	return ix, nil
}

func (ix *index) addBuiltin(f []string) { ix.builtin[nameOf(f[0])] = true }

// addSoftdep reads "softdep NAME pre: A B post: C". Like kmod it ignores what
// comes before the first of the two words.
func (ix *index) addSoftdep(f []string) {
	if len(f) < 3 || f[0] != "softdep" {
		return
	}
	name := normal(f[1])
	var to map[string][]string
	for _, word := range f[2:] {
		switch {
		case word == "pre:":
			to = ix.pre
		case word == "post:":
			to = ix.post
		case to != nil:
			to[name] = append(to[name], word)
		}
	}
}

func (ix *index) addAlias(f []string) {
	if len(f) == 3 && f[0] == "alias" && !strings.ContainsAny(f[1], "*?[") {
		alias, name := normal(f[1]), normal(f[2])
		if !slices.Contains(ix.aliases[alias], name) {
			ix.aliases[alias] = append(ix.aliases[alias], name)
		}
	}
}
