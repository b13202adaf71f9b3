// Package pam makes the PAM configuration of an image and checks it: what
// packages ship in /etc/pam.d moves into the prefix, beside what Bocaditos ships
// in place of Debian's pam-auth-update(8). libpam reads /etc/pam.d first, so what
// a recipe puts there wins. The syntax is that of pam.conf(5) with Debian's
// "@include". The package decides nothing about users.
package pam

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// files has what Bocaditos ships: files/PACKAGE/SERVICE, for PREFIX/lib/pam.d
// of images with that package.
//
//go:embed files
var files embed.FS

// etc is where libpam looks first, and the only place where Debian's libpam
// looks for what a file includes by name.
const etc = "/etc/pam.d"

// vendorDir is where libpam looks next.
func vendorDir(prefix string) string { return path.Join(prefix, "lib/pam.d") }

// replaced are the files of packages in whose place Bocaditos ships its own:
// service → package. Debian's "other" lets in whoever has a password.
var replaced = map[string]string{"other": "libpam-runtime"}

// Install moves the packages' files from /etc/pam.d into the prefix and adds
// those that the installed packages need and do not ship. It is for the
// packages' files alone, so it comes before what a recipe adds.
func Install(t *tree.Tree, prefix string, installed []string) error {
	dir := vendorDir(prefix)
	var errs []error
	if n := t.Lookup(etc); n != nil && n.Type == tree.Dir {
		for _, name := range n.Children() {
			from, file := path.Join(etc, name), n.Child(name)
			if file.Type != tree.File && (file.Type != tree.Symlink || strings.Contains(file.Target, "/")) {
				continue // a link that would lead elsewhere
			}
			errs = append(errs, t.Remove(from))
			if pkg := replaced[name]; pkg != "" && pkg == file.Origin().Package {
				continue
			}
			file.History = append(file.History, tree.Origin{Pass: "pam", Rule: "moved from " + from})
			errs = append(errs, t.Put(path.Join(dir, name), file))
		}
	}
	errs = append(errs, fs.WalkDir(files, "files", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		pkg, name := path.Base(path.Dir(p)), path.Base(p)
		at := path.Join(dir, name)
		if !slices.Contains(installed, pkg) || t.Lookup(at) != nil {
			return nil
		}
		content, err := files.ReadFile(p)
		if err != nil {
			return err
		}
		return t.Put(at, tree.NewFile(0o644, tree.Bytes(content), tree.Origin{Pass: "vendor", Rule: "for " + pkg}))
	}))
	return errors.Join(errs...)
}

// tmpfilesConf is where Link's lines belong, below the prefix.
const tmpfilesConf = "lib/tmpfiles.d/00-bocaditos-pam.conf"

// Link has systemd-tmpfiles link those files of the prefix into /etc/pam.d that
// others include by name: Debian's libpam looks for them there alone.
func Link(t *tree.Tree, prefix string) error {
	var lines []string
	for _, s := range services(t, prefix) {
		for _, l := range s.lines {
			name := l.include
			if name == "" || path.IsAbs(name) || t.Lookup(path.Join(etc, name)) != nil {
				continue
			}
			at := path.Join(vendorDir(prefix), name)
			if t.Lookup(at) != nil {
				lines = append(lines, fmt.Sprintf("L %s - - - - ../..%s\n", path.Join(etc, name), at))
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	text := "# What PAM services include by name: libpam looks for it in /etc alone.\n" + strings.Join(slices.Compact(lines), "")
	return t.Put(path.Join(prefix, tmpfilesConf), tree.NewFile(0o644, tree.String(text), tree.Origin{Pass: "pam"}))
}

// A Problem is a line that does not do what it says.
type Problem struct {
	File    string // path in the image
	Line    int
	Missing string // the module, or the included file
	Include bool   // Missing is a file
	// Refuses: the service then refuses everybody. Otherwise libpam goes on,
	// after a line in the journal.
	Refuses bool
	Origin  tree.Origin // of the file
}

func (p Problem) String() string {
	what := "the PAM module"
	if p.Include {
		what = "the PAM configuration"
	}
	return fmt.Sprintf("%s:%d: %s %s is not in the image", p.File, p.Line, what, p.Missing)
}

// Check finds lines that name modules or files that are not in the image,
// except modules whose line allows for that ("-session optional"). In an image
// without any module nothing uses PAM, and there are no problems.
func Check(t *tree.Tree, prefix string) (problems []Problem) {
	modules := moduleDirs(t, prefix)
	if len(modules) == 0 {
		return nil
	}
	for _, s := range services(t, prefix) {
		for _, l := range s.lines {
			found := l.include != "" && included(t, prefix, l.include) || l.module != "" && hasModule(t, modules, l.module)
			if found || l.silent && l.survives {
				continue
			}
			problems = append(problems, Problem{File: s.path, Line: l.no, Missing: cmp.Or(l.module, l.include),
				Include: l.include != "", Refuses: !l.survives, Origin: s.origin})
		}
	}
	return problems
}

// included says whether libpam, after Link, finds an included file.
func included(t *tree.Tree, prefix, name string) bool {
	places := []string{name}
	if !path.IsAbs(name) {
		places = []string{path.Join(etc, name), path.Join(vendorDir(prefix), name)}
	}
	return slices.ContainsFunc(places, func(p string) bool { return isFile(t, p) })
}

func hasModule(t *tree.Tree, dirs []string, module string) bool {
	if path.IsAbs(module) {
		return isFile(t, module)
	}
	return slices.ContainsFunc(dirs, func(dir string) bool { return isFile(t, path.Join(dir, module)) })
}

func isFile(t *tree.Tree, p string) bool {
	_, n, err := t.Resolve(p)
	return err == nil && n.Type == tree.File
}

// moduleDirs are the directories of modules: PREFIX/lib/security, and with
// Debian PREFIX/lib/TRIPLET/security.
func moduleDirs(t *tree.Tree, prefix string) (dirs []string) {
	lib := path.Join(prefix, "lib")
	_, n, err := t.Resolve(lib)
	if err != nil || n.Type != tree.Dir {
		return nil
	}
	for _, dir := range append([]string{"."}, n.Children()...) {
		at := path.Join(lib, dir, "security")
		if _, m, err := t.Resolve(at); err == nil && m.Type == tree.Dir && isFile(t, path.Join(at, "pam_unix.so")) {
			dirs = append(dirs, at)
		}
	}
	return dirs
}
