package nix

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bocaditos/bocaditos/pkgs"
)

// releaseName is what the lock calls the package set.
const releaseName = "nixpkgs"

// unknownDate is the lock's where the package set does not say when it was
// made: a path on disk has the time of its checkout at best. It is the
// SOURCE_DATE_EPOCH that nixpkgs' stdenv builds with, and the first that FAT and zip
// can express.
var unknownDate = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Resolve evaluates the request's attributes, lets nix build or substitute
// their outputs, and makes the lock of these and, for sets with Closure, of
// all they refer to.
func (s *Source) Resolve(ctx context.Context, req pkgs.Request) (*pkgs.Lock, error) {
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	req.From = cmp.Or(req.From, s.cfg.From())
	if s.cfg.Closure != "" {
		return s.resolveClosure(req)
	}
	if !s.available() {
		_, err := s.program("nix")
		return nil, err
	}
	e, err := s.evaluate(ctx, s.cfg.Nixpkgs, req)
	if err != nil {
		return nil, err
	}
	wanted, derivations := e.outputs(req)
	if err := s.realise(ctx, s.rootsOf(req), derivations); err != nil {
		return nil, s.buildError(ctx, err)
	}
	paths := slices.Sorted(maps.Keys(wanted))
	infos, err := s.pathInfos(ctx, paths, true)
	if err != nil {
		return nil, fmt.Errorf("ask nix for the closure: %w", err)
	}
	l, err := s.makeLock(req, e, wanted, infos)
	if err != nil {
		return nil, err
	}
	s.findCaches(ctx, l)
	return l, nil
}

// output is a store path that was asked for.
type output struct {
	path    string
	name    string // attribute, with the output where it is not "out"
	version string
	sets    []string
}

// outputs lists the paths that were asked for, and the derivations' outputs as
// nix-store takes them.
func (e *evaluation) outputs(req pkgs.Request) (wanted map[string]*output, derivations []string) {
	wanted = map[string]*output{}
	byDerivation := map[string][]string{}
	for i, set := range e.Sets {
		for j, p := range set {
			asked := req.Sets[i].Install[j]
			for _, o := range p.Outputs {
				name := asked
				if o.Name != "out" && lastOf(asked) != o.Name {
					name += "." + o.Name
				}
				w := wanted[o.Path]
				if w == nil {
					w = &output{path: o.Path, name: name, version: p.Version}
					wanted[o.Path] = w
				}
				w.name = min(w.name, name) // two attributes may be one package
				if !slices.Contains(w.sets, req.Sets[i].Name) {
					w.sets = append(w.sets, req.Sets[i].Name)
				}
				if !slices.Contains(byDerivation[p.Drv], o.Name) {
					byDerivation[p.Drv] = append(byDerivation[p.Drv], o.Name)
				}
			}
		}
	}
	for _, drv := range slices.Sorted(maps.Keys(byDerivation)) {
		slices.Sort(byDerivation[drv])
		derivations = append(derivations, drv+"!"+strings.Join(byDerivation[drv], ","))
	}
	return wanted, derivations
}

// rootsOf is the directory whose links keep a request's paths from nix'
// garbage collector, as long as the cache is not cleaned.
func (s *Source) rootsOf(req pkgs.Request) string {
	text, _ := json.Marshal(req) // strings and booleans: cannot fail
	sum := sha256.Sum256(text)
	return filepath.Join(s.cfg.CacheDir, "nix", "roots", hex.EncodeToString(sum[:8]))
}

// realise has nix build or substitute what nix-store names so: derivations'
// outputs, or paths. Links to them come into the directory roots.
func (s *Source) realise(ctx context.Context, roots string, what []string) error {
	if len(what) == 0 {
		return nil
	}
	if err := os.RemoveAll(roots); err != nil {
		return err
	}
	if err := os.MkdirAll(roots, 0o755); err != nil {
		return err
	}
	args := []string{"--realise", "--add-root", filepath.Join(roots, "path"), "--indirect"}
	_, err := s.run(ctx, "nix-store", append(args, what...)...)
	return err
}

// release records the package set that was evaluated.
func (s *Source) release(e *evaluation) (pkgs.Release, error) {
	n := e.Nixpkgs
	from, _ := strings.CutPrefix(s.cfg.From(), "nix ")
	r := pkgs.Release{Name: releaseName, Origin: from, Version: n.Version, Revision: n.Revision, Date: unknownDate}
	// A flake by path has the time of its files, which every checkout sets anew,
	// and is what a lock must not depend on.
	if kind, ref := locate(s.cfg.Nixpkgs); kind == "flake" && n.LastModified > 0 && !filepath.IsAbs(ref) && !strings.HasPrefix(ref, "path:") {
		r.Date = time.Unix(n.LastModified, 0).UTC()
	}
	var err error
	if n.NARHash != "" {
		r.SHA256, err = sha256Hex(n.NARHash)
	}
	return r, err
}

// lockPaths makes the lock's entries of what was asked for and, by set, all it
// refers to.
func lockPaths(req pkgs.Request, wanted map[string]*output, infos map[string]pathInfo) ([]pkgs.Locked, error) {
	sets := map[string][]string{} // by path
	arch := map[string]string{}
	for _, set := range req.Sets {
		var todo []string
		for _, w := range wanted {
			if slices.Contains(w.sets, set.Name) {
				todo = append(todo, w.path)
			}
		}
		for len(todo) > 0 {
			p := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if slices.Contains(sets[p], set.Name) {
				continue
			}
			info, ok := infos[p]
			if !ok {
				return nil, fmt.Errorf("nix says that its store does not have %s, although it has built all", p)
			}
			sets[p] = append(sets[p], set.Name)
			arch[p] = cmp.Or(arch[p], systems[cmp.Or(set.Arch, req.Arch)])
			if set.Closure {
				todo = append(todo, info.references...)
			}
		}
	}
	entries := make(map[string]*pkgs.Locked, len(sets))
	for p := range sets {
		name, version := splitName(p)
		if w := wanted[p]; w != nil {
			name, version = w.name, w.version
		}
		entries[p] = &pkgs.Locked{Name: name, Version: version, Arch: arch[p], Size: infos[p].size, SHA256: infos[p].sha256,
			Path: p, Release: releaseName, Sets: sets[p], Signatures: infos[p].signatures}
	}
	nameApart(entries, wanted)
	for p, e := range entries {
		for _, ref := range infos[p].references {
			if ref == p {
				continue
			}
			if to := entries[ref]; to != nil {
				e.References = append(e.References, to.Name)
			} else {
				e.References = append(e.References, ref)
			}
		}
		slices.Sort(e.References)
	}
	var list []pkgs.Locked
	for _, p := range slices.Sorted(maps.Keys(entries)) {
		list = append(list, *entries[p])
	}
	slices.SortStableFunc(list, func(a, b pkgs.Locked) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// nameApart gives those of one name the beginning of their hash, unless they
// were asked for by that name: a closure may well have two versions of a library.
func nameApart(entries map[string]*pkgs.Locked, wanted map[string]*output) {
	byName := map[string][]string{}
	for p, e := range entries {
		byName[e.Name] = append(byName[e.Name], p)
	}
	for _, paths := range byName {
		if len(paths) == 1 {
			continue
		}
		kept := false // of one package for two architectures, one keeps the name
		for _, p := range slices.Sorted(slices.Values(paths)) {
			if wanted[p] != nil && !kept {
				kept = true
				continue
			}
			entries[p].Name += "-" + path.Base(p)[:8]
		}
	}
}

// findCaches notes which binary cache has what nix has, so that the lock alone
// is enough elsewhere: one of the configuration, or a substituter of nix. One that
// does not answer at once is left out.
func (s *Source) findCaches(ctx context.Context, l *pkgs.Lock) {
	paths := pathsByName(l)
	urls := slices.Clone(s.cfg.Caches)
	for _, u := range s.substituters(ctx) {
		if u, err := cacheURL(u); err == nil && !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	caches := s.openCaches(urls, limits{stalled: s.limits.stalled / 6, attempts: 1}, nil)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range l.Packages {
		p := &l.Packages[i]
		g.Go(func() error {
			for _, c := range caches {
				info, err := c.info(ctx, p.Path)
				if err != nil || info.agrees(*p, references(*p, paths)) != nil || info.trusted(s.keys) != nil {
					continue
				}
				p.Signatures = union(p.Signatures, info.signatures)
				// A directory of this machine is nothing to others; the recipe may name it.
				if !strings.HasPrefix(c.name, "file:") {
					p.Cache = c.name
				}
				return nil
			}
			return nil
		})
	}
	g.Wait()
	for _, c := range caches {
		if c.down != nil {
			s.logf("the lock cannot say what %s has: %v", c.name, c.down)
		}
	}
}

func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// substituters are the binary caches that nix is configured with.
func (s *Source) substituters(ctx context.Context) []string {
	var settings struct {
		Substituters struct {
			Value []string `json:"value"`
		} `json:"substituters"`
	}
	// Nix 2.20 gave the command another name.
	for _, command := range [][]string{{"config", "show"}, {"show-config"}} {
		out, err := s.run(ctx, "nix", append(command, "--json")...)
		if err == nil && json.Unmarshal(out, &settings) == nil {
			break
		}
	}
	return settings.Substituters.Value
}
