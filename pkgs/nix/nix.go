// Package nix is a pkgs.Source over nixpkgs, or whatever gives a package set
// like it. The user's own nix evaluates and builds; this package asks it, makes
// the lock of what it says, and reads store paths where they lie. From a lock
// it needs no nix: paths that no local store has come from binary caches, in Go.
//
// A package is a store path, its name in the lock the attribute that was asked
// for, or what the path's own name says.
package nix

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bocaditos/bocaditos/pkgs"
)

// StoreDir is where all store paths are, by their own name for themselves:
// another one would be another set of hashes, and no binary cache has it.
const StoreDir = "/nix/store"

// Config chooses a package set and the store. Nixpkgs and CacheDir are required.
type Config struct {
	// Nixpkgs gives the package set: "<nixpkgs>", looked up in NIX_PATH; the
	// absolute path of a directory or .nix file; else a flake reference. What is
	// found there is a function like nixpkgs' own, of {system, overlays, config},
	// a set with appendOverlays or extend, or a flake with legacyPackages.
	Nixpkgs string
	// Args are more arguments for that function; it gets those it names.
	Args map[string]string
	// Overlay is a directory whose overlay.nix comes before Overlays; may be empty.
	Overlay string
	// Executable is the static program that Overlay's packages use as bocaditos
	// instead of compiling it, through its cli/prebuilt.nix; may be empty. Nix
	// reads it only if a package wants it.
	Executable string
	// Overlays are absolute paths of files with one overlay each.
	Overlays []string

	// Packages that nixpkgs refuses unless told so.
	AllowUnfree      bool
	AllowBroken      bool
	AllowUnsupported bool
	PermitInsecure   []string // by name with version, as nixpkgs prints it

	// Closure is for a build inside a derivation: the .attrs.json that Nix gives
	// it, with what nix/lib/image.nix puts there. Resolve takes all from it and
	// runs no nix. Empty: Resolve asks nix.
	Closure string

	Program string // nix itself; default "nix". Its other commands are beside it
	Store   string // as `nix --store` takes it; default: what nix uses

	// Caches are binary caches, in the order to ask: http, https or file URLs, or
	// absolute paths. They come before those that the lock knows.
	Caches []string
	// TrustedKeys are "name:base64". With any, a path from a cache needs a
	// signature by one of them, unless its name already follows from its content.
	// The lock's NAR hash is demanded in any case.
	TrustedKeys []string

	CacheDir string    // absolute; any number of builds may share it
	Log      io.Writer // gets what nix says: its progress and build logs; may be nil
}

// From says what package set is used, as a pkgs.Request has it. It has no path
// of this machine but the last element of one.
func (c Config) From() string {
	from := c.Nixpkgs
	if filepath.IsAbs(from) {
		from = filepath.Base(from)
	}
	words := []string{"nix", from}
	for _, o := range c.Overlays {
		words = append(words, "+", filepath.Base(o))
	}
	return strings.Join(words, " ")
}

// Source is a package set as a pkgs.Source.
type Source struct {
	cfg     Config
	keys    []publicKey
	roots   []storeRoot
	backoff time.Duration // before the second attempt at a cache; doubles with each
	limits  limits

	logging sync.Mutex // one line at a time to cfg.Log
}

var _ pkgs.Source = (*Source)(nil)

// New checks the configuration. It runs nothing yet.
func New(cfg Config) (*Source, error) {
	cfg.Program = cmp.Or(cfg.Program, "nix")
	if cfg.Nixpkgs == "" || strings.ContainsAny(cfg.Nixpkgs, "\x00\n") {
		return nil, fmt.Errorf("nixpkgs %q: want a flake reference, an absolute path or <nixpkgs>", cfg.Nixpkgs)
	}
	for _, file := range append([]string{cfg.CacheDir}, cfg.Overlays...) {
		if !filepath.IsAbs(file) {
			return nil, fmt.Errorf("%q: want an absolute path", file)
		}
	}
	s := &Source{cfg: cfg, backoff: time.Second / 2, limits: defaultLimits}
	for _, k := range cfg.TrustedKeys {
		key, err := parseKey(k)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	s.cfg.Caches = nil
	for _, c := range cfg.Caches {
		u, err := cacheURL(c)
		if err != nil {
			return nil, err
		}
		s.cfg.Caches = append(s.cfg.Caches, u)
	}
	var err error
	s.roots, err = storeRoots(cmp.Or(cfg.Store, os.Getenv("NIX_REMOTE")))
	return s, err
}

// storeRoot is a directory of this machine that has store paths by their base names.
type storeRoot string

func (r storeRoot) path(storePath string) string {
	return filepath.Join(string(r), path.Base(storePath))
}

// storeRoots are the directories that hold the store which nix calls by that
// name: see "Store types" in Nix' manual.
func storeRoots(store string) ([]storeRoot, error) {
	kind, query, _ := strings.Cut(store, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("nix store %q: %w", store, err)
	}
	root := params.Get("root")
	switch {
	case params.Get("real") != "":
		return []storeRoot{storeRoot(params.Get("real"))}, nil
	case filepath.IsAbs(kind):
		root = kind
	case strings.HasPrefix(kind, "local://"):
		root = cmp.Or(root, strings.TrimPrefix(kind, "local://"))
	case kind == "" || kind == "auto":
		// Nix falls back to the second one for who may not write to the first.
		home, _ := os.UserHomeDir()
		data := cmp.Or(os.Getenv("XDG_DATA_HOME"), filepath.Join(home, ".local", "share"))
		return []storeRoot{StoreDir, storeRoot(filepath.Join(data, "nix", "root", StoreDir))}, nil
	case kind == "local" || kind == "daemon" || strings.HasPrefix(kind, "unix://"):
	default:
		return nil, &pkgs.Error{Err: fmt.Errorf("nix store %q is not on this machine: an image is made of files that can be read here", store),
			Tip: "name it as a cache, as a remote builder in nix.conf, or copy from it with nix copy"}
	}
	return []storeRoot{storeRoot(filepath.Join("/", root, StoreDir))}, nil
}

// systems maps the recipe's architectures to Nix' systems.
var systems = map[string]string{"x86-64": "x86_64-linux", "arm64": "aarch64-linux"}

func checkRequest(req pkgs.Request) error {
	var names []string
	for _, s := range req.Sets {
		if s.Name == "" || slices.Contains(names, s.Name) {
			return fmt.Errorf("package set %q: every set needs a name of its own", s.Name)
		}
		names = append(names, s.Name)
		if arch := cmp.Or(s.Arch, req.Arch); systems[arch] == "" {
			return fmt.Errorf("package set %q: architecture %q: want x86-64 or arm64", s.Name, arch)
		}
		for _, p := range s.Install {
			if _, err := attrPath(p); err != nil {
				return fmt.Errorf("package set %q: %w", s.Name, err)
			}
		}
	}
	return nil
}

var attrName = regexp.MustCompile(`^(?:([A-Za-z_][A-Za-z0-9_'-]*)|"([^"\\$]+)")(?:\.|$)`)

// attrPath splits an attribute path: python3Packages.foo, nodePackages."@x/y".
func attrPath(s string) ([]string, error) {
	var names []string
	rest := s
	for rest != "" {
		m := attrName.FindStringSubmatch(rest)
		if m == nil {
			break
		}
		names = append(names, cmp.Or(m[1], m[2]))
		rest = rest[len(m[0]):]
	}
	if rest != "" || len(names) == 0 || strings.HasSuffix(s, ".") {
		return nil, fmt.Errorf("%q is not an attribute path such as openssh, python3Packages.requests or openssl.dev", s)
	}
	return names, nil
}
