package unitfixup

import (
	"fmt"
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// A file is a unit, a drop-in or a D-Bus service file, parsed.
type file struct {
	names    []string // links resolved; the first is the one to report
	node     *tree.Node
	data     []byte
	unit     string // the unit it belongs to: "x.service", or ".service" for all of a type
	bus      bool   // a D-Bus service file
	programs []program
	settings settings
}

func (f *file) line(p program) Line {
	return Line{
		File: f.names[0], Aliases: f.names[1:], LineNo: p.line, Section: p.section, Key: p.key,
		Program: p.name, Optional: p.optional, Package: f.node.Origin().Package,
	}
}

// settings are those that change how programs are found.
type settings struct {
	root           string   // the key that gives the service another root directory
	searchPath     []string // ExecSearchPath=
	systemdService string   // D-Bus only: the unit that is started instead
}

func (s settings) add(more settings) settings {
	if more.root != "" {
		s.root = more.root
	}
	s.searchPath = append(s.searchPath[:len(s.searchPath):len(s.searchPath)], more.searchPath...)
	return s
}

// A collector gathers files; one that several links lead to counts once, and
// so do hard links that are the same unit.
type collector struct {
	t     *tree.Tree
	seen  map[string]bool
	known map[identity]*file
	files []*file
}

// An identity is what two names of one file must share to be read alike.
type identity struct {
	node *tree.Node
	unit string
	bus  bool
}

func findFiles(t *tree.Tree, o Options) ([]*file, error) {
	f := &collector{t: t, seen: map[string]bool{}, known: map[identity]*file{}}
	for _, prefix := range expand(t, o.UnitPrefixes) {
		for _, dir := range o.UnitDirs {
			if err := f.unitDir(path.Join(prefix, dir)); err != nil {
				return nil, err
			}
		}
		for _, dir := range o.ServiceDirs {
			err := f.each(path.Join(prefix, dir), func(p string) error {
				if strings.HasSuffix(p, ".service") {
					return f.add(p, "", true)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return f.files, nil
}

func (f *collector) unitDir(dir string) error {
	return f.each(dir, func(p string) error {
		unit := path.Base(p)
		if hasExec(unit) {
			return f.add(p, unit, false)
		}
		unit, isDropIn := strings.CutSuffix(unit, ".d")
		if unit == "service" || unit == "socket" {
			unit = "." + unit
		}
		if !isDropIn || !hasExec(unit) {
			return nil
		}
		return f.each(p, func(p string) error {
			if !strings.HasSuffix(p, ".conf") {
				return nil
			}
			return f.add(p, unit, false)
		})
	})
}

// hasExec says whether units with this name can have Exec settings.
func hasExec(unit string) bool {
	return execKeys[unitType(unit)] != nil
}

func unitType(unit string) string { return strings.TrimPrefix(path.Ext(unit), ".") }

// each calls do for every entry of a directory, which may be missing.
func (f *collector) each(dir string, do func(p string) error) error {
	dir, n, err := f.t.Resolve(dir)
	if err != nil || n.Type != tree.Dir {
		return nil
	}
	for _, name := range n.Children() {
		if err := do(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// add parses the file at p. A masked unit (a link to /dev/null) and a link to
// nowhere are no files.
func (f *collector) add(p, unit string, bus bool) error {
	p, n, err := f.t.Resolve(p)
	if err != nil || n.Type != tree.File || f.seen[p] {
		return nil
	}
	f.seen[p] = true
	id := identity{n, unit, bus}
	if same := f.known[id]; same != nil {
		same.names = append(same.names, p)
		return nil
	}
	data, err := tree.ReadAll(n.Content)
	if err != nil {
		return fmt.Errorf("read %s: %w", p, err)
	}
	one := &file{names: []string{p}, node: n, data: data, unit: unit, bus: bus}
	if bus {
		one.programs, one.settings = parseBusService(data)
	} else {
		one.programs, one.settings = parseUnit(data, unitType(unit))
	}
	f.known[id] = one
	f.files = append(f.files, one)
	return nil
}

// expand returns the directories of the tree that match the patterns.
func expand(t *tree.Tree, patterns []string) []string {
	var out []string
	for _, pattern := range patterns {
		dirs := []string{"/"}
		for elem := range strings.SplitSeq(strings.Trim(pattern, "/"), "/") {
			var next []string
			for _, dir := range dirs {
				_, n, err := t.Resolve(dir)
				if err != nil {
					continue
				}
				if elem == "" {
					next = append(next, dir)
				}
				for _, name := range n.Children() {
					if ok, _ := path.Match(elem, name); ok {
						next = append(next, path.Join(dir, name))
					}
				}
			}
			dirs = next
		}
		out = append(out, dirs...)
	}
	return out
}
