// Package bocaditos_test holds the tests of the architecture itself: rules of
// ARCHITECTURE.md that a compiler does not check.
package bocaditos_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bocaditos/bocaditos"

type goPackage struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

func list(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles", "./...").Output()
	if err != nil {
		var e *exec.ExitError
		if errors.As(err, &e) {
			t.Fatalf("go list: %v\n%s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		all = append(all, p)
	}
}

// mayImport says which packages of the module a package may import beside
// those below it. Values flow one way: cmd → builder or vic → leaves → tree.
// A leaf that imported another could no longer be used, tested or replaced
// alone; vic without the builder works on images that were built elsewhere.
func mayImport(pkg, dep string) bool {
	switch {
	case strings.HasPrefix(dep, pkg+"/"):
		return true // what a package keeps below itself is its own
	case pkg == "tree":
		return false
	case dep == "tree":
		return true
	case strings.HasPrefix(dep, "internal/"):
		return true
	case strings.HasPrefix(pkg, "cmd/"):
		return !strings.HasPrefix(dep, "cmd/")
	case pkg == "builder":
		return dep != "vic" && dep != "qemu" && !strings.HasPrefix(dep, "cmd/")
	case pkg == "vic":
		return dep == "image" || dep == "qemu"
	case strings.HasPrefix(pkg, "pkgs/"):
		return dep == "pkgs" // a source implements what pkgs declares
	}
	return false
}

func TestImportDirection(t *testing.T) {
	for _, p := range list(t) {
		for _, dep := range p.Imports {
			dep, ours := strings.CutPrefix(dep, module+"/")
			if ours && !mayImport(p.ImportPath, dep) {
				t.Errorf("%s imports %s: see ARCHITECTURE.md, \"Import direction\"", p.ImportPath, dep)
			}
		}
	}
}

func TestTreeUsesTheStandardLibraryOnly(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath != "tree" && p.ImportPath != "initrd/init" {
			continue
		}
		for _, dep := range p.Imports {
			if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") {
				t.Errorf("%s imports %s", p.ImportPath, dep)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) > 0 && len(p.Doc) < 40 {
			t.Errorf("%s has no package comment that says what it is", p.ImportPath)
		}
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers"}, path.Base(p.ImportPath)) {
			t.Errorf("%s: a name that says nothing", p.ImportPath)
		}
	}
}
