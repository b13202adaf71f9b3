package unitfixup

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// An output's name is added to that of its package; versions and variants that
// end a name have digits. See the section on multiple outputs in Nixpkgs'
// manual.
var outputSuffix = regexp.MustCompile(`^-[a-z][a-zA-Z_]*$`)

// StoreOutputs finds in packages' names and their store paths
// (/nix/store/HASH-NAME) which of them are outputs of one derivation, for
// Options.Outputs. A store path does not tell; its name does: the default
// output's is that of the derivation, the others' have "-" and the name of the
// output at the end. Where several packages bear a name, as two builds of one
// version do, nobody can say which belong together: they have no outputs then.
func StoreOutputs(storePaths map[string]string) map[string][]string {
	byName := map[string][]string{} // name in the store → packages
	for _, pkg := range slices.Sorted(maps.Keys(storePaths)) {
		if _, name, ok := strings.Cut(path.Base(storePaths[pkg]), "-"); ok {
			byName[name] = append(byName[name], pkg)
		}
	}
	families := map[string][]string{} // name of the derivation → packages
	for name, pkgs := range byName {
		if len(pkgs) > 1 {
			continue
		}
		base := name
		if i := strings.LastIndexByte(name, '-'); i > 0 && outputSuffix.MatchString(name[i:]) && versioned(name[:i]) {
			base = name[:i]
		}
		if len(byName[base]) <= 1 {
			families[base] = append(families[base], pkgs[0])
		}
	}
	outputs := map[string][]string{}
	for _, family := range families {
		slices.Sort(family)
		for _, pkg := range family {
			if others := slices.DeleteFunc(slices.Clone(family), func(p string) bool { return p == pkg }); len(others) > 0 {
				outputs[pkg] = others
			}
		}
	}
	return outputs
}

// versioned says whether a store path's name ends in a version, as the names of
// derivations do: "-" before a digit starts it (builtins.parseDrvName).
func versioned(name string) bool {
	i := strings.LastIndexByte(name, '-')
	return i > 0 && i+1 < len(name) && name[i+1] >= '0' && name[i+1] <= '9'
}
