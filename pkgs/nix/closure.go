package nix

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/bocaditos/bocaditos/pkgs"
)

// A closure is what a derivation knows of its inputs: where nix/lib/image.nix
// builds an image, there is neither nix nor its database, and nothing to
// evaluate. Nix writes it as .attrs.json (the manual, "Advanced attributes",
// __structuredAttrs and exportReferencesGraph), with the attributes of the
// derivation.
type closure struct {
	Graph    []json.RawMessage    `json:"closure"`  // of exportReferencesGraph.closure
	Packages map[string]evaluated `json:"packages"` // by the attribute that is asked for
	Nixpkgs  nixpkgsVersion       `json:"nixpkgs"`
}

// resolveClosure makes the lock from a closure.
func (s *Source) resolveClosure(req pkgs.Request) (*pkgs.Lock, error) {
	fail := func(err error) (*pkgs.Lock, error) {
		return nil, fmt.Errorf("read the derivation's closure %s: %w", s.cfg.Closure, err)
	}
	data, err := os.ReadFile(s.cfg.Closure)
	if err != nil {
		return nil, err
	}
	var c closure
	if err := json.Unmarshal(data, &c); err != nil {
		return fail(err)
	}
	graph, err := json.Marshal(c.Graph)
	if err != nil {
		return fail(err)
	}
	infos, err := parsePathInfos(graph)
	if err != nil {
		return fail(err)
	}
	e := &evaluation{Nixpkgs: c.Nixpkgs}
	var errs []error
	for _, set := range req.Sets {
		var found []evaluated
		for _, name := range set.Install {
			p, ok := c.Packages[name]
			if !ok {
				errs = append(errs, fmt.Errorf("package %q is no input of this derivation", name))
			}
			found = append(found, p)
		}
		e.Sets = append(e.Sets, found)
	}
	if errs != nil {
		return fail(errors.Join(errs...))
	}
	wanted, _ := e.outputs(req)
	return s.makeLock(req, e, wanted, infos)
}

// makeLock is the end of every Resolve.
func (s *Source) makeLock(req pkgs.Request, e *evaluation, wanted map[string]*output, infos map[string]pathInfo) (*pkgs.Lock, error) {
	release, err := s.release(e)
	if err != nil {
		return nil, err
	}
	l := &pkgs.Lock{Version: pkgs.LockVersion, Request: req, Releases: []pkgs.Release{release}}
	l.Packages, err = lockPaths(req, wanted, infos)
	return l, err
}
