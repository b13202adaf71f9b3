// Package configs holds the kernel configuration fragments that Bocaditos
// ships: short files of settings, one for each purpose, of which an image's own
// kernel is configured. It knows neither how they are merged nor what a kernel
// makes of them.
//
// A fragment has the form of a .config (Documentation/kbuild/kconfig.rst in
// Linux's source): CONFIG_X=value, "# CONFIG_X is not set", comments. It names
// symbols of Linux 6.12 that can be set, each in one fragment only, so that
// any selection of fragments agrees with itself. Modules are off: all is "y".
//
// Fragments are written for
//
//	make ARCH=… KCONFIG_ALLCONFIG=merged allnoconfig
//
// which leaves off what no fragment asks for. With a list as Default gives it,
// every setting of every fragment ends up as asked.
package configs

import (
	"embed"
	"slices"
	"strings"
)

//go:embed *.config
var files embed.FS

const suffix = ".config"

// The fragments that are not for every image: those of one architecture, by
// its name in Go and Debian, and what only development needs.
var (
	arch = map[string]string{"amd64": "x86-64", "arm64": "arm64"}
	dev  = "debug"
)

// Names returns the names of all fragments, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the embedded directory is there
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), suffix))
	}
	slices.Sort(names) // files sort by name with suffix: "x-y.config" before "x.config"
	return names
}

// Text returns the text of a fragment, and whether there is one of that name.
func Text(name string) (string, bool) {
	b, err := files.ReadFile(name + suffix)
	return string(b), err == nil
}

// Purpose returns the first line of a fragment without its comment sign: what
// the fragment is for. It is empty when there is no such fragment.
func Purpose(name string) string {
	text, _ := Text(name)
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimPrefix(line, "# ")
}

// Architecture returns the name of the fragment for an architecture, "amd64" or
// "arm64".
func Architecture(goarch string) string { return arch[goarch] }

// ArchitectureOf returns the architecture that a fragment is for, or nothing for
// one that is for all.
func ArchitectureOf(name string) string {
	for goarch, own := range arch {
		if own == name {
			return goarch
		}
	}
	return ""
}

// Default returns the names of the fragments for a kernel that has everything:
// all but those for development and for other architectures. The architecture
// is "amd64" or "arm64"; for any other the result is nil.
func Default(goarch string) []string {
	own, ok := arch[goarch]
	if !ok {
		return nil
	}
	return slices.DeleteFunc(Names(), func(name string) bool {
		for _, other := range arch {
			if name == other && name != own {
				return true
			}
		}
		return name == dev
	})
}
