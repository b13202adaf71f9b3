package pkgs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/bocaditos/bocaditos/internal/cachefile"
)

// LockVersion is the version of the lock file's format.
const LockVersion = 1

// Lock pins a request to exact packages. It holds on any host: of Debian's
// archive it names no mirror, and Nix' caches are but where to look first.
type Lock struct {
	Version  int       `toml:"version"`
	Request  Request   `toml:"request"`
	Releases []Release `toml:"release"`
	Packages []Locked  `toml:"package"`

	// Accounts are the numbers of users and groups that packages leave to be
	// chosen. An image keeps them, for files outlive it by them.
	Accounts *Accounts `toml:"accounts,omitempty"`
}

// Accounts are numbers by name.
type Accounts struct {
	Users  map[string]uint32 `toml:"users"`
	Groups map[string]uint32 `toml:"groups"`
}

// Release is a state of the source that the lock was made from: a signed
// Release file of an archive, or a revision of nixpkgs.
type Release struct {
	Name     string    `toml:"name"`   // as asked for: "trixie-security", "nixpkgs"
	Origin   string    `toml:"origin"` // who made it; of nixpkgs, where it was taken from
	Label    string    `toml:"label,omitempty"`
	Suite    string    `toml:"suite,omitempty"`
	Codename string    `toml:"codename,omitempty"`
	Version  string    `toml:"version,omitempty"`
	Revision string    `toml:"revision,omitempty"` // of nixpkgs: the commit, if known
	Date     time.Time `toml:"date"`
	SHA256   string    `toml:"sha256,omitempty"` // of the signed file; of nixpkgs as a NAR, if known
	Key      string    `toml:"key,omitempty"`    // fingerprint of the primary key that signed it, hex
}

// Locked is one package as an archive has it, or one path of a Nix store.
type Locked struct {
	Name    string   `toml:"name"`
	Version string   `toml:"version"` // of a store path: as its name says, may be empty
	Arch    string   `toml:"architecture"`
	Size    int64    `toml:"size"`    // bytes; of a store path: of its NAR
	SHA256  string   `toml:"sha256"`  // of the same
	Path    string   `toml:"path"`    // below the archive's root; absolute for a store path
	Release string   `toml:"release"` // a Release's Name
	Sets    []string `toml:"sets"`    // names of the sets it is in

	// References are what a store path refers to, itself apart: Names of
	// other entries, or, where all its sets are without their closure, store
	// paths that the lock does not have.
	References []string `toml:"references,omitempty"`
	// Cache is the URL of a binary cache that had the store path when the lock
	// was made; empty when none is known.
	Cache string `toml:"cache,omitempty"`
	// Signatures are those that the store path had then, as "key name:base64".
	Signatures []string `toml:"signatures,omitempty"`
}

// IsStorePath reports whether the entry is a path of a Nix store.
func (p Locked) IsStorePath() bool { return strings.HasPrefix(p.Path, "/") }

// In reports whether the package is in the set of that name.
func (p Locked) In(set string) bool { return slices.Contains(p.Sets, set) }

// Epoch is the date of the newest release: the time an image made from this
// lock gets unless its builder is told another.
func (l *Lock) Epoch() time.Time {
	var t time.Time
	for _, r := range l.Releases {
		if r.Date.After(t) {
			t = r.Date
		}
	}
	return t
}

// ReadLock reads and checks a lock file. One that does not exist is an
// fs.ErrNotExist.
func ReadLock(file string) (*Lock, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var l Lock
	// The version comes first, so that a newer format is not reported as
	// unknown keys.
	var v struct {
		Version int `toml:"version"`
	}
	if err := toml.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("read lock %s: %w", file, err)
	}
	if v.Version != LockVersion {
		return nil, fmt.Errorf("read lock %s: format version %d, this program reads %d: run `bocaditos update`", file, v.Version, LockVersion)
	}
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&l); err != nil {
		if strict := (*toml.StrictMissingError)(nil); errors.As(err, &strict) {
			return nil, fmt.Errorf("read lock %s: unknown key:\n%s", file, strict.String())
		}
		return nil, fmt.Errorf("read lock %s: %w", file, err)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("read lock %s: %w", file, err)
	}
	return &l, nil
}

// check refuses what no Resolve writes: paths and digests become file names.
func (l *Lock) check() error {
	releases, sets := map[string]bool{}, map[string]Set{}
	for _, r := range l.Releases {
		if releases[r.Name] {
			return fmt.Errorf("release %q is there twice", r.Name)
		}
		releases[r.Name] = true
	}
	for _, s := range l.Request.Sets {
		sets[s.Name] = s
	}
	seen := map[string]bool{}
	for _, p := range l.Packages {
		sum, err := hex.DecodeString(p.SHA256)
		switch {
		case p.Name == "" || p.Version == "" && !p.IsStorePath() || p.Arch == "":
			return fmt.Errorf("package %q: name, version or architecture missing", p.Name)
		case seen[p.key()]:
			return fmt.Errorf("package %s is there twice", p.key())
		case err != nil || len(sum) != 32 || strings.ToLower(p.SHA256) != p.SHA256:
			return fmt.Errorf("package %s: sha256 is not 64 lower-case hex digits", p.Name)
		case p.Size <= 0:
			return fmt.Errorf("package %s: size %d", p.Name, p.Size)
		case p.IsStorePath() && !storePath.MatchString(p.Path):
			return fmt.Errorf("package %s: path %q is not a clean relative path, nor one of a Nix store", p.Name, p.Path)
		case !p.IsStorePath() && (!fs.ValidPath(p.Path) || p.Path == "."):
			return fmt.Errorf("package %s: path %q is not a clean relative path", p.Name, p.Path)
		case !releases[p.Release]:
			return fmt.Errorf("package %s: release %q is not in the lock", p.Name, p.Release)
		}
		for _, s := range p.Sets {
			if _, ok := sets[s]; !ok {
				return fmt.Errorf("package %s: set %q is not in the lock", p.Name, s)
			}
		}
		seen[p.key()] = true
	}
	return l.checkReferences(sets)
}

// storePath is what Nix allows: 32
// digits of its base 32, a dash, a name that begins with no dot.
var storePath = regexp.MustCompile(`^/nix/store/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+_?=-][0-9A-Za-z+._?=-]{0,210}$`)

// checkReferences wants closures to be whole, and references to be as Nix
// makes them: without cycles.
func (l *Lock) checkReferences(sets map[string]Set) error {
	byName, byPath := map[string]Locked{}, map[string]bool{}
	for _, p := range l.Packages {
		if !p.IsStorePath() {
			if len(p.References) > 0 {
				return fmt.Errorf("package %s: it has references, but is no store path", p.Name)
			}
			continue
		}
		if _, ok := byName[p.Name]; ok {
			return fmt.Errorf("package %s: two store paths have this name", p.Name)
		}
		if byPath[p.Path] {
			return fmt.Errorf("store path %s is there twice", p.Path)
		}
		byName[p.Name], byPath[p.Path] = p, true
	}
	for _, p := range l.Packages {
		for _, name := range p.References {
			ref, ok := byName[name]
			switch {
			case !ok && strings.HasPrefix(name, "/") && (!storePath.MatchString(name) || byPath[name]):
				return fmt.Errorf("package %s: reference %q is not a store path that the lock does without", p.Name, name)
			case !ok && !strings.HasPrefix(name, "/"):
				return fmt.Errorf("package %s: it refers to %s, which is not in the lock", p.Name, name)
			}
			for _, s := range p.Sets {
				if sets[s].Closure && !ref.In(s) {
					return fmt.Errorf("package %s: it refers to %s, which is not in set %q: its closure is not whole", p.Name, name, s)
				}
			}
		}
	}
	return checkCycles(byName)
}

func checkCycles(byName map[string]Locked) error {
	const onTheWay, done = 1, 2
	state := map[string]int{}
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case onTheWay:
			return fmt.Errorf("package %s: its references lead back to it", name)
		case done:
			return nil
		}
		state[name] = onTheWay
		for _, ref := range byName[name].References {
			if err := visit(ref); err != nil {
				return err
			}
		}
		state[name] = done
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

func (p Locked) key() string { return p.Name + ":" + p.Arch + " " + p.Version }

const lockHeader = `# Made by bocaditos update. Keep it in version control; do not edit.
`

// Write writes the lock file, sorted, whole or not at all.
func (l *Lock) Write(file string) error {
	sorted := *l
	sorted.Request = l.Request.sorted()
	sorted.Releases = slices.Clone(l.Releases)
	slices.SortFunc(sorted.Releases, func(a, b Release) int { return strings.Compare(a.Name, b.Name) })
	sorted.Packages = slices.Clone(l.Packages)
	slices.SortFunc(sorted.Packages, func(a, b Locked) int { return strings.Compare(a.key(), b.key()) })
	for i := range sorted.Packages {
		p := &sorted.Packages[i]
		p.Sets = slices.Sorted(slices.Values(p.Sets))
		p.References = slices.Sorted(slices.Values(p.References))
	}
	if err := sorted.check(); err != nil {
		return fmt.Errorf("write lock %s: %w", file, err)
	}
	data, err := toml.Marshal(sorted)
	if err != nil {
		return fmt.Errorf("write lock %s: %w", file, err)
	}
	if err := cachefile.Write(file, append([]byte(lockHeader), data...), 0o644); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// sorted is the request in the one order that a lock is written in.
func (r Request) sorted() Request {
	r.Sets = slices.Clone(r.Sets)
	slices.SortFunc(r.Sets, func(a, b Set) int { return strings.Compare(a.Name, b.Name) })
	for i := range r.Sets {
		s := &r.Sets[i]
		s.Install = slices.Compact(slices.Sorted(slices.Values(s.Install)))
	}
	return r
}
