package needs

import (
	"bufio"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
)

var term = regexp.MustCompile(`^(not )?([0-9A-Z][0-9A-Z_]*)(="[^"]*")?$|^LSM has ([a-z]+)$`)

// Symbols are the kernel's symbols that the files name.
func Symbols(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	for _, n := range allNeeds() {
		for _, expr := range n.Needs {
			for _, or := range strings.Split(expr, " or ") {
				for _, and := range strings.Split(or, " and ") {
					m := term.FindStringSubmatch(and)
					if m == nil {
						t.Errorf("%q is no expression", expr)
					} else if m[2] != "" {
						names[m[2]] = true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// allNeeds are those of all files; for the tables, with the trigger in When.
func allNeeds() []need {
	var all []need
	for _, g := range general() {
		all = append(all, g.needs...)
	}
	all = append(all, ofUnits()...)
	c := conditions()
	for _, table := range []map[string][]string{c.Paths, c.Security, c.Controllers, c.Modules, filesystems()} {
		for trigger, symbols := range table {
			all = append(all, need{When: trigger, Needs: symbols, Why: "a table", Level: Note})
		}
	}
	return all
}

func TestFilesAreWhole(t *testing.T) {
	for _, n := range allNeeds() {
		if len(n.Needs) == 0 || n.Why == "" || n.Level == 0 || strings.HasSuffix(n.Why, ".") {
			t.Errorf("no needs, no or a wrong why, or no level: %+v", n)
		}
	}
	for _, g := range general() {
		for _, n := range g.needs {
			if n.Unit != "" || n.Settings != nil || n.When != "" && n.CommandLine != "" {
				t.Errorf("%s: triggers that do not count here: %+v", g.who, n)
			}
		}
	}
	for _, n := range ofUnits() {
		if (n.Unit == "") == (n.Settings == nil) || n.When != "" || n.CommandLine != "" {
			t.Errorf("no trigger, or several: %+v", n)
		}
	}
}

// TestGeneralIsReached: each entry finds something in some image.
func TestGeneralIsReached(t *testing.T) {
	images := []Image{
		{Arch: "amd64", Modules: true, State: "ext4", StateTPM: true, Xattrs: []string{"security.capability", "user.x", "system.posix_acl_access"}},
		{Arch: "arm64", State: "btrfs", CommandLine: strings.Fields("console=tty0 console=ttyS1,9600 console=ttyAMA0 console=hvc0 lockdown=integrity audit=1 systemd.machine_id=firmware")},
	}
	wrong := map[string]string{"SYSFS_DEPRECATED": "y", "UEVENT_HELPER_PATH": `"x"`, "FW_LOADER_USER_HELPER": "y", "FW_LOADER_USER_HELPER_FALLBACK": "y", "RT_GROUP_SCHED": "y"}
	said := map[string]bool{}
	for _, in := range images {
		for _, f := range Check(wrong, in) {
			for _, why := range strings.Split(f.Why, "; ") {
				said[why] = true
			}
		}
	}
	for _, g := range general() {
		for _, n := range g.needs {
			for _, part := range strings.Split(n.Why, "; ") {
				if !said[part] {
					t.Errorf("%s never says %q", g.who, n.Why)
				}
			}
		}
	}
}

// Known are the settings in settings.toml, and the reasons there.
func Known() (settings, reasons []string) {
	for _, n := range ofUnits() {
		settings = append(settings, n.Settings...)
		reasons = append(reasons, n.Why)
	}
	return settings, reasons
}

// TestTables tries each line of the conditions and filesystems.
func TestTables(t *testing.T) {
	on := map[string]string{"LSM": `"lockdown,tomoyo,bpf,X"`}
	for _, name := range Symbols(t) {
		on[name] = "y"
	}
	try := func(name string, u Unit, level Level) {
		t.Helper()
		for _, lsm := range []string{"lockdown,tomoyo,apparmor", "selinux", "smack"} {
			on["LSM"] = lsm
			if !slices.ContainsFunc(Check(on, Image{Units: []Unit{u}}), func(f Finding) bool { return slices.Contains(f.Who, u.Name) }) {
				break
			} else if lsm == "smack" {
				t.Errorf("%s lacks something in a kernel that has everything", name)
			}
		}
		if !slices.ContainsFunc(Check(nil, Image{Units: []Unit{u}}), func(f Finding) bool { return slices.Contains(f.Who, u.Name) && f.Level >= level }) {
			t.Errorf("%s lacks nothing in a kernel that has nothing", name)
		}
	}
	c := conditions()
	for kind, table := range map[string]map[string][]string{"PathExists": c.Paths, "Security": c.Security, "ControlGroupController": c.Controllers, "KernelModuleLoaded": c.Modules} {
		for argument := range table {
			try(argument, Unit{Name: "x.service", Settings: []Setting{{"Condition" + kind, argument}}}, Note)
		}
	}
	for fs := range filesystems() {
		try(fs, Unit{Name: "x.mount", Settings: []Setting{{"Type", fs}}}, Error)
	}
}

// gone are symbols that this kernel no longer has.
var gone = []string{"SYSFS_DEPRECATED"}

// TestSymbolsExist looks for each symbol in the Kconfig files of Debian's Linux.
func TestSymbolsExist(t *testing.T) {
	source := debiantest.LinuxSource(t)
	defined := map[string]bool{}
	definition := regexp.MustCompile(`^\s*(?:menu)?config\s+([0-9A-Z_]+)\s*$`)
	err := filepath.WalkDir(source, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "Kconfig") {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if m := definition.FindStringSubmatch(lines.Text()); m != nil {
				defined[m[1]] = true
			}
		}
		return lines.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Symbols(t) {
		if defined[name] == slices.Contains(gone, name) {
			t.Errorf("%s: defined in %s is %t", name, source, defined[name])
		}
	}
}
