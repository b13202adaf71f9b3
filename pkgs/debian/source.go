package debian

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/pkgs"
)

// source is one suite on one mirror.
type source struct {
	name    string // "trixie-security", as in dists/NAME
	uri     string // where dists/ and pool/ are; no slash at the end
	keyring []byte // binary OpenPGP keys
	derived bool   // a guess from the main suite's address: use it if it is there
}

func (s source) inRelease() string { return s.uri + "/dists/" + s.name + "/InRelease" }

// The suites of a release that belong to a system kept up to date.
var suffixes = []string{"", "-updates", "-security"}

// sources are those of the recipe, else those of the host's apt, for the release
// that was asked for. The main suite comes first. Derived ones may not exist.
func (a *Archive) sources(ctx context.Context) ([]source, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found != nil {
		return a.found, nil
	}
	var keyring []byte
	var err error
	if a.cfg.Keyring != "" {
		if keyring, err = readKeyrings(a.cfg.Keyring); err != nil {
			return nil, err
		}
	}
	known, err := a.known(ctx, keyring)
	if err != nil {
		return nil, err
	}
	a.found = complete(a.cfg.Release, known)
	return a.found, nil
}

// known is where the suites are as far as somebody says so, by suffix.
// keyring is nil if the recipe has none.
func (a *Archive) known(ctx context.Context, keyring []byte) (map[string]source, error) {
	if a.cfg.Mirror == "" {
		c, err := a.clientLocked(ctx)
		if err != nil {
			return nil, err
		}
		return hostSources(ctx, c, keyring)
	}
	uri, err := parseMirror(a.cfg.Mirror)
	if err != nil {
		return nil, err
	}
	if keyring == nil {
		if keyring, err = defaultKeyring(); err != nil {
			return nil, err
		}
	}
	return map[string]source{"": {uri: uri, keyring: keyring}}, nil
}

// complete names the suites of the release, and guesses where those are that
// known does not have: beside the main suite, or where Debian's mirrors keep
// the security archive.
func complete(release string, known map[string]source) []source {
	var all []source
	for _, suffix := range suffixes {
		if suffix != "" && slices.Contains([]string{"sid", "unstable", "experimental"}, release) {
			continue // updates and security fixes go straight into these
		}
		s, ok := known[suffix]
		if !ok {
			s = known[""]
			s.derived = true
			if suffix == "-security" {
				s.uri = securityURI(s.uri)
			}
		}
		s.name = release + suffix
		all = append(all, s)
	}
	return all
}

// securityURI is the mirror's address with the path element "debian", if there
// is one, made "debian-security". Snapshots have that element in the middle.
func securityURI(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	elements := strings.Split(u.Path, "/")
	if i := slices.Index(elements, "debian"); i >= 0 {
		elements[i] = "debian-security"
		u.Path, u.RawPath = strings.Join(elements, "/"), ""
	}
	return u.String()
}

// existing drops derived sources that the mirror does not have.
func (a *Archive) existing(ctx context.Context, all []source) ([]source, error) {
	c, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	var there []source
	for _, s := range all {
		if s.derived {
			ok, err := c.exists(ctx, s.inRelease(), a.backoff)
			if err != nil {
				return nil, &pkgs.Error{Err: fmt.Errorf("look for %s on the mirror: %w", s.name, err), Tip: hintUnreachable}
			}
			if !ok {
				continue
			}
		}
		there = append(there, s)
	}
	return there, nil
}

// parseMirror checks a mirror's address and gives it the form of source.uri.
func parseMirror(mirror string) (string, error) {
	u, err := url.Parse(mirror)
	if err != nil {
		return "", fmt.Errorf("debian mirror: %w", err)
	}
	switch {
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	case u.Scheme == "file" && (u.Host == "" || u.Host == "localhost") && strings.HasPrefix(u.Path, "/"):
		u.Host = ""
	default:
		return "", &pkgs.Error{Err: fmt.Errorf("debian mirror %s: not an http, https or file URL", u.Redacted()),
			Tip: "set mirror in [debian], such as file:///srv/debian"}
	}
	if u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(mirror, " \t\n\"'") {
		return "", fmt.Errorf("debian mirror %s: a query, fragment, blank or quote has no place in it", u.Redacted())
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u.String(), nil
}
