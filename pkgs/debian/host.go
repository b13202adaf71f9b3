package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/bocaditos/bocaditos/pkgs"
)

var errNoApt = &pkgs.Error{Err: errors.New("apt-get is not on this host's PATH"),
	Tip: "packages from Debian are solved by apt: install the package apt (Debian, Ubuntu, Fedora and Arch have it), or build on such a host"}

// hostConfig is the host's whole apt configuration, keys in lower case. A host
// without apt has none.
func hostConfig(ctx context.Context) (map[string]string, error) {
	if _, err := exec.LookPath("apt-config"); err != nil {
		return nil, nil
	}
	out, err := hostApt(ctx, "apt-config", "dump")
	if err != nil {
		return nil, err
	}
	config := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ` "`)
		if value, end := strings.CutSuffix(value, `";`); ok && end && value != "" {
			config[strings.ToLower(key)] = value
		}
	}
	return config, nil
}

// hostApt asks the host's own apt, for reading only.
func hostApt(ctx context.Context, name string, args ...string) (string, error) {
	if _, err := exec.LookPath(name); err != nil {
		return "", errNoApt
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("ask the host's apt (%s %s): %w: %s", name, args[0], err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// hostSources finds Debian's archive among the host's apt sources, whatever
// release the host runs: one source (its name empty) for each suffix. keyring,
// if not nil, counts instead of the host's.
func hostSources(ctx context.Context, c *client, keyring []byte) (map[string]source, error) {
	entries, err := hostLists(ctx)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		if entries, err = hostWithoutLists(ctx, c, keyring); err != nil {
			return nil, err
		}
	}
	known := map[string]source{}
	for _, e := range entries {
		// "bookworm-security": a code name and what follows it. Backports
		// and the like are not asked for.
		suite := strings.TrimRight(e.suite, "/")
		suffix := ""
		if i := strings.IndexByte(suite, '-'); i >= 0 {
			suffix = suite[i:]
		}
		if _, have := known[suffix]; have || suite == "experimental" {
			continue
		}
		uri, err := parseMirror(mirrorList(e.uri))
		if err != nil {
			return nil, fmt.Errorf("the host's apt source for %s: %w", e.suite, err)
		}
		keys := keyring
		if keys == nil {
			if keys, err = e.keyring(); err != nil {
				return nil, err
			}
		}
		known[suffix] = source{uri: uri, keyring: keys}
	}
	if _, ok := known[""]; !ok {
		return nil, &pkgs.Error{Err: errors.New("the host's apt has no source of Debian's archive"),
			Tip: "set mirror, and keyring if the host has none, in [debian]"}
	}
	return known, nil
}

// hostEntry is one suite of one of the host's sources.
type hostEntry struct {
	uri, suite string
	file       string // that has the source
	number     int    // of the stanza, or of the line, there
}

// hostLists reads what apt has fetched before: it knows whose archive each is.
func hostLists(ctx context.Context) ([]hostEntry, error) {
	out, err := hostApt(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(SOURCESENTRY)",
		"Created-By: Packages", "Origin: Debian")
	if err != nil {
		return nil, err
	}
	var entries []hostEntry
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 3 {
			e := hostEntry{uri: f[0], suite: f[1], file: f[2]}
			if i := strings.LastIndexByte(f[2], ':'); i >= 0 {
				e.file = f[2][:i]
				e.number, _ = strconv.Atoi(f[2][i+1:])
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// hostWithoutLists is for a host where apt-get update never ran, such as a
// container. Then only the signature tells which sources are Debian's.
func hostWithoutLists(ctx context.Context, c *client, keyring []byte) ([]hostEntry, error) {
	out, err := hostApt(ctx, "apt-get", "update", "--print-uris")
	if err != nil {
		return nil, err
	}
	if keyring == nil {
		if keyring, err = defaultKeyring(); err != nil {
			return nil, err
		}
	}
	var entries []hostEntry
	for line := range strings.Lines(out) {
		uri, _, _ := strings.Cut(strings.TrimPrefix(line, "'"), "'")
		base, ok := strings.CutSuffix(uri, "/InRelease")
		if !ok {
			continue
		}
		repo, suite, ok := strings.Cut(base, "/dists/")
		if !ok {
			continue
		}
		data, err := c.get(ctx, mirrorList(repo)+"/dists/"+suite+"/InRelease", 4<<20)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue // another vendor's, or down: its absence is seen below
		}
		if r, err := verifyRelease(data, keyring, time.Now()); err == nil && r.Origin == "Debian" {
			entries = append(entries, hostEntry{uri: repo, suite: suite})
		}
	}
	return entries, nil
}

// mirrorList resolves apt's mirror+file: method, which Debian's cloud images
// use, to the first mirror of the list; other addresses stay as they are.
func mirrorList(uri string) string {
	file, ok := strings.CutPrefix(uri, "mirror+file:")
	if !ok {
		return uri
	}
	data, err := os.ReadFile("/" + strings.Trim(file, "/"))
	if err != nil {
		return uri
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			if _, err := url.Parse(f[0]); err == nil {
				return strings.TrimRight(f[0], "/")
			}
		}
	}
	return uri
}
