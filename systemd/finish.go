package systemd

import (
	"fmt"

	"github.com/bocaditos/bocaditos/tree"
)

// Finish does to t, after all passes, what is left: what no tool writes
// (vconsole.conf(5): systemd-firstboot refuses keymaps whose files are not named
// *.map, as Debian's are not), and what only the passes needed. Warnings are for
// whoever builds the image.
func Finish(t *tree.Tree, o Options) (warnings []string, err error) {
	for _, s := range []struct{ variable, value, key string }{
		{"KEYMAP", o.Keymap, "system.keymap"}, {"FONT", o.Font, "system.font"},
	} {
		if s.value == "" {
			continue
		}
		if err := appendLine(t, "/etc/vconsole.conf", s.variable+"="+s.value, s.key); err != nil {
			return nil, fmt.Errorf("set %s: %w", s.key, err)
		}
	}
	if localedef(t, o.Locale) == nil && o.Locale != "" && t.Lookup(localeSources) != nil {
		if err := t.Remove(localeSources); err != nil { // compiled, and 17 MB
			return nil, err
		}
	}
	refused, err := FactoryVar(t, o.Prefix)
	for _, p := range refused {
		warnings = append(warnings, p+" will not be made at boot: it is not of the user who owns its directory")
	}
	return warnings, err
}

// appendLine adds a line to a file, which need not be there yet.
func appendLine(t *tree.Tree, p, line, key string) error {
	origin := tree.Origin{Pass: "recipe", Rule: key}
	_, n, err := t.Resolve(p)
	if err != nil {
		return t.Put(p, tree.NewFile(0o644, tree.String(line+"\n"), origin))
	}
	old, err := tree.ReadAll(n.Content)
	if err != nil {
		return err
	}
	n.Content = tree.String(string(old) + line + "\n")
	n.History = append(n.History, origin)
	return nil
}
