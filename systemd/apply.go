package systemd

import (
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/tree"
)

// Apply brings what the pass changed into t, except what must not be in an
// image, and returns the changes. The history of each node names the line of
// configuration that is responsible, or else the pass.
func Apply(t *tree.Tree, prefix, pass string, r sandbox.Result) ([]sandbox.Change, error) {
	all, err := sandbox.Apply(t, r.Changes, attribution(t, prefix, pass))
	if err != nil {
		return nil, err
	}
	var changes []sandbox.Change
	for _, c := range all {
		if unwanted(pass, c.Path) {
			if err := t.Remove(c.Path); err != nil {
				return nil, err
			}
			continue
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// unwanted are files for the tool's own next run, which does not come.
func unwanted(pass, p string) bool {
	switch pass {
	case Ldconfig:
		// Inode numbers and times of the libraries, wrong in the image.
		return p == "/var/cache/ldconfig" || strings.HasPrefix(p, "/var/cache/ldconfig/")
	case Sysusers:
		return sysusers.Scratch(p)
	}
	return false
}

// attribution returns who is responsible for a path that the pass changed.
func attribution(t *tree.Tree, prefix, pass string) func(string, *tree.Node) tree.Origin {
	rule := func(string, *tree.Node) string { return "" }
	switch pass {
	case Tmpfiles:
		rule = tmpfilesRule(confLines(t, prefix, "tmpfiles.d", ".conf"))
	case Preset:
		rule = presetRule(confLines(t, prefix, "systemd/system-preset", ".preset"))
	case PresetUser:
		rule = presetRule(confLines(t, prefix, "systemd/user-preset", ".preset"))
	}
	return func(p string, n *tree.Node) tree.Origin {
		return tree.Origin{Pass: pass, Rule: rule(path.Clean(p), n)}
	}
}
