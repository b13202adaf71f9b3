package nix

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bocaditos/bocaditos/pkgs"
)

//go:embed evaluate.nix
var evaluateNix []byte

// evaluation is what evaluate.nix returns.
type evaluation struct {
	Sets    [][]evaluated  `json:"sets"` // in the order of the request's sets and their Install
	Nixpkgs nixpkgsVersion `json:"nixpkgs"`
}

// nixpkgsVersion is what is known of a package set's own version.
type nixpkgsVersion struct {
	Version      string `json:"version"`
	Revision     string `json:"revision"`
	LastModified int64  `json:"lastModified"` // seconds since 1970; 0 where unknown
	NARHash      string `json:"narHash"`
}

// evaluated is a package, or why there is none.
type evaluated struct {
	Drv     string `json:"drv"`
	Version string `json:"version"`
	Outputs []struct {
		Name string `json:"name"`
		Path string `json:"path"`
	} `json:"outputs"`

	Missing    string   `json:"missing"`    // the part of the attribute path that is not there
	NotPackage string   `json:"notPackage"` // the type of what is there instead
	Names      []string `json:"names"`      // what is beside the missing, or in the other thing
}

// evaluate asks nix for the packages of all sets. nixpkgs is as in Config.
func (s *Source) evaluate(ctx context.Context, nixpkgs string, req pkgs.Request) (*evaluation, error) {
	dir, err := os.MkdirTemp("", "bocaditos-nix-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	question, err := json.Marshal(s.question(nixpkgs, req))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"evaluate.nix": evaluateNix, "request.json": question}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	out, err := s.run(ctx, "nix", "eval", "--impure", "--show-trace", "--json", "--expr",
		fmt.Sprintf("import %s %s", nixString(filepath.Join(dir, "evaluate.nix")), nixString(filepath.Join(dir, "request.json"))))
	if err != nil {
		return nil, s.evaluationError(err)
	}
	e := new(evaluation)
	if err := json.Unmarshal(out, e); err != nil {
		return nil, fmt.Errorf("read what nix evaluated: %w", err)
	}
	if len(e.Sets) != len(req.Sets) {
		return nil, fmt.Errorf("nix evaluated %d sets of %d", len(e.Sets), len(req.Sets))
	}
	var errs []error
	for i, set := range e.Sets {
		for j, p := range set {
			if err := p.check(req.Sets[i].Install[j]); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return e, errors.Join(errs...)
}

// question is what evaluate.nix reads.
func (s *Source) question(nixpkgs string, req pkgs.Request) map[string]any {
	c := s.cfg
	var ours []string
	prebuilt := map[string]string{}
	if c.Overlay != "" {
		ours = append(ours, filepath.Join(c.Overlay, "overlay.nix"))
		if c.Executable != "" {
			prebuilt["overlay"], prebuilt["executable"] = filepath.Join(c.Overlay, "cli", "prebuilt.nix"), c.Executable
		}
	}
	type wanted struct {
		Name string   `json:"name"`
		Path []string `json:"path"`
	}
	type set struct {
		System   string   `json:"system"`
		Packages []wanted `json:"packages"`
	}
	sets := make([]set, len(req.Sets))
	for i, r := range req.Sets {
		sets[i] = set{systems[cmp.Or(r.Arch, req.Arch)], []wanted{}}
		for _, name := range r.Install {
			path, _ := attrPath(name) // checkRequest did
			sets[i].Packages = append(sets[i].Packages, wanted{name, path})
		}
	}
	// Nix would see null where Go has nil.
	q := map[string]any{
		"args":     maps.Collect(maps.All(c.Args)),
		"ours":     append([]string{}, ours...),
		"prebuilt": prebuilt,
		"overlays": append([]string{}, c.Overlays...),
		"config": map[string]any{
			"allowUnfree":               c.AllowUnfree,
			"allowBroken":               c.AllowBroken,
			"allowUnsupportedSystem":    c.AllowUnsupported,
			"permittedInsecurePackages": append([]string{}, c.PermitInsecure...),
		},
		"sets": sets,
	}
	where, what := locate(nixpkgs)
	q[where] = what
	return q
}

// locate says which of evaluate.nix' kinds of source nixpkgs is.
func locate(nixpkgs string) (kind, value string) {
	name, ok := strings.CutPrefix(nixpkgs, "<")
	switch {
	case ok:
		return "channel", strings.TrimSuffix(name, ">")
	case !filepath.IsAbs(nixpkgs):
		return "flake", nixpkgs
	}
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(nixpkgs, name))
		return err == nil
	}
	if exists("flake.nix") && !exists("default.nix") {
		return "flake", nixpkgs
	}
	return "path", nixpkgs
}

// forge is a flake reference to a repository, perhaps to one of its branches.
var forge = regexp.MustCompile(`^((?:github|gitlab|sourcehut):[^/?]+/[^/?]+)(?:/[^?]*)?(\?.*)?$`)

// pinned is the flake reference at that revision, where it has any; other
// kinds of nixpkgs stay as they are.
func pinned(nixpkgs, revision string) string {
	if revision == "" {
		return nixpkgs
	}
	if m := forge.FindStringSubmatch(nixpkgs); m != nil {
		return m[1] + "/" + revision + m[2]
	}
	if base, query, _ := strings.Cut(nixpkgs, "?"); strings.HasPrefix(base, "git+") {
		params, err := url.ParseQuery(query)
		if err != nil {
			return nixpkgs
		}
		params.Set("rev", revision)
		return base + "?" + params.Encode()
	}
	return nixpkgs
}

// nixString quotes for Nix.
func nixString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", `\${`, "\n", `\n`).Replace(s) + `"`
}
