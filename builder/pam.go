package builder

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/pam"
	"github.com/bocaditos/bocaditos/tree"
)

// finishPAM makes what is included by name findable, and looks for lines that
// name what the image lacks: at login they mean "Module is unknown". What the
// recipe wrote must be right; of a package's service nobody knows whether the
// image uses it.
func (b *build) finishPAM(root *tree.Tree) error {
	link := pam.Link
	if b.perPackage() { // then all of it is linked into /etc
		link = pam.Rewrite
	}
	if err := link(root, b.prefix); err != nil {
		return fail(Content, fmt.Errorf("link the PAM configuration: %w", err), "")
	}
	var fatal []error
	optional := map[string][]string{}
	for _, p := range pam.Check(root, b.prefix) {
		switch {
		case !p.Refuses:
			if service := path.Base(p.File); !slices.Contains(optional[p.Missing], service) {
				optional[p.Missing] = append(optional[p.Missing], service)
			}
		case p.Origin.Package == "":
			fatal = append(fatal, errors.New(p.String()))
		default:
			b.warn("%s: the service refuses everybody", p)
		}
	}
	for _, module := range slices.Sorted(maps.Keys(optional)) {
		b.Report(Event{Type: Note, Text: fmt.Sprintf("the PAM module %s, optional in %s, is not in the image", module, strings.Join(optional[module], ", "))})
	}
	return fail(Content, errors.Join(fatal...), "add the package that has it to packages.install")
}
