// Package preset holds the presets that Bocaditos ships and what it needs to
// know of systemctl preset-all: the recipe's choices as a preset file, and the
// meaning of its messages. Which units a preset enables is systemctl's business.
// See systemd.preset(5).
package preset

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Files are, below "files", the presets, to be put below PREFIX/lib/systemd.
//
//go:embed files
var Files embed.FS

// RecipePath is where Recipe's content belongs, below the prefix. Its name
// sorts before all others, so it decides.
const RecipePath = "lib/systemd/system-preset/00-recipe.preset"

// Recipe returns a preset file for the units that a recipe enables and
// disables, by their full names. An instance (getty@tty2.service) is enabled
// through its template, for presets know templates only; for the same reason
// a single one cannot be disabled.
func Recipe(enable, disable []string) (string, error) {
	var b strings.Builder
	b.WriteString("# units.enable and units.disable of the recipe\n")
	instances := map[string][]string{}
	var order []string
	for _, unit := range enable {
		if slices.Contains(disable, unit) {
			return "", fmt.Errorf("unit %s is both enabled and disabled", unit)
		}
		template, instance := split(unit)
		if instances[template] == nil {
			order = append(order, template)
		}
		instances[template] = append(instances[template], instance)
	}
	for _, template := range order {
		fmt.Fprintln(&b, strings.TrimSpace("enable "+template+" "+strings.TrimSpace(strings.Join(instances[template], " "))))
	}
	for _, unit := range disable {
		if template, instance := split(unit); instance != "" {
			return "", fmt.Errorf("unit %s: presets cannot disable one instance of %s; mask it", unit, template)
		}
		fmt.Fprintln(&b, "disable "+unit)
	}
	return b.String(), nil
}

// split takes the instance out of a unit name: "a@b.service" is "b" of
// "a@.service".
func split(unit string) (template, instance string) {
	prefix, rest, ok := strings.Cut(unit, "@")
	i := strings.LastIndexByte(rest, '.')
	if !ok || i <= 0 {
		return unit, ""
	}
	return prefix + "@" + rest[i:], rest[:i]
}

// Decides returns what a line of a preset file says about the unit: "enable",
// "disable", "ignore", or nothing. The first line that says something counts.
func Decides(line, unit string) string {
	f := strings.Fields(line)
	if len(f) < 2 || !slices.Contains([]string{"enable", "disable", "ignore"}, f[0]) {
		return ""
	}
	if ok, err := path.Match(f[1], unit); !ok || err != nil {
		return ""
	}
	return f[0]
}

var (
	unitName = regexp.MustCompile(`[\w:.\\@-]+\.(service|socket|target|device|mount|automount|swap|timer|path|slice|scope)\b`)

	harmless = regexp.MustCompile(strings.Join([]string{
		`^(Created symlink|Removed|Unmasked) `,
		// A unit that its package masks is meant to be off; presets do not change that.
		`^(Failed to preset unit[:,] )?[Uu]nit (file )?\S+ is masked(, ignoring)?\.?$`,
	}, "|"))
)

// Message reads a line that systemctl wrote: which unit it is about, and
// whether it is a warning at all.
func Message(line string) (unit, text string, warning bool) {
	if line == "" || harmless.MatchString(line) {
		return "", "", false
	}
	return unitName.FindString(line), line, true
}
