package systemd

import (
	"errors"
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/tree"
)

// sysusersFiles calls f with each sysusers.d(5) file of t.
func sysusersFiles(t *tree.Tree, prefix string, f func(n *tree.Node, text string)) error {
	var errs []error
	for _, dir := range []string{path.Join(prefix, "lib/sysusers.d"), "/etc/sysusers.d"} {
		for name, n := range children(t, dir) {
			if n.Type != tree.File || !strings.HasSuffix(name, ".conf") {
				continue
			}
			text, err := tree.ReadAll(n.Content)
			errs = append(errs, err)
			f(n, string(text))
		}
	}
	return errors.Join(errs...)
}

// PinAccounts gives users and groups of t the numbers they had before, where
// systemd-sysusers would choose some, and new ones others: files in /var belong
// to numbers, and what it chooses depends on which other packages there are.
func PinAccounts(t *tree.Tree, prefix string, a sysusers.Accounts) error {
	ranges := tree.NewFile(0o644, tree.String(sysusers.Ranges(a)), tree.Origin{Pass: "lock", Rule: "accounts"})
	if err := t.Put(path.Join(prefix, "lib/sysusers.d/00-accounts.conf"), ranges); err != nil {
		return err
	}
	return sysusersFiles(t, prefix, func(n *tree.Node, text string) {
		if pinned := sysusers.Pin(text, a); pinned != text {
			n.Content = tree.String(pinned)
		}
	})
}

// ChosenAccounts adds to a the numbers that systemd-sysusers chose in t. Those
// of users who are gone stay, so that nobody else gets them.
func ChosenAccounts(t *tree.Tree, prefix string, a *sysusers.Accounts) error {
	var databases [2]string
	for i, file := range []string{"/etc/passwd", "/etc/group"} {
		_, n, err := t.Resolve(file)
		if err != nil {
			return err
		}
		text, err := tree.ReadAll(n.Content)
		if err != nil {
			return err
		}
		databases[i] = string(text)
	}
	return sysusersFiles(t, prefix, func(_ *tree.Node, text string) { a.Chosen(text, databases[0], databases[1]) })
}
