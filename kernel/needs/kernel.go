package needs

import (
	"slices"
	"strings"
)

// A kernel is a configuration, and what decides how its options work out.
type kernel struct {
	config      map[string]string
	modules     bool
	commandLine []string
}

// satisfies evaluates an expression: terms joined by "and", and these by "or".
func (k kernel) satisfies(expr string) bool {
	return slices.ContainsFunc(strings.Split(expr, " or "), func(all string) bool {
		return !slices.ContainsFunc(strings.Split(all, " and "), func(t string) bool { return !k.term(t) })
	})
}

func (k kernel) term(t string) bool {
	if name, ok := strings.CutPrefix(t, "not "); ok {
		return !k.on(name, true)
	}
	if name, ok := strings.CutPrefix(t, "LSM has "); ok {
		return k.lsm(name)
	}
	if name, value, ok := strings.Cut(t, "="); ok {
		have, set := k.config[name]
		return have == value || !set && value == `""`
	}
	return k.on(t, k.modules)
}

func (k kernel) on(name string, modules bool) bool {
	return k.config[name] == "y" || modules && k.config[name] == "m"
}

// wanted is an expression that is not satisfied, for a person: with the word
// that matters if only the module cannot be loaded.
func (k kernel) wanted(expr string) string {
	if k.config[expr] == "m" {
		return expr + "=y"
	}
	return expr
}

// exclusive are the security modules of which the kernel starts only one, the
// first of its list (LSM_FLAG_EXCLUSIVE), with their symbols.
var exclusive = map[string]string{"apparmor": "SECURITY_APPARMOR", "selinux": "SECURITY_SELINUX", "smack": "SECURITY_SMACK"}

// lsm says whether the kernel starts a security module, if it has it.
func (k kernel) lsm(name string) bool {
	list := strings.Trim(k.config["LSM"], `"`)
	for _, word := range k.commandLine {
		if l, ok := strings.CutPrefix(word, "lsm="); ok {
			list = l
		}
	}
	for module := range strings.SplitSeq(list, ",") {
		if module == name {
			return true
		}
		if exclusive[name] != "" && k.on(exclusive[module], false) {
			return false
		}
	}
	return false
}
