// Package needs says what an image lacks in a Linux kernel, by the kernel's
// configuration: for Bocaditos to boot it at all, for systemd, and for what the
// files of its units ask for. It reads no kernel and starts none; what it knows
// is in the *.toml files beside it.
//
// It follows the README of systemd 257 ("REQUIREMENTS") and, for what systemd
// does where the kernel lacks something, its source.
package needs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Level says how bad it is that the kernel lacks something.
type Level int

const (
	Note    Level = iota + 1 // the image may well do without; or a unit is skipped, as its conditions say
	Warning                  // something asked for has no effect: often a unit is less confined than its file says
	Error                    // the image does not boot, or a unit fails
)

func (l Level) String() string { return [...]string{"none", "note", "warning", "error"}[l] }

// UnmarshalText reads what String writes.
func (l *Level) UnmarshalText(text []byte) error {
	for *l = Note; *l <= Error; *l++ {
		if l.String() == string(text) {
			return nil
		}
	}
	return fmt.Errorf("no level %q", text)
}

// Image is what Check has to know about an image.
type Image struct {
	Arch        string   // of the kernel, as GOARCH names it: "amd64" or "arm64"
	Modules     bool     // the initrd and the root can load modules: "m" is as good as "y"
	CommandLine []string // the words of the kernel command line
	State       string   // the state partition's filesystem, "ext4" or "btrfs"; none: ""
	StateTPM    bool     // it is encrypted, with a key in the TPM
	Xattrs      []string // names of extended attributes that files of the root have: "security.capability"
	Units       []Unit   // those that the system starts
}

// A Unit is a unit of systemd, by the name it has in the running system.
type Unit struct {
	Name     string    // "getty@tty1.service"
	Settings []Setting // those of its file and then of its drop-ins, in the order systemd reads them
}

// A Setting is a line of a unit file: Key=Value, without the spaces around both.
// Sections do not matter here.
type Setting struct{ Key, Value string }

// A Finding is something that the kernel lacks.
type Finding struct {
	Level Level
	// What would be right, in no case with CONFIG_ in front: "EROFS_FS" (built in
	// or, if the image can load it, a module), "EROFS_FS=y" (the kernel has it as
	// a module that the image cannot load), "A or B and C", "not A", `A="text"`,
	// or "LSM has apparmor": a list that names it, in the kernel or in lsm= on
	// its command line.
	Symbols []string
	Who     []string // what asks for them: "Bocaditos", "systemd", then names of units
	Why     string   // what for, or what happens without
}

// String is the finding in one line, without its level: what is missing, why it
// matters and who asks for it, of many the first ones.
func (f Finding) String() string {
	const some = 3
	who := f.Who
	more := ""
	if len(who) > some {
		who, more = who[:some], fmt.Sprintf(" and %d more", len(who)-some)
	}
	return fmt.Sprintf("%s: %s (%s%s)", strings.Join(f.Symbols, ", "), f.Why, strings.Join(who, ", "), more)
}

// Check compares a kernel's configuration with what an image needs. The keys of
// config have no CONFIG_ in front, its values are as in a .config ("y", "m",
// "\"text\"", "250"); what is not in it, or is "n", is off. The result has the
// worst first and each thing that the kernel lacks once, with all that ask for it.
func Check(config map[string]string, in Image) []Finding {
	k := kernel{config: config, modules: in.Modules, commandLine: in.CommandLine}
	var all lacks
	facts := in.facts()
	for _, from := range general() {
		for _, n := range from.needs {
			if n.When == "" && n.CommandLine == "" || matchAny(n.When, facts) || matchAny(n.CommandLine, in.CommandLine) {
				all.add(k, n.Needs, lack{level: n.Level, who: from.who, why: n.Why})
			}
		}
	}
	skipped := map[string]bool{}
	for _, u := range in.Units {
		skipped[u.Name] = !checkConditions(k, u, &all)
	}
	for _, u := range in.Units {
		// The mount of an automount that is skipped is never asked for.
		if mount, ok := strings.CutSuffix(u.Name, ".mount"); !skipped[u.Name] && !(ok && skipped[mount+".automount"]) {
			checkSettings(k, u, &all)
		}
	}
	return all.findings()
}

// facts are the properties of the image that "when" names.
func (in Image) facts() []string {
	facts := []string{"arch " + in.Arch}
	if in.Modules {
		facts = append(facts, "modules")
	}
	if in.State != "" {
		facts = append(facts, "state", "state "+in.State)
		if in.StateTPM {
			facts = append(facts, "state tpm")
		}
	}
	for _, x := range in.Xattrs {
		facts = append(facts, "xattr "+x)
	}
	return facts
}

// A lack is one thing that is missing for one reason.
type lack struct {
	need    string // of Finding.Symbols
	level   Level
	who     string
	setting string // of the unit, as "PrivateNetwork="; may be empty
	why     string
}

type lacks []lack

// add adds what of the needs the kernel does not satisfy, and says whether that
// is anything.
func (all *lacks) add(k kernel, needs []string, l lack) (lacking bool) {
	for _, n := range needs {
		if !k.satisfies(n) {
			l.need, lacking = k.wanted(n), true
			*all = append(*all, l)
		}
	}
	return lacking
}

// findings groups by what is missing, and then joins what the same ones miss for
// the same reasons.
func (all lacks) findings() []Finding {
	byNeed := map[string][]lack{}
	for _, l := range all {
		byNeed[l.need] = append(byNeed[l.need], l)
	}
	var result []Finding
	for need, some := range byNeed {
		f := finding(some)
		i := slices.IndexFunc(result, func(g Finding) bool {
			return f.Level == g.Level && f.Why == g.Why && slices.Equal(f.Who, g.Who)
		})
		if i < 0 {
			result = append(result, f)
			i = len(result) - 1
		}
		result[i].Symbols = append(result[i].Symbols, need)
	}
	for i := range result {
		slices.Sort(result[i].Symbols)
	}
	slices.SortFunc(result, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), slices.Compare(a.Symbols, b.Symbols))
	})
	return result
}

// finding describes lacks of one thing: the worst reasons first.
func finding(some []lack) Finding {
	slices.SortStableFunc(some, func(a, b lack) int { return cmp.Compare(b.level, a.level) })
	f := Finding{Level: some[0].level}
	var reasons []string
	settings := map[string][]string{} // by reason
	for _, l := range some {
		if !slices.Contains(f.Who, l.who) {
			f.Who = append(f.Who, l.who)
		}
		if !slices.Contains(reasons, l.why) {
			reasons = append(reasons, l.why)
		}
		if l.setting != "" && !slices.Contains(settings[l.why], l.setting) {
			settings[l.why] = append(settings[l.why], l.setting)
		}
	}
	for i, why := range reasons {
		if s := settings[why]; s != nil {
			slices.Sort(s)
			reasons[i] = strings.Join(s, ", ") + ": " + why
		}
	}
	f.Why = strings.Join(reasons, "; ")
	slices.SortFunc(f.Who, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return f
}

// rank puts what everything depends on before the units.
func rank(who string) int {
	if i := slices.Index([]string{bocaditos, systemd}, who); i >= 0 {
		return i
	}
	return 2
}
