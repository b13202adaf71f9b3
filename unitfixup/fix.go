// Package unitfixup gives every Exec line of systemd units and D-Bus service
// files in a tree a program that exists in that tree, as patchShebangs does
// for scripts. It reads files by the rules of systemd.syntax(7),
// systemd.service(5) and the D-Bus specification, and changes the bytes of
// program names only: no formatting, no arguments, no other setting.
package unitfixup

import (
	"fmt"

	"github.com/bocaditos/bocaditos/tree"
)

// Options say how programs are looked up. Nil slices mean the defaults.
type Options struct {
	// Path is the image's PATH, its directories in order. The default is
	// that of systemd: sbin before bin, below /usr/local, then /usr.
	Path []string
	// Depends lists the direct dependencies of a package, both named as
	// in tree.Origin.Package.
	Depends map[string][]string
	// Outputs lists the other parts of a package that was split, named in
	// the same way: what they have counts as the package's own. See
	// StoreOutputs.
	Outputs map[string][]string
	// Prefixes are where packages install: absolute paths, with the
	// wildcards of path.Match. The default is DefaultPrefixes. A file that
	// is below several of them (hard links) is reported below the first.
	Prefixes []string
	// UnitPrefixes are those of Prefixes below which files are changed; nil is
	// all. Others may hold second names of the same files.
	UnitPrefixes []string
	// UnitDirs and ServiceDirs hold units and D-Bus service files,
	// relative to every prefix. The defaults are DefaultUnitDirs and
	// DefaultServiceDirs.
	UnitDirs    []string
	ServiceDirs []string
	// Elsewhere is for a tree that is a part of a system only: it says
	// whether a path is that of a program though the tree does not have
	// it, or not what it links to. Nil: the tree is all there is.
	Elsewhere func(path string) bool
}

// DefaultPrefixes are where packages of distributions and of Nix install.
func DefaultPrefixes() []string {
	return []string{"/", "/usr", "/usr/local", "/nix/store/*"}
}

// DefaultUnitDirs are the directories below a prefix that systemd reads units
// from. Those in /run are made after boot.
func DefaultUnitDirs() []string {
	return []string{
		"etc/systemd/system", "etc/systemd/user",
		"lib/systemd/system", "lib/systemd/user",
		"share/systemd/user",
	}
}

// DefaultServiceDirs are the directories below a prefix that D-Bus reads
// activatable services from.
func DefaultServiceDirs() []string {
	return []string{
		"share/dbus-1/system-services", "share/dbus-1/services",
		"etc/dbus-1/system-services", "etc/dbus-1/services",
		"lib/dbus-1/system-services",
	}
}

func (o Options) withDefaults() Options {
	if o.Path == nil {
		o.Path = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"}
	}
	if o.Prefixes == nil {
		o.Prefixes = DefaultPrefixes()
	}
	if o.UnitPrefixes == nil {
		o.UnitPrefixes = o.Prefixes
	}
	if o.UnitDirs == nil {
		o.UnitDirs = DefaultUnitDirs()
	}
	if o.ServiceDirs == nil {
		o.ServiceDirs = DefaultServiceDirs()
	}
	return o
}

// Fix looks up the program of every Exec line and writes its absolute path
// where the line would not find it as it is. A file that needs no change keeps
// its node. Of a changed file that has several names (hard links), all that are
// of the same unit change; if there are others, those keep their content and the
// unit becomes a node of its own. Programs that cannot be found are no error but
// lines of the report. Fixing twice changes nothing more.
//
// What packages tell of the lines that the pass rewrote when they were built
// (BuildReport) is part of the report.
func Fix(t *tree.Tree, o Options) (*Report, error) {
	o = o.withDefaults()
	files, err := findFiles(t, o)
	if err != nil {
		return nil, err
	}
	units := map[string]settings{} // what a unit's file and drop-ins say together
	for _, f := range files {
		if !f.bus {
			units[f.unit] = units[f.unit].add(f.settings)
		}
	}
	built, err := readBuilt(t, o)
	if err != nil {
		return nil, err
	}
	report := &Report{}
	find := newFinder(t, o)
	for _, f := range files {
		s := f.settings
		if !f.bus {
			s = units[f.unit]
		}
		var edits []edit
		var rules []tree.Origin
		for _, p := range f.programs {
			line := f.line(p)
			decide(&line, p, s, find)
			built.recall(&line, f.names)
			report.Lines = append(report.Lines, line)
			if line.Verdict == Rewritten && !line.Built {
				edits = append(edits, edit{p.start, p.end, p.write(line.New)})
				rules = append(rules, tree.Origin{Pass: "unitfixup", Rule: line.change()})
			}
		}
		if len(edits) == 0 {
			continue
		}
		if err := replace(t, f, tree.Bytes(apply(f.data, edits)), rules, find.names()); err != nil {
			return nil, fmt.Errorf("fix up %s: %w", f.names[0], err)
		}
	}
	return report, nil
}

// decide fills in a line's verdict.
func decide(l *Line, p program, s settings, find *finder) {
	switch {
	case p.refused != "":
		l.Verdict, l.Why = Missing, p.refused
		return
	case p.opaque != "":
		l.Verdict, l.Why = Kept, p.opaque
		return
	case s.root != "" && !p.privileged:
		l.Verdict, l.Why = Kept, "looked up inside "+s.root+"="
		return
	}
	l.Verdict, l.New, l.Why = find.program(p.path, l.Package, s.searchPath)
	switch {
	case l.Verdict == Missing && s.systemdService != "":
		l.Verdict, l.Why = Kept, "systemd starts "+s.systemdService+" instead"
	case l.Verdict == Rewritten && !p.writable:
		l.Verdict, l.New, l.Why = Missing, "", "the name goes on after a line break; "+l.New+" would do"
	}
}

// replace gives the file new content, without touching other names of its node.
func replace(t *tree.Tree, f *file, c tree.Content, rules []tree.Origin, names map[*tree.Node]int) error {
	n := f.node
	if names[n] > len(f.names) {
		names[n] -= len(f.names)
		private := *n
		n = &private
		for _, name := range f.names {
			if err := t.Put(name, n); err != nil {
				return err
			}
		}
	}
	n.Content = c
	n.History = append(n.History[:len(n.History):len(n.History)], rules...)
	return nil
}

// An edit replaces the bytes [start, end) of a file.
type edit struct {
	start, end int
	with       string
}

// apply makes edits that are in order and do not overlap.
func apply(data []byte, edits []edit) []byte {
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, data[at:e.start]...), e.with...)
		at = e.end
	}
	return append(out, data[at:]...)
}
