package systemd

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// byPrograms are the credentials that programs read on their own, not as
// services that import them: see systemd.system-credentials(7). Paths are below
// the prefix.
var byPrograms = map[string][]string{
	"lib/systemd/systemd": {"system.hostname", "system.machine_id", "vmm.notify_socket"},
	"lib/systemd/system-generators/systemd-debug-generator":  {"systemd.extra-unit.*", "systemd.unit-dropin.*"},
	"lib/systemd/system-generators/systemd-fstab-generator":  {"fstab.extra"},
	"lib/systemd/system-generators/systemd-getty-generator":  {"getty.ttys.serial"},
	"lib/systemd/system-generators/systemd-import-generator": {"import.pull"},
	"lib/systemd/system-generators/systemd-ssh-generator":    {"ssh.ephemeral-authorized_keys-all", "ssh.listen"},
}

// startedAtBoot are units that generators and udev start, whatever is enabled.
var startedAtBoot = []string{"serial-getty@.service", "systemd-vconsole-setup.service"}

// Credentials lists the system credentials that something in t reads: the
// names, with "*" for any text, sorted. Units that cannot run on a finished,
// read-only root do not count.
func Credentials(t *tree.Tree, prefix string) []string {
	names := map[string]bool{}
	for program, list := range byPrograms {
		if _, n, err := t.Resolve(path.Join(prefix, program)); err == nil && n.Type == tree.File {
			for _, name := range list {
				names[name] = true
			}
		}
	}
	g := newUnitGraph(t, prefix)
	for _, settings := range unitSettings(g, Enabled(t, prefix, append([]string{"default.target"}, startedAtBoot...)...)) {
		if cannotRun(settings) {
			continue
		}
		for _, s := range settings {
			if name := imported(s); name != "" {
				names[name] = true
			}
		}
	}
	// Keys are of no use where nobody can log in with them.
	if find(t, prefix, "sshd") == "" {
		maps.DeleteFunc(names, func(name string, _ bool) bool { return strings.HasPrefix(name, "ssh.") })
	}
	return slices.Sorted(maps.Keys(names))
}

// impossible are conditions that a finished image never fulfills.
var impossible = map[Setting]bool{
	{"ConditionFirstBoot", "yes"}:        true,
	{"ConditionPathIsReadWrite", "/etc"}: true,
}

func cannotRun(unit []Setting) bool {
	return slices.ContainsFunc(unit, func(s Setting) bool { return impossible[s] })
}

// unitSettings collects what each unit's file and drop-ins say.
func unitSettings(g *unitGraph, files []string) map[string][]Setting {
	units := map[string][]Setting{}
	for _, file := range files {
		unit := path.Base(file)
		if dir, ok := strings.CutSuffix(path.Base(path.Dir(file)), ".d"); ok {
			unit = dir
		}
		units[unit] = append(units[unit], g.read(file)...)
	}
	return units
}

// imported returns the system credential that a setting of a service takes,
// or nothing: LoadCredential= may name a file, and one that an instance has for
// itself is listed for any instance.
func imported(s Setting) string {
	name, rest, renamed := strings.Cut(s.Value, ":")
	switch s.Key {
	case "ImportCredential":
	case "LoadCredential", "LoadCredentialEncrypted":
		if renamed {
			name = rest
		}
		if strings.Contains(name, "/") {
			return ""
		}
	default:
		return ""
	}
	return strings.NewReplacer("%I", "*", "%i", "*").Replace(name)
}
