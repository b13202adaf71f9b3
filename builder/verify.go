package builder

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/systemd/analyze"
	"github.com/bocaditos/bocaditos/tree"
)

// verify lets the image's own systemd-analyze look at the units that the system
// starts: what it says of them becomes warnings, a unit that systemd would refuse
// to load is an error. It returns the services with their ratings. The root
// stays as it is.
func (b *build) verify(ctx context.Context, root *tree.Tree, sets map[string][]*pkgs.Package, epoch int64) (services []image.Unit, err error) {
	units := systemd.EnabledUnits(root, b.prefix, "default.target")
	commands := systemd.Analyses(root, b.prefix, units)
	if commands == nil {
		b.Report(Event{Type: Note, Text: "the image has no systemd-analyze: its units are not verified"})
		return []image.Unit{}, nil
	}
	err = b.stage(ctx, "verify", func() (string, bool, error) {
		results, cached, err := b.run(ctx, root, commands, inPlace(root, sets[rootSet]), epoch)
		if err != nil {
			return "", false, err
		}
		var ratings []analyze.Rating
		for i, r := range results {
			if err := systemd.Failure(commands[i].Name, r.ExitCode, r.Output); err != nil {
				return "", false, fail(Content, err, "")
			}
			if commands[i].Name == systemd.Security {
				ratings = append(ratings, analyze.Ratings(r.Output)...)
				continue
			}
			refusals, others := systemd.Refusals(r.Output)
			if len(refusals) > 0 {
				return "", false, fail(Content, refusedUnits(refusals), "correct the unit, or list it in units.disable or units.mask")
			}
			for _, w := range others {
				i := slices.IndexFunc(units, func(u systemd.Unit) bool { return u.Name == w.Subject })
				if i >= 0 && b.isSkipped(root, units[i].File) {
					continue // checkPrograms said so
				}
				b.warn("%s", w)
			}
		}
		services = rated(root, units, ratings)
		return fmt.Sprintf("%d units, %d services%s", len(units), len(services), worst(services, 3)), cached, nil
	})
	return services, err
}

type refusedUnits []systemd.Warning

func (r refusedUnits) Error() string {
	s := "systemd refuses to load enabled units:"
	for _, w := range r {
		s += "\n  " + w.Subject + ": " + w.Text
	}
	return s
}

// rated describes the services, the most exposed first.
func rated(root *tree.Tree, units []systemd.Unit, ratings []analyze.Rating) []image.Unit {
	services := []image.Unit{}
	for _, r := range ratings {
		i := slices.IndexFunc(units, func(u systemd.Unit) bool { return u.Name == r.Service })
		s := image.Unit{Name: r.Service, Exposure: r.Exposure, Rating: r.Word}
		if i >= 0 {
			if n := root.Lookup(units[i].File); n != nil {
				s.Package = cmp.Or(n.Origin().Package, n.Origin().Pass)
			}
		}
		services = append(services, s)
	}
	slices.SortStableFunc(services, func(a, b image.Unit) int {
		return cmp.Or(cmp.Compare(b.Exposure, a.Exposure), cmp.Compare(a.Name, b.Name))
	})
	return services
}

// worst names the n most exposed of the services that are neither systemd's nor
// ours: many of those must be allowed everything.
func worst(services []image.Unit, n int) string {
	var words []string
	for _, s := range services {
		if s.Package == "udev" || s.Package == "vendor" || strings.HasPrefix(s.Package, "systemd") {
			continue
		}
		if words = append(words, fmt.Sprintf("%s %.1f", strings.TrimSuffix(s.Name, ".service"), s.Exposure)); len(words) == n {
			break
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "; most exposed beside systemd's own: " + strings.Join(words, ", ")
}
