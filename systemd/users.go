package systemd

import (
	"errors"
	"fmt"

	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/tree"
)

// CheckUsers refuses users and groups that packages, or the recipe, disagree
// about: one number for two names, or two numbers for one name. systemd-sysusers
// would take the first line and give the other one some other number, with no
// word, and what a package ships for its number would belong to somebody else.
func CheckUsers(t *tree.Tree, prefix string) error {
	type key struct {
		kind string
		name string
		id   uint32
	}
	type claim struct {
		sysusers.Claim
		line confLine
	}
	where := func(c claim) string {
		if n := t.Lookup(c.line.file); n != nil {
			return fmt.Sprintf("%s (%s)", c.line, n.Origin())
		}
		return c.line.String()
	}
	numbers := map[string]string{"user": "uid", "group": "gid"}
	names, ids := map[key]claim{}, map[key]claim{}
	var errs []error
	for _, line := range confLines(t, prefix, "sysusers.d", ".conf") {
		found, ok := sysusers.Claims(line.text)
		if !ok {
			continue
		}
		c, number := claim{found, line}, numbers[found.Kind]
		byName, byID := key{kind: c.Kind, name: c.Name}, key{kind: c.Kind, id: c.ID}
		if first, ok := names[byName]; !ok {
			names[byName] = c
		} else if first.ID != c.ID {
			errs = append(errs, fmt.Errorf("%s %s has %s %d in %s and %s %d in %s", c.Kind, c.Name, number, first.ID, where(first), number, c.ID, where(c)))
			continue
		}
		if first, ok := ids[byID]; !ok {
			ids[byID] = c
		} else if first.Name != c.Name {
			errs = append(errs, fmt.Errorf("%s %d is that of %s %s in %s and of %s in %s", number, c.ID, c.Kind, first.Name, where(first), c.Name, where(c)))
		}
	}
	return errors.Join(errs...)
}
