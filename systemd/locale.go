package systemd

import (
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// Where glibc has locales, and what they are compiled from. Debian puts them
// there; with another prefix they come with glibc's own package.
const (
	compiledLocales = "/usr/lib/locale"
	localeSources   = "/usr/share/i18n"
)

// Locales are the names that t's programs can use as LANG, and those that can
// be made of the sources in it, as "de_AT.UTF-8".
func Locales(t *tree.Tree) (ready, sources []string) {
	ready = []string{"C", "POSIX"}
	for name := range children(t, compiledLocales) {
		if lang, charset, ok := strings.Cut(name, ".utf8"); ok {
			ready = append(ready, lang+".UTF-8"+charset)
		}
	}
	for name := range children(t, localeSources+"/locales") {
		if lang, modifier, _ := strings.Cut(name, "@"); strings.Contains(lang, "_") && !strings.HasPrefix(lang, "translit_") {
			if modifier != "" {
				modifier = "@" + modifier
			}
			sources = append(sources, lang+".UTF-8"+modifier)
		}
	}
	slices.Sort(ready)
	slices.Sort(sources)
	return ready, sources
}

// localedef returns the arguments that compile the locale, or nil where there
// is nothing to do: maintainer scripts would have done it at installation.
func localedef(t *tree.Tree, locale string) []string {
	if ready, _ := Locales(t); locale == "" || slices.Contains(ready, locale) {
		return nil
	}
	name, modifier, _ := strings.Cut(locale, "@")
	lang, charset, _ := strings.Cut(name, ".")
	if modifier != "" {
		lang += "@" + modifier
	}
	// A directory, not the archive: it does not depend on what else is in it.
	return []string{"--no-archive", "-i", lang, "-f", charset, locale}
}

// Timezones are the names of the zones that t has below the prefix, sorted.
func Timezones(t *tree.Tree, prefix string) (zones []string) {
	at, _, err := t.Resolve(path.Join(prefix, "share/zoneinfo"))
	if err != nil {
		return nil
	}
	t.WalkUnder(at, func(p string, n *tree.Node) error {
		name := strings.TrimPrefix(p, at+"/")
		if n.Type != tree.Dir && (name[0] >= 'A' && name[0] <= 'Z') && path.Ext(name) == "" {
			zones = append(zones, name)
		}
		return nil
	})
	return zones
}

// firstboot returns the arguments of systemd-firstboot(1), or nil where there
// is nothing to write.
func firstboot(o Options) (args []string) {
	for _, s := range []struct{ option, value string }{
		{"--locale=", o.Locale}, {"--timezone=", o.Timezone},
	} {
		if s.value != "" {
			args = append(args, s.option+s.value)
		}
	}
	if args == nil {
		return nil
	}
	return append([]string{"--root=/", "--force"}, args...)
}

func children(t *tree.Tree, dir string) map[string]*tree.Node {
	entries := map[string]*tree.Node{}
	if _, n, err := t.Resolve(dir); err == nil && n.Type == tree.Dir {
		for _, name := range n.Children() {
			entries[name] = n.Child(name)
		}
	}
	return entries
}
