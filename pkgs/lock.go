package pkgs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/bocaditos/bocaditos/internal/cachefile"
)

// LockVersion is the version of the lock file's format.
const LockVersion = 1

// Lock pins a request to exact packages. It names no mirror, so it holds on
// any host.
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

// Release is a signed state of the archive that the lock was made from.
type Release struct {
	Name     string    `toml:"name"` // as asked for: "trixie-security"
	Origin   string    `toml:"origin"`
	Label    string    `toml:"label"`
	Suite    string    `toml:"suite"`
	Codename string    `toml:"codename"`
	Version  string    `toml:"version,omitempty"`
	Date     time.Time `toml:"date"`
	SHA256   string    `toml:"sha256"` // of the signed file
	Key      string    `toml:"key"`    // fingerprint of the primary key that signed it, hex
}

// Locked is one package as the archive has it.
type Locked struct {
	Name    string   `toml:"name"`
	Version string   `toml:"version"`
	Arch    string   `toml:"architecture"`
	Size    int64    `toml:"size"` // bytes
	SHA256  string   `toml:"sha256"`
	Path    string   `toml:"path"`    // below the archive's root
	Release string   `toml:"release"` // a Release's Name
	Sets    []string `toml:"sets"`    // names of the sets it is in
}

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
	releases, sets := map[string]bool{}, map[string]bool{}
	for _, r := range l.Releases {
		if releases[r.Name] {
			return fmt.Errorf("release %q is there twice", r.Name)
		}
		releases[r.Name] = true
	}
	for _, s := range l.Request.Sets {
		sets[s.Name] = true
	}
	seen := map[string]bool{}
	for _, p := range l.Packages {
		sum, err := hex.DecodeString(p.SHA256)
		switch {
		case p.Name == "" || p.Version == "" || p.Arch == "":
			return fmt.Errorf("package %q: name, version or architecture missing", p.Name)
		case seen[p.key()]:
			return fmt.Errorf("package %s is there twice", p.key())
		case err != nil || len(sum) != 32 || strings.ToLower(p.SHA256) != p.SHA256:
			return fmt.Errorf("package %s: sha256 is not 64 lower-case hex digits", p.Name)
		case p.Size <= 0:
			return fmt.Errorf("package %s: size %d", p.Name, p.Size)
		case !fs.ValidPath(p.Path) || p.Path == ".":
			return fmt.Errorf("package %s: path %q is not a clean relative path", p.Name, p.Path)
		case !releases[p.Release]:
			return fmt.Errorf("package %s: release %q is not in the lock", p.Name, p.Release)
		}
		for _, s := range p.Sets {
			if !sets[s] {
				return fmt.Errorf("package %s: set %q is not in the lock", p.Name, s)
			}
		}
		seen[p.key()] = true
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
