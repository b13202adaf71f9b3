package recipe

import (
	"fmt"
	"path"
	"regexp"
	"slices"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// complete fills in the defaults that depend on the host or on other keys.
func (r *Recipe) complete(doc *stricttoml.Document) {
	if !doc.Has("architecture") {
		r.Architecture = HostArch()
		if r.Architecture == "" {
			doc.Report("", `missing key "architecture"`, "no images are built for the architecture of this host; choose another")
		}
	}
	if r.Packages.Source == SourceNix && !doc.Has("nix.nixpkgs") {
		r.Nix.Nixpkgs = nixChannel
	}
	r.completeKernel(doc)
	r.completeIdentity()
	if doc.Has("state") && !doc.Has("state.size") {
		r.State.Size = defaultStateSize
	}
}

// check applies the rules between keys. Values that were wrong by themselves
// are zero here and have been reported.
func (r *Recipe) check(doc *stricttoml.Document) {
	if r.Packages.Source == SourceDebian {
		r.checkDebianNames(doc)
	} else if doc.Has("debian") {
		doc.Report("debian", fmt.Sprintf("[debian] has no meaning with packages.source = %q", r.Packages.Source), "remove the table")
	}
	r.checkNix(doc)
	r.checkKernel(doc)
	if doc.Has("state") {
		r.checkState(doc)
	}
	contradiction(doc, "units.enable", r.Units.Enable, "units.disable", r.Units.Disable)
	contradiction(doc, "units.enable", r.Units.Enable, "units.mask", r.Units.Mask)
	r.checkIdentity(doc)
	r.checkNetworks(doc)
	first := map[Path]int{}
	for i, f := range r.Files {
		key := fmt.Sprintf("files[%d]", i)
		checkFile(doc, key, f)
		if f.Path == "" {
			continue
		}
		if before, ok := first[f.Path]; ok {
			line := doc.Line(fmt.Sprintf("files[%d].path", before))
			doc.Report(key+".path", fmt.Sprintf("path: %q is there twice", f.Path), fmt.Sprintf("it is first on line %d", line))
			continue
		}
		first[f.Path] = i
	}
	for i, f := range r.Files {
		checkBelow(doc, fmt.Sprintf("files[%d].path", i), f, r.Files, first)
	}
}

// debianName is Debian Policy 5.6.1; PackageName allows what any source may have.
var debianName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)

func (r *Recipe) checkDebianNames(doc *stricttoml.Document) {
	check := func(key string, name PackageName) {
		if name != "" && !debianName.MatchString(string(name)) {
			doc.Report(key, fmt.Sprintf("%q is not a name of a Debian package", name), "lower-case letters, digits, '+', '-' and '.', two at least")
		}
	}
	for i, name := range r.Packages.Install {
		check(fmt.Sprintf("packages.install[%d]", i), name)
	}
	for i, name := range r.Packages.ScriptsReplaced {
		check(fmt.Sprintf("packages.scripts_replaced[%d]", i), name)
	}
	check("kernel.package", r.Kernel.Package)
	check("kernel.build.package", r.Kernel.Build.Package)
	for i, name := range r.Kernel.Build.Tools {
		check(fmt.Sprintf("kernel.build.tools[%d]", i), name)
	}
}

// contradiction reports the units that are in both lists.
func contradiction(doc *stricttoml.Document, key string, list []UnitName, otherKey string, other []UnitName) {
	for i, u := range other {
		j := slices.Index(list, u)
		if u == "" || j < 0 {
			continue
		}
		line := doc.Line(fmt.Sprintf("%s[%d]", key, j))
		doc.Report(fmt.Sprintf("%s[%d]", otherKey, i), fmt.Sprintf("%q is in both %s and %s", u, key, otherKey), fmt.Sprintf("line %d has it too", line))
	}
}

// checkFile applies the rules between the keys of one [[files]].
func checkFile(doc *stricttoml.Document, key string, f File) {
	var what []string
	for _, k := range []string{"source", "content", "symlink", "directory"} {
		if doc.Has(key+"."+k) && (k != "directory" || f.Directory) {
			what = append(what, k)
		}
	}
	one := "a file has exactly one of source, content, symlink and directory = true"
	switch {
	case len(what) == 0 && doc.Has(key+".path") && doc.Complete():
		doc.Report(key, "[[files]] does not say what the file is", one)
	case len(what) > 1:
		doc.Report(key+"."+what[1], fmt.Sprintf("[[files]] has both %s and %s", what[0], what[1]), one)
	}
	if doc.Has(key+".symlink") && doc.Has(key+".mode") {
		doc.Report(key+".mode", "mode: a symbolic link has none", "remove it")
	}
	if doc.Has(key+".capabilities") && (doc.Has(key+".symlink") || f.Directory) {
		doc.Report(key+".capabilities", "capabilities: only a file can have some", "remove it")
	}
	if doc.Has(key+".source") && f.Source == "" {
		doc.Report(key+".source", "source must not be empty", "")
	}
	if f.Path == "/" && !doc.Has(key+".source") {
		doc.Report(key+".path", `path: "/" needs a source, a directory to merge into the root`, "")
	}
}

// checkBelow reports a path below another that can have nothing below it. A
// source may be a directory, which only the builder can see.
func checkBelow(doc *stricttoml.Document, key string, f File, files []File, index map[Path]int) {
	if f.Path == "" {
		return
	}
	for dir := path.Dir(string(f.Path)); dir != "/"; dir = path.Dir(dir) {
		i, ok := index[Path(dir)]
		if !ok || files[i].Directory || files[i].Source != "" {
			continue
		}
		what := "file"
		if files[i].Symlink != "" {
			what = "symbolic link"
		}
		doc.Report(key, fmt.Sprintf("path: %q is below %q, which is a %s", f.Path, dir, what), fmt.Sprintf("line %d makes it one", doc.Line(fmt.Sprintf("files[%d].path", i))))
		return
	}
}
