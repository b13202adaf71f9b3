package systemd

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// Enabled returns the paths of the unit files and drop-ins of all system units
// that starting the targets ("default.target") can start: through dependencies
// in the files, .wants and .requires directories, and what sockets, timers,
// paths and automounts trigger. Units that generators, udev or the bus start
// at run time are not among them. The result is sorted.
func Enabled(t *tree.Tree, prefix string, targets ...string) []string {
	g := enabled(t, prefix, targets)
	return slices.Sorted(maps.Keys(g.files))
}

// A Unit is a unit by its own name ("getty@tty1.service"), and its file.
type Unit struct{ Name, File string }

// EnabledUnits returns the units whose files Enabled returns, sorted by name;
// one that goes by several names is there once.
func EnabledUnits(t *tree.Tree, prefix string, targets ...string) []Unit {
	g := enabled(t, prefix, targets)
	var units []Unit
	for _, name := range slices.Sorted(maps.Keys(g.units)) {
		units = append(units, Unit{name, g.units[name]})
	}
	return units
}

// A Setting is a line Key=Value of a unit file, continued lines joined.
type Setting struct{ Key, Value string }

// EnabledSettings returns the settings of the units of EnabledUnits, by their
// names: those of the file, then those of its drop-ins in the order systemd
// reads them. Specifiers in values are not replaced. Units that cannot run on a
// finished, read-only root do not count.
func EnabledSettings(t *tree.Tree, prefix string, targets ...string) map[string][]Setting {
	settings := enabled(t, prefix, targets).settings
	maps.DeleteFunc(settings, func(_ string, s []Setting) bool { return cannotRun(s) })
	return settings
}

func enabled(t *tree.Tree, prefix string, targets []string) *unitGraph {
	g := newUnitGraph(t, prefix)
	for _, target := range targets {
		g.visit(target)
	}
	return g
}

type unitGraph struct {
	t     *tree.Tree
	dirs  []string // the one that decides first
	files map[string]bool
	units map[string]string // name → file
	seen  map[string]bool

	settings map[string][]Setting // by the name in units
}

func newUnitGraph(t *tree.Tree, prefix string) *unitGraph {
	g := &unitGraph{t: t, files: map[string]bool{}, units: map[string]string{}, seen: map[string]bool{}, settings: map[string][]Setting{}}
	for _, dir := range []string{"/etc/systemd/system", path.Join(prefix, "lib/systemd/system")} {
		if real, n, err := t.Resolve(dir); err == nil && n.Type == tree.Dir {
			g.dirs = append(g.dirs, real)
		}
	}
	return g
}

func (g *unitGraph) visit(unit string) {
	if g.seen[unit] {
		return
	}
	g.seen[unit] = true
	fragment, names := g.load(unit)
	if fragment == "" {
		return // not there, or masked
	}
	g.files[fragment] = true
	own := realName(unit, fragment)
	g.units[own] = fragment
	settings := g.read(fragment)
	for _, name := range names {
		for _, dir := range g.dirs {
			for _, kind := range []string{".wants", ".requires", ".upholds"} {
				g.visitEntries(path.Join(dir, name+kind))
			}
		}
	}
	for _, dropIn := range g.dropIns(names) {
		g.files[dropIn] = true
		settings = append(settings, g.read(dropIn)...)
	}
	g.settings[own] = settings
	for _, s := range settings {
		for word := range strings.FieldsSeq(s.Value) {
			if dependencies[s.Key] {
				g.visit(expand(word, unit))
			}
		}
	}
	g.visit(triggered(unit, settings))
}

// load finds the unit's file and all names it goes by: its own, the template's,
// and for an alias those of the unit it stands for.
func (g *unitGraph) load(unit string) (fragment string, names []string) {
	for _, name := range []string{unit, template(unit)} {
		for _, dir := range g.dirs {
			n := g.t.Lookup(path.Join(dir, name))
			if n == nil {
				continue
			}
			real, file, err := g.t.Resolve(path.Join(dir, name))
			if err != nil || file.Type != tree.File || file.Size() == 0 {
				return "", nil
			}
			names = []string{unit}
			for _, other := range []string{template(unit), path.Base(real)} {
				if !slices.Contains(names, other) {
					names = append(names, other)
				}
			}
			return real, names
		}
	}
	return "", nil
}

func (g *unitGraph) visitEntries(dir string) {
	if n := g.t.Lookup(dir); n != nil {
		for _, name := range n.Children() {
			g.visit(name)
		}
	}
}

// dropIns are the .d/*.conf files of a unit's names, sorted by their own names:
// for "a-b.service" also those of "a-.service", and for all those of "service".
// Of files with one name only the first counts: those of the unit's name before
// those of what it is short for, in /etc before the prefix, of a longer name
// before a shorter one.
func (g *unitGraph) dropIns(names []string) []string {
	found := map[string]string{} // by file name
	look := func(dir string) {
		d := g.t.Lookup(dir)
		if d == nil {
			return
		}
		for _, file := range d.Children() {
			if strings.HasSuffix(file, ".conf") && found[file] == "" {
				found[file] = path.Join(dir, file)
			}
		}
	}
	for _, name := range names {
		for _, dir := range g.dirs {
			for _, n := range prefixes(name) {
				look(path.Join(dir, n+".d"))
			}
		}
	}
	for _, dir := range g.dirs {
		look(path.Join(dir, strings.TrimPrefix(path.Ext(names[0]), ".")+".d"))
	}
	var files []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		files = append(files, found[name])
	}
	return files
}

// prefixes are a unit's name and those that stand for all that begin like it:
// "a-b-c.service", "a-b-.service", "a-.service".
func prefixes(name string) []string {
	all := []string{name}
	end := strings.IndexByte(name, '@')
	if end < 0 {
		end = len(name) - len(path.Ext(name))
	}
	for i := end - 2; i > 0; i-- {
		if name[i] == '-' {
			all = append(all, name[:i+1]+name[end:])
		}
	}
	return all
}

// dependencies are the settings of [Unit] and [Service] that start other units.
var dependencies = map[string]bool{
	"Wants": true, "Requires": true, "Requisite": true, "BindsTo": true, "Upholds": true,
	"OnFailure": true, "OnSuccess": true, "Sockets": true,
}

// read returns a unit file's settings, with continued lines joined.
func (g *unitGraph) read(p string) (settings []Setting) {
	_, n, err := g.t.Resolve(p)
	if err != nil || n.Type != tree.File {
		return nil
	}
	content, err := tree.ReadAll(n.Content)
	if err != nil {
		return nil
	}
	joined := ""
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		joined += line
		if rest, ok := strings.CutSuffix(joined, `\`); ok {
			joined = rest + " "
			continue
		}
		if key, value, ok := strings.Cut(joined, "="); ok {
			settings = append(settings, Setting{strings.TrimSpace(key), strings.TrimSpace(value)})
		}
		joined = ""
	}
	return settings
}

// triggered is the unit that a socket, timer, path or automount starts.
func triggered(unit string, settings []Setting) string {
	suffix := path.Ext(unit)
	name := strings.TrimSuffix(unit, suffix)
	result := name + ".service"
	switch suffix {
	case ".socket", ".timer", ".path":
	case ".automount":
		return name + ".mount"
	default:
		return unit
	}
	for _, s := range settings {
		switch {
		case s.Key == "Unit" || s.Key == "Service":
			result = expand(s.Value, unit)
		case s.Key == "Accept" && slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(s.Value)):
			result = name + "@.service"
		}
	}
	return result
}

// realName is the name that a unit which was asked for as unit, perhaps an
// alias, has by its file: for a template's, with the same instance.
func realName(unit, file string) string {
	name := path.Base(file)
	_, rest, ok := strings.Cut(unit, "@")
	if !ok || template(name) != name || !strings.Contains(name, "@") {
		return name
	}
	suffix := path.Ext(name)
	return strings.TrimSuffix(name, suffix) + strings.TrimSuffix(rest, path.Ext(rest)) + suffix
}

// template is "a@.service" for "a@b.service", and any other name itself.
func template(unit string) string {
	prefix, rest, ok := strings.Cut(unit, "@")
	if !ok {
		return unit
	}
	return prefix + "@" + path.Ext(rest)
}

// expand replaces the specifiers that name units are written with.
func expand(word, unit string) string {
	name := strings.TrimSuffix(unit, path.Ext(unit))
	prefix, instance, _ := strings.Cut(name, "@")
	return strings.NewReplacer("%%", "%", "%i", instance, "%I", instance, "%j", prefix[strings.LastIndexByte(prefix, '-')+1:],
		"%p", prefix, "%P", prefix, "%n", unit, "%N", name).Replace(word)
}
