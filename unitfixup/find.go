package unitfixup

import (
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// A finder looks up programs in a tree. It indexes the tree once, when the
// first program is not where its file says.
type finder struct {
	t       *tree.Tree
	o       Options
	byName  map[string]map[string][]string // package, base name → paths that may be programs
	nodes   map[*tree.Node]int             // how many names a file has
	pathDir []string                       // o.Path, links resolved

	absent, pathName string // words for reasons
}

func newFinder(t *tree.Tree, o Options) *finder {
	f := &finder{t: t, o: o, absent: "not in the image", pathName: "image PATH"}
	if o.Elsewhere != nil { // the tree is not an image
		f.absent, f.pathName = "not there", "PATH"
	}
	for _, dir := range o.Path {
		real, n, err := t.Resolve(dir)
		switch {
		case err == nil && n.Type == tree.Dir:
			f.pathDir = append(f.pathDir, real)
		case err != nil && o.Elsewhere != nil:
			f.pathDir = append(f.pathDir, dir)
		}
	}
	return f
}

// place is what kind of directory a program is in, relative to its prefix.
type place int

const (
	elsewhere place = iota // share, etc, opt, …
	command                // bin and sbin: found by name
	private                // lib and libexec: found by path only
)

// program looks up a program named by a file of package pkg. Own package and
// dependencies come before PATH because they hold what the author meant.
func (f *finder) program(name, pkg string, searchPath []string) (v Verdict, found, why string) {
	problem := f.absent
	if path.IsAbs(name) {
		if problem = f.problem(name); problem == "" {
			return Kept, "", ""
		}
		if name = path.Clean(name); madeAtRunTime(name) != "" {
			return Kept, "", madeAtRunTime(name) + " is filled at run time"
		}
	} else if found = f.inDirs(name, searchPath); found != "" {
		return Rewritten, found, "ExecSearchPath="
	}
	if pkg != "" {
		f.index()
		if found, ambiguous := f.own(name, pkg); found != "" {
			return Rewritten, found, "own package " + pkg
		} else if ambiguous {
			problem += "; several of this name in package " + pkg
		}
		for _, output := range f.o.Outputs[pkg] {
			if found, _ := f.own(name, output); found != "" {
				return Rewritten, found, output + ", another output of " + pkg
			}
		}
		if found, why = f.dependency(name, pkg); found != "" {
			return Rewritten, found, why
		}
	}
	if f.isCommand(name) {
		if found = f.inDirs(path.Base(name), f.pathDir); found != "" {
			return Rewritten, found, f.pathName
		}
	}
	return Missing, "", problem
}

// problem says why p cannot be executed, or is empty.
func (f *finder) problem(p string) string {
	_, n, err := f.t.Resolve(p)
	if err == nil {
		switch {
		case n.Type != tree.File:
			return "not a regular file"
		case n.Mode&0o111 == 0:
			return "not executable"
		}
		return ""
	}
	if f.o.Elsewhere != nil && f.o.Elsewhere(p) {
		return ""
	}
	if _, n, err := f.t.ResolveParent(p); err == nil && n != nil {
		return "a link to " + n.Target + ", which is " + f.absent
	}
	return f.absent
}

// canonical spells the path of an executable without links in its directory.
// The last name stays: many programs look at the name they are called by. Where
// it is a link into another prefix that keeps the name (a directory of links to
// the programs of all packages has these), it is the path there.
func (f *finder) canonical(p string) string {
	if !safe(p) || f.problem(p) != "" {
		return ""
	}
	at, n, err := f.t.ResolveParent(p)
	if err != nil {
		return path.Clean(p)
	}
	p = at
	for n != nil && n.Type == tree.Symlink && path.Base(n.Target) == path.Base(p) {
		target := n.Target
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(p), target)
		}
		if is, _ := f.place(target); is != command || f.prefix(target) == f.prefix(p) {
			break
		}
		there, next, err := f.t.ResolveParent(target)
		if err != nil {
			break
		}
		p, n = there, next
	}
	return p
}

func (f *finder) inDirs(name string, dirs []string) string {
	for _, dir := range dirs {
		if !path.IsAbs(dir) {
			continue
		}
		if p := f.canonical(path.Join(dir, name)); p != "" {
			return p
		}
	}
	return ""
}

// own finds a program in the package that names it. A file at the same place
// below another prefix is it, then a command of that name. As the package's
// author chooses where its parts lie, a single file of that name in lib or
// libexec is it as well.
func (f *finder) own(name, pkg string) (found string, ambiguous bool) {
	candidates := f.byName[pkg][path.Base(name)]
	if p := f.match(name, candidates); p != "" {
		return p, false
	}
	if written, _ := f.place(name); path.IsAbs(name) && written == elsewhere {
		return "", false // /etc/init.d/x is not the program x
	}
	for _, where := range []place{private, command} {
		var there []string
		for _, p := range candidates {
			if is, _ := f.place(p); is == where {
				if p = f.canonical(p); p != "" && !slices.Contains(there, p) {
					there = append(there, p)
				}
			}
		}
		switch len(there) {
		case 0:
		case 1:
			return there[0], false
		default:
			return "", true
		}
	}
	return "", false
}

// dependency searches the dependencies of pkg, direct ones first.
func (f *finder) dependency(name, pkg string) (found, why string) {
	how := "dependency "
	seen := map[string]bool{pkg: true}
	for level := f.o.Depends[pkg]; len(level) > 0; how = "indirect dependency " {
		var next []string
		for _, dep := range level {
			if seen[dep] {
				continue
			}
			seen[dep] = true
			if p := f.match(name, f.byName[dep][path.Base(name)]); p != "" {
				return p, how + dep + " of " + pkg
			}
			next = append(next, f.o.Depends[dep]...)
		}
		level = next
	}
	return "", ""
}

// match picks the executable that name can safely mean, wherever it was
// shipped: the one at the same place below another prefix, or for a command
// the first in PATH, then bin before sbin.
func (f *finder) match(name string, candidates []string) string {
	if path.IsAbs(name) {
		_, rel := f.place(name)
		for _, p := range candidates {
			if _, r := f.place(p); r == rel {
				if p = f.canonical(p); p != "" {
					return p
				}
			}
		}
	}
	if !f.isCommand(name) {
		return ""
	}
	best, bestRank := "", 0
	for _, p := range candidates {
		if is, _ := f.place(p); is != command {
			continue
		}
		if p = f.canonical(p); p == "" {
			continue
		}
		rank := slices.Index(f.pathDir, path.Dir(p))
		if rank < 0 {
			rank = len(f.pathDir)
		}
		if best == "" || rank < bestRank {
			best, bestRank = p, rank
		}
	}
	return best
}

func (f *finder) isCommand(name string) bool {
	if !path.IsAbs(name) {
		return true
	}
	is, _ := f.place(name)
	return is == command
}

// place splits off the longest prefix of p, which need not exist, and sorts
// the rest into a kind.
func (f *finder) place(p string) (place, string) {
	elems := strings.Split(strings.Trim(p, "/"), "/")
	best := 0
	for _, prefix := range f.o.Prefixes {
		prefix = strings.Trim(prefix, "/")
		if prefix == "" {
			continue
		}
		n := strings.Count(prefix, "/") + 1
		if n > best && n < len(elems) {
			if ok, _ := path.Match(prefix, strings.Join(elems[:n], "/")); ok {
				best = n
			}
		}
	}
	rest := elems[best:]
	rel := strings.Join(rest, "/")
	switch {
	case len(rest) == 2 && (rest[0] == "bin" || rest[0] == "sbin"):
		return command, rel
	case len(rest) > 1 && (rest[0] == "lib" || rest[0] == "libexec" || rest[0] == "lib64"):
		return private, rel
	}
	return elsewhere, rel
}

// prefix returns the longest prefix of p.
func (f *finder) prefix(p string) string {
	_, rel := f.place(p)
	return strings.TrimSuffix(path.Clean(p), rel)
}

// madeAtRunTime names the directory of p that is empty or a file system of its
// own until the image runs, or is empty.
func madeAtRunTime(p string) string {
	top, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	switch top {
	case "run", "proc", "sys", "dev", "tmp", "var", "home", "root", "sysroot":
		return "/" + top
	}
	return ""
}

// names counts the names of every file, to tell hard links.
func (f *finder) names() map[*tree.Node]int {
	f.index()
	return f.nodes
}

func (f *finder) index() {
	if f.byName != nil {
		return
	}
	f.byName, f.nodes = map[string]map[string][]string{}, map[*tree.Node]int{}
	f.t.Walk(func(p string, n *tree.Node) error {
		if n.Type == tree.File {
			f.nodes[n]++
		}
		if n.Type != tree.Symlink && (n.Type != tree.File || n.Mode&0o111 == 0) {
			return nil
		}
		for i, o := range n.History {
			// Packages that ship equal files share one node.
			if o.Package == "" || slices.ContainsFunc(n.History[:i], func(old tree.Origin) bool { return old.Package == o.Package }) {
				continue
			}
			if f.byName[o.Package] == nil {
				f.byName[o.Package] = map[string][]string{}
			}
			base := path.Base(p)
			f.byName[o.Package][base] = append(f.byName[o.Package][base], p)
		}
		return nil
	})
}
