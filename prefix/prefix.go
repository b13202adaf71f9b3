// Package prefix makes one system of packages that install below a prefix of
// their own each, as those of Nix do: /nix/store/HASH-name.
//
// The system's prefix is systemd's own. What packages have for others to read
// (units, presets, udev rules, bus policies, PAM services…) gets a second name
// there, at the place where its reader looks: another link to the same inode, so
// nothing is copied, and systemd sees a file of its own prefix and not a link
// that leads away. Programs become symbolic links in its bin, the PATH of the
// system. All this happens in the image's tree; packages on the host stay as
// they are, and so do their own names in the image.
package prefix

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// A Package is one whose files are in the tree.
type Package struct {
	Name   string
	Prefix string // clean and absolute: /nix/store/HASH-name

	// Wanted says that the package was asked for, and not only needed by
	// another: its programs belong into the PATH, and where two packages want
	// one place, its file gets it.
	Wanted bool
}

// A Warning is about something of a package that has no effect.
type Warning struct {
	Package string
	Path    string // in the package's prefix
	Why     string
}

func (w Warning) String() string {
	return fmt.Sprintf("%s of package %s: %s", w.Path, w.Package, w.Why)
}

// Link gives what the packages have for others its place below the system's
// prefix, which is that of one of them. A place that is taken stays so, with a
// warning unless both are the same.
func Link(t *tree.Tree, system string, packages []Package) ([]Warning, error) {
	l := linker{t: t, system: system}
	ordered := slices.Clone(packages)
	slices.SortStableFunc(ordered, func(a, b Package) int {
		switch {
		case a.Prefix == system || b.Prefix == system:
			return rank(b.Prefix == system) - rank(a.Prefix == system)
		case a.Wanted != b.Wanted:
			return rank(b.Wanted) - rank(a.Wanted)
		}
		return strings.Compare(a.Prefix, b.Prefix)
	})
	for _, programs := range []bool{true, false} { // programs first: some are readers of the rest
		for _, l.pkg = range ordered {
			if l.pkg.Prefix != system && t.Lookup(path.Join(l.pkg.Prefix, Init)) != nil {
				// Its units would take the places of those that fit the systemd that runs.
				if programs {
					l.warn(Init, "it is another systemd than the image's, so nothing of it is read")
				}
				continue
			}
			for _, p := range places {
				if p.programs != programs {
					continue
				}
				if err := l.place(p); err != nil {
					return l.warnings, fmt.Errorf("give %s of package %s its place in %s: %w", p.from, l.pkg.Name, system, err)
				}
			}
		}
	}
	return l.warnings, nil
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Init is systemd itself, below its prefix.
const Init = "lib/systemd/systemd"

// System finds the prefix that has systemd. Of several it takes the one that was
// asked for; none, or no way to choose, is an error.
func System(t *tree.Tree, packages []Package) (string, error) {
	var have, wanted []string
	for _, p := range packages {
		if n := t.Lookup(path.Join(p.Prefix, Init)); n == nil || n.Type != tree.File {
			continue
		}
		have = append(have, p.Prefix)
		if p.Wanted {
			wanted = append(wanted, p.Prefix)
		}
	}
	switch {
	case len(wanted) == 1:
		return wanted[0], nil
	case len(have) == 1:
		return have[0], nil
	case len(have) == 0:
		return "", fmt.Errorf("no package has %s", Init)
	}
	return "", fmt.Errorf("several packages have %s: %s", Init, strings.Join(have, ", "))
}

type linker struct {
	t        *tree.Tree
	system   string
	pkg      Package
	warnings []Warning
}

func (l *linker) warn(rel, why string) {
	l.warnings = append(l.warnings, Warning{l.pkg.Name, rel, why})
}

// place links what the package has at one place.
func (l *linker) place(p place) error {
	if p.programs && !l.pkg.Wanted {
		return nil
	}
	from, dir, err := l.t.Resolve(path.Join(l.pkg.Prefix, p.from))
	if err != nil || dir.Type != tree.Dir {
		return nil // a package need not have it
	}
	for _, name := range dir.Children() {
		if ok, err := path.Match(p.match(), name); err != nil {
			return err
		} else if !ok {
			continue
		}
		if p.directories && dir.Child(name).Type != tree.Dir {
			continue
		}
		if p.reader != nil && !p.reader.in(l.t, l.system) {
			if l.pkg.Prefix == l.system {
				break // systemd has something for whoever is there
			}
			l.warn(path.Join(p.from, name), p.reader.lacking)
			break // one is enough
		}
		if err := l.name(p, path.Join(from, name), path.Join(l.system, p.to, name), from); err != nil {
			return err
		}
	}
	return nil
}

// name gives what is at from the name to, and directories' entries theirs.
// Links that stay below root mean the same at both places.
func (l *linker) name(p place, from, to, root string) error {
	n := l.t.Lookup(from)
	origin := tree.Origin{Pass: "prefix", Rule: "from " + from}
	if n.Type == tree.Dir && !p.programs {
		if _, have, err := l.t.ResolveParent(to); err == nil && have != nil && have.Type != tree.Dir {
			l.warn(strings.TrimPrefix(from, l.pkg.Prefix+"/"), to+" is there already, and no directory")
			return nil
		}
		if _, err := l.t.MkdirAll(to, origin); err != nil {
			return err
		}
		for _, name := range n.Children() {
			if err := l.name(p, path.Join(from, name), path.Join(to, name), root); err != nil {
				return err
			}
		}
		return nil
	}
	if from == to {
		return nil // the system's own
	}
	link := n
	switch {
	case p.programs:
		if _, real, err := l.t.Resolve(from); err != nil || real.Type != tree.File || real.Mode&0o111 == 0 {
			return nil
		}
		link = tree.NewSymlink(from, origin)
	case n.Type == tree.Symlink:
		link = tree.NewSymlink(target(from, n.Target, root), origin)
	case n.Type != tree.File:
		return nil
	}
	_, have, err := l.t.ResolveParent(to)
	if err != nil && !errors.Is(err, tree.ErrNotExist) {
		return err
	}
	if have != nil {
		if have != link && tree.Difference(have, link) != "" {
			l.warn(strings.TrimPrefix(from, l.pkg.Prefix+"/"), fmt.Sprintf("%s already has the one of %s", path.Dir(to), have.Origin()))
		}
		return nil
	}
	return l.t.Put(to, link) // n itself: another name of the same inode
}

// target is what a link at from has to say to mean the same from another
// directory, if that is not the same text.
func target(from, text, root string) string {
	if path.IsAbs(text) {
		return text
	}
	if at := path.Join(path.Dir(from), text); !strings.HasPrefix(at, root+"/") {
		return at
	}
	return text
}
