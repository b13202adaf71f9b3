package needs

import (
	"path"
	"strings"
)

// values are those of a setting since it was last reset by an empty one.
func (u Unit) values(key string) (values []string) {
	for _, s := range u.Settings {
		switch {
		case s.Key != key:
		case s.Value == "":
			values = nil
		default:
			values = append(values, s.Value)
		}
	}
	return values
}

// asks returns the settings of n with which the unit asks for it.
func (u Unit) asks(n need) (keys []string) {
	for _, key := range n.Settings {
		values := u.values(key)
		if len(values) > 0 && !n.Each {
			values = values[len(values)-1:]
		}
		for _, v := range values {
			if (n.Values.Regexp == nil || n.Values.MatchString(v)) && !n.Unless.MatchString(v) {
				keys = append(keys, key)
				break
			}
		}
	}
	return keys
}

// checkSettings adds what a unit that is started lacks.
func checkSettings(k kernel, u Unit, all *lacks) {
	for _, n := range ofUnits() {
		l := lack{level: n.Level, who: u.Name, why: n.Why}
		if matchAny(n.Unit, []string{u.Name}) {
			all.add(k, n.Needs, l)
		}
		for _, key := range u.asks(n) {
			l.setting = key + "="
			all.add(k, n.Needs, l)
		}
	}
	if types := u.values("Type"); path.Ext(u.Name) == ".mount" && len(types) > 0 {
		fs := types[len(types)-1]
		all.add(k, filesystems()[fs], lack{level: Error, who: u.Name, setting: "Type=" + fs, why: "the mount fails"})
	}
}

// A condition is a Condition…= or Assert…= of a unit.
type condition struct {
	setting  string // "ConditionPathExists"
	kind     string // "PathExists"
	argument string
	trigger  bool // "|": one of these is enough
	negated  bool // "!"
}

// conditionsOf are a unit's conditions, or its assertions, by prefix. An empty
// one resets all of them, as in systemd.
func conditionsOf(u Unit, prefix string) (list []condition) {
	for _, s := range u.Settings {
		kind, ok := strings.CutPrefix(s.Key, prefix)
		if !ok {
			continue
		}
		if s.Value == "" {
			list = nil
			continue
		}
		c := condition{setting: s.Key, kind: kind, argument: s.Value}
		c.argument, c.trigger = strings.CutPrefix(c.argument, "|")
		c.argument, c.negated = strings.CutPrefix(c.argument, "!")
		c.argument = strings.TrimSpace(c.argument)
		list = append(list, c)
	}
	return list
}

// pathConditions are the conditions that hold for a path only if it is there.
var pathConditions = map[string]bool{
	"PathExists": true, "PathExistsGlob": true, "PathIsDirectory": true, "PathIsSymbolicLink": true,
	"PathIsMountPoint": true, "PathIsReadWrite": true, "PathIsEncrypted": true,
	"DirectoryNotEmpty": true, "FileNotEmpty": true, "FileIsExecutable": true,
}

// needs are what must be in the kernel for the condition to hold, as far as is
// known.
func (c condition) needs() (needs []string) {
	switch tables := conditions(); {
	case c.negated:
	case pathConditions[c.kind]:
		for p := path.Clean(c.argument); p != "/" && p != "."; p = path.Dir(p) {
			needs = append(needs, tables.Paths[p]...)
		}
	case c.kind == "Security":
		return tables.Security[c.argument]
	case c.kind == "KernelModuleLoaded":
		return tables.Modules[strings.ReplaceAll(c.argument, "-", "_")]
	case c.kind == "ControlGroupController":
		for name := range strings.FieldsSeq(c.argument) {
			needs = append(needs, tables.Controllers[name]...)
		}
	}
	return needs
}

// checkConditions says whether the unit may be started, as far as the kernel
// decides that. If not, it adds why.
func checkConditions(k kernel, u Unit, all *lacks) bool {
	skipped := unmet(k, conditionsOf(u, "Condition"), all, lack{
		level: Note, who: u.Name, why: "unmet, and the unit is skipped"})
	if skipped {
		return false
	}
	return !unmet(k, conditionsOf(u, "Assert"), all, lack{
		level: Warning, who: u.Name, why: "unmet, and the unit does not start"})
}

// unmet adds the conditions that cannot hold and says whether the unit cannot
// be started therefore: one that is no trigger, or all triggers.
func unmet(k kernel, list []condition, all *lacks, l lack) (result bool) {
	var triggers lacks
	possible := false
	for _, c := range list {
		l.setting = c.setting + "=" + c.argument
		if !c.trigger {
			result = all.add(k, c.needs(), l) || result
		} else if !triggers.add(k, c.needs(), l) {
			possible = true
		}
	}
	if len(triggers) > 0 && !possible {
		*all = append(*all, triggers...)
		return true
	}
	return result
}
