// Package debian is a pkgs.Source over Debian's archive. apt solves, with a
// private configuration and no effect on the host; this package checks the
// signed Release once more, downloads, and unpacks deb(5) archives into trees.
// It installs nothing and runs no maintainer script.
package debian

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bocaditos/bocaditos/pkgs"
)

// DefaultMaxAge is how old a Release may be. Debian's stable gets a point
// release every two or three months, an old one at least every year.
const DefaultMaxAge = 400 * 24 * time.Hour

// Config chooses a part of the archive. Only CacheDir is required.
type Config struct {
	Release    string        // code name or suite; default "trixie"
	Mirror     string        // http, https or file URL; default: what the host's own apt uses
	Keyring    string        // file with OpenPGP keys; default: that of the host's source, else Debian's
	Components []string      // default "main", whatever the host uses: same recipe, same image
	MaxAge     time.Duration // how old a Release may be; default DefaultMaxAge
	CacheDir   string        // absolute; any number of builds may share it
}

// From says what of the archive is used, as a pkgs.Request has it.
func (c Config) From() string {
	c = c.withDefaults()
	return "debian " + c.Release + " " + strings.Join(c.Components, " ")
}

func (c Config) withDefaults() Config {
	if c.Release == "" {
		c.Release = "trixie"
	}
	if len(c.Components) == 0 {
		c.Components = []string{"main"}
	}
	if c.MaxAge == 0 {
		c.MaxAge = DefaultMaxAge
	}
	return c
}

// Archive is Debian's archive as a pkgs.Source.
type Archive struct {
	cfg     Config
	backoff time.Duration // before the second attempt; doubles with each

	mu    sync.Mutex // guards what is found out once
	found []source
	http  *client
}

var _ pkgs.Source = (*Archive)(nil)

var word = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// New checks the configuration. It looks at neither host nor mirror yet.
func New(cfg Config) (*Archive, error) {
	cfg = cfg.withDefaults()
	if !word.MatchString(cfg.Release) {
		return nil, fmt.Errorf("debian release %q: want a code name or suite such as trixie", cfg.Release)
	}
	for _, c := range cfg.Components {
		if !word.MatchString(c) {
			return nil, fmt.Errorf("debian component %q: want a name such as main", c)
		}
	}
	if cfg.MaxAge < 0 {
		return nil, fmt.Errorf("debian maximum age %s is negative", cfg.MaxAge)
	}
	if cfg.Mirror != "" {
		if _, err := parseMirror(cfg.Mirror); err != nil {
			return nil, err
		}
	}
	// apt splits some of the paths we give it at blanks, and its configuration cannot escape quotes.
	if !filepath.IsAbs(cfg.CacheDir) || strings.ContainsAny(cfg.CacheDir, " \t\n\"[]") {
		return nil, fmt.Errorf("cache directory %q: want an absolute path without blanks, quotes and brackets", cfg.CacheDir)
	}
	return &Archive{cfg: cfg, backoff: time.Second / 2}, nil
}

// architectures maps the recipe's names to Debian's.
var architectures = map[string]string{"x86-64": "amd64", "arm64": "arm64"}

// packageName is Debian's (policy 5.6.1), with the "=version" that apt takes.
// A trailing "-" would tell apt to leave the package out.
var packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]*[a-z0-9.+](=[A-Za-z0-9.+~:-]+)?$`)

func checkRequest(req pkgs.Request) error {
	if architectures[req.Arch] == "" {
		return fmt.Errorf("architecture %q: want x86-64 or arm64", req.Arch)
	}
	var names []string
	for _, s := range req.Sets {
		if s.Name == "" || slices.Contains(names, s.Name) {
			return fmt.Errorf("package set %q: every set needs a name of its own", s.Name)
		}
		names = append(names, s.Name)
		if s.Arch != "" && architectures[s.Arch] == "" {
			return fmt.Errorf("package set %q: architecture %q: want x86-64 or arm64", s.Name, s.Arch)
		}
		for _, p := range s.Install {
			if !packageName.MatchString(p) {
				return fmt.Errorf("package set %q: %q is not a Debian package name", s.Name, p)
			}
		}
	}
	return nil
}

func (a *Archive) blob(sha256 string) string {
	return filepath.Join(a.cfg.CacheDir, "blobs", "sha256", sha256)
}

// cached reports whether the blob is there. A blob gets its name only after
// its digest was checked, so its size is enough to look at.
func (a *Archive) cached(p pkgs.Locked) bool {
	info, err := os.Stat(a.blob(p.SHA256))
	return err == nil && info.Size() == p.Size
}
