package debian

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// Resolve updates the package lists and solves the request against them.
func (a *Archive) Resolve(ctx context.Context, req pkgs.Request) (*pkgs.Lock, error) {
	if req.From == "" {
		req.From = a.cfg.From()
	}
	if req.From != a.cfg.From() {
		return nil, fmt.Errorf("resolve packages from %q: this source is %q", req.From, a.cfg.From())
	}
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	sources, err := a.sources(ctx)
	if err != nil {
		return nil, err
	}
	if sources, err = a.existing(ctx, sources); err != nil {
		return nil, err
	}
	l := &pkgs.Lock{Version: pkgs.LockVersion, Request: req}
	byArch := map[string][]pkgs.Set{}
	for _, set := range req.Sets {
		arch := cmp.Or(set.Arch, req.Arch)
		byArch[arch] = append(byArch[arch], set)
	}
	for _, arch := range slices.Sorted(maps.Keys(byArch)) {
		if err := a.resolve(ctx, l, arch, byArch[arch], sources); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// resolve adds to the lock what the sets, all for arch, are solved into.
func (a *Archive) resolve(ctx context.Context, l *pkgs.Lock, arch string, sets []pkgs.Set, sources []source) error {
	t, err := a.openApt(ctx, architectures[arch], sources)
	if err != nil {
		return err
	}
	defer t.close()
	found, err := t.update(ctx, sources, a.cfg.MaxAge)
	if err != nil {
		return err
	}
	var releases []pkgs.Release
	for _, src := range sources {
		releases = append(releases, found[src.name].Release)
	}
	if l.Releases != nil && !slices.Equal(l.Releases, releases) {
		return &pkgs.Error{Err: errors.New("the archive changed between looking at one architecture and the next"), Tip: "try again"}
	}
	l.Releases = releases
	s := solver{a: a, apt: t, sources: sources, packages: l.Packages}
	for _, set := range sets {
		if err := s.add(ctx, set); err != nil {
			return err
		}
	}
	l.Packages = s.packages
	return nil
}

// solver collects the packages of all sets.
type solver struct {
	a        *Archive
	apt      *apt
	sources  []source
	packages []pkgs.Locked
}

func (s *solver) add(ctx context.Context, set pkgs.Set) error {
	if len(set.Install) == 0 {
		return nil
	}
	var found []pkgs.Locked
	var err error
	if set.Closure {
		found, err = s.ask(ctx, append([]string{"install"}, set.Install...))
	} else {
		found, err = s.exactly(ctx, set.Install)
	}
	if err != nil {
		return s.apt.explainSolve(ctx, set, s.a.cfg.From(), err)
	}
	for _, p := range found {
		i := slices.IndexFunc(s.packages, func(q pkgs.Locked) bool { return q.SHA256 == p.SHA256 })
		if i < 0 {
			i = len(s.packages)
			s.packages = append(s.packages, p)
		}
		if !s.packages[i].In(set.Name) {
			s.packages[i].Sets = append(s.packages[i].Sets, set.Name)
		}
	}
	return nil
}

// uriLine is a line of apt-get --print-uris.
var uriLine = regexp.MustCompile(`^'([^']+)' (\S+)_(\S+)_(\S+)\.deb ([0-9]+) SHA256:([0-9a-f]{64})$`)

// ask has apt print what it would download.
func (s *solver) ask(ctx context.Context, command []string) ([]pkgs.Locked, error) {
	out, err := s.apt.run(ctx, "apt-get", append([]string{"-q", "--print-uris"}, command...)...)
	if err != nil {
		return nil, err
	}
	var found []pkgs.Locked
	var uris []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "'") {
			continue
		}
		m := uriLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("apt knows no size or SHA-256 of a package, or names it unexpectedly: %q", line)
		}
		p := pkgs.Locked{SHA256: m[6]}
		for i, to := range []*string{&p.Name, &p.Version, &p.Arch} {
			if *to, err = url.PathUnescape(m[i+2]); err != nil {
				return nil, fmt.Errorf("read apt's answer %q: %w", line, err)
			}
		}
		if p.Size, err = strconv.ParseInt(m[5], 10, 64); err != nil {
			return nil, fmt.Errorf("read apt's answer %q: %w", line, err)
		}
		found = append(found, p)
		uris = append(uris, m[1])
	}
	return found, s.locate(ctx, found, uris)
}

// locate finds out which release each package is from, and its path there.
func (s *solver) locate(ctx context.Context, found []pkgs.Locked, uris []string) error {
	if len(found) == 0 {
		return nil
	}
	args := []string{"madison"}
	for _, p := range found {
		args = append(args, p.Name)
	}
	out, err := s.apt.run(ctx, "apt-cache", args...)
	if err != nil {
		return err
	}
	// "name | version | URI release/component architecture Packages"
	in := map[string]bool{}
	for line := range strings.Lines(out) {
		column := strings.Split(line, "|")
		if len(column) != 3 {
			continue
		}
		if f := strings.Fields(column[2]); len(f) == 4 {
			in[strings.TrimSpace(column[0])+" "+strings.TrimSpace(column[1])+" "+path.Dir(f[1])] = true
		}
	}
	for i := range found {
		p := &found[i]
		for _, src := range s.sources {
			rest, ok := strings.CutPrefix(bareURI(uris[i], false), bareURI(src.uri, false)+"/")
			if !ok || !in[p.Name+" "+p.Version+" "+src.name] {
				continue
			}
			if p.Path, err = url.PathUnescape(rest); err != nil {
				return fmt.Errorf("read apt's answer %q: %w", uris[i], err)
			}
			p.Release = src.name
			break
		}
		if p.Release == "" {
			return fmt.Errorf("apt takes %s %s from %s, which is none of the releases in use", p.Name, p.Version, uris[i])
		}
	}
	return nil
}

// bareURI gives an address the form that apt prints: files as "file:/path",
// and without a password unless it is wanted.
func bareURI(uri string, withUser bool) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	if u.Scheme == "file" {
		return "file:" + u.EscapedPath()
	}
	if !withUser {
		u.User = nil
	}
	return u.String()
}

// small is the size below which a package may hold nothing but references to
// others, and is looked into; such have 1 to 20 KB, with their changelog.
const small = 64 << 10

// exactly finds the packages without their dependencies.
func (s *solver) exactly(ctx context.Context, install []string) ([]pkgs.Locked, error) {
	var all []pkgs.Locked
	seen := map[string]bool{}
	for len(install) > 0 {
		found, err := s.ask(ctx, append([]string{"download"}, install...))
		if err != nil {
			return nil, err
		}
		install = nil
		for _, p := range found {
			if seen[p.SHA256] {
				continue
			}
			seen[p.SHA256] = true
			next, err := s.follow(ctx, p)
			if err != nil {
				return nil, err
			}
			if next == nil {
				all = append(all, p)
			}
			install = append(install, next...)
		}
	}
	return all, nil
}

// follow looks into a small package. If it has no files but documentation, it
// returns the packages that it stands for: those that it depends on in exactly
// one version, such as the kernel of linux-image-cloud-amd64, or else all.
func (s *solver) follow(ctx context.Context, p pkgs.Locked) ([]string, error) {
	if p.Size >= small {
		return nil, nil
	}
	if err := s.a.fetch(ctx, s.sources, p, nil); err != nil {
		return nil, err
	}
	control, t, err := s.a.open(ctx, p)
	if err != nil || hasFiles(t) {
		return nil, err
	}
	var exact, first []string
	for _, group := range parseRelations(control.Depends) {
		r := group[0]
		first = append(first, r.name)
		if r.version != "" {
			exact = append(exact, r.name+"="+r.version)
		}
	}
	if exact != nil {
		return exact, nil
	}
	return first, nil
}

func hasFiles(t *tree.Tree) bool {
	files := false
	t.Walk(func(p string, n *tree.Node) error {
		doc := strings.HasPrefix(p, "/usr/share/doc/") || strings.HasPrefix(p, "/usr/share/bug/") || strings.HasPrefix(p, "/usr/share/lintian/")
		files = files || n.Type != tree.Dir && !doc
		return nil
	})
	return files
}
