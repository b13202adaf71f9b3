package debian

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/pkgs"
)

// aptError is one of apt's programs that failed, with all it said.
type aptError struct {
	program        string
	stdout, stderr string
	err            error
}

func (e *aptError) Error() string {
	said := e.lines()
	if len(said) == 0 {
		return fmt.Sprintf("%s: %v", e.program, e.err)
	}
	return e.program + ": " + strings.Join(said, "; ")
}

// lines are the errors, else the warnings, that apt reported, each once.
func (e *aptError) lines() []string {
	for _, mark := range []string{"E: ", "W: "} {
		var all []string
		for line := range strings.Lines(e.stderr) {
			if said, ok := strings.CutPrefix(strings.TrimSpace(line), mark); ok && !slices.Contains(all, said) {
				all = append(all, said)
			}
		}
		if all != nil {
			return all
		}
	}
	return nil
}

const hintUnreachable = "check the network, the proxy in apt's configuration and mirror in [debian]"

// updateHints are the reasons for which apt-get update fails: first match wins.
var updateHints = []struct{ said, means, hint string }{
	{"NO_PUBKEY", "a signature by a key that is not in the keyring", "set keyring in [debian] to the keys of this mirror's archive"},
	{"Missing key", "a signature by a key that is not in the keyring", "set keyring in [debian] to the keys of this mirror's archive"}, // apt 3
	{"EXPKEYSIG", "a signature by a key that has expired", "install a newer debian-archive-keyring"},
	{"REVKEYSIG", "a signature by a key that was revoked", "install a newer debian-archive-keyring"},
	{"BADSIG", "a bad signature: the Release was changed after it was signed", "choose another mirror"},
	{"is not signed", "a Release without a good signature", "only signed archives are used: choose another mirror, or sign this one"},
	{"GPG error", "a signature that apt refuses", "set keyring in [debian] to the keys of this mirror's archive"},
	{"Hash Sum mismatch", "an index that is not the one its signed Release names", "the mirror is being updated (try again) or was tampered with (choose another one)"},
	{"unexpected size", "an index that is not the one its signed Release names", "the mirror is being updated (try again) or was tampered with (choose another one)"},
	{"is expired", "a Release past its Valid-Until", "the mirror is not updated any more: choose another one; or this host's clock is wrong"},
	{"is not valid yet", "a Release from the future", "set this host's clock"},
	{"doesn't have the component", "a component that the release does not have", "correct components in [debian]"},
	{"does not have a Release file", "no such release on the mirror", "check release and mirror in [debian]"},
	{"404", "no such release on the mirror", "check release and mirror in [debian]"},
	{"File not found", "no such release on the mirror", "check release and mirror in [debian]"},
	{"", "the mirror cannot be reached", hintUnreachable},
}

func explainUpdate(err error) error {
	var e *aptError
	if !errors.As(err, &e) {
		return err
	}
	for _, h := range updateHints {
		if strings.Contains(e.stderr, h.said) {
			return &pkgs.Error{Err: fmt.Errorf("update the package lists: %s: %w", h.means, err), Tip: h.hint}
		}
	}
	return err
}

// explainSolve makes a short error of a request that apt could not solve.
func (t *apt) explainSolve(ctx context.Context, set pkgs.Set, from string, err error) error {
	var e *aptError
	if !errors.As(err, &e) {
		return err
	}
	var missing, hints []string
	for _, line := range e.lines() {
		name, ok := strings.CutPrefix(line, "Unable to locate package ")
		if !ok {
			continue
		}
		missing = append(missing, name)
		if near := t.near(ctx, name); len(near) > 0 {
			hints = append(hints, fmt.Sprintf("instead of %s, did you mean %s?", name, strings.Join(near, " or ")))
		}
	}
	if missing != nil {
		if hints == nil {
			hints = []string{"is it in another release or component?"}
		}
		return &pkgs.Error{Err: fmt.Errorf("package set %q: there is no package %s in %s", set.Name, strings.Join(missing, ", "), from),
			Tip: strings.Join(hints, " ")}
	}
	said := e.lines()
	// What cannot be installed and why is indented, below a headline that says
	// so; in the output or, since apt 3, among the errors.
	for line := range strings.Lines(e.stdout + e.stderr) {
		if reason, ok := strings.CutPrefix(line, " "); ok && strings.TrimSpace(reason) != "" {
			said = append(said, strings.Join(strings.Fields(reason), " "))
		}
	}
	return fmt.Errorf("package set %q cannot be solved: apt says:\n    %s", set.Name, strings.Join(said, "\n    "))
}

// near lists up to three package names that look like the given one.
func (t *apt) near(ctx context.Context, name string) []string {
	out, err := t.run(ctx, "apt-cache", "pkgnames")
	if err != nil {
		return nil
	}
	return pkgs.Near(name, strings.Fields(out))
}
