package configs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/kernel/configs"
)

var (
	on      = regexp.MustCompile(`^CONFIG_([A-Z0-9][A-Za-z0-9_]*)=(y|[0-9]+|0x[0-9a-f]+|"[^"\\]*")$`)
	off     = regexp.MustCompile(`^# CONFIG_([A-Z0-9][A-Za-z0-9_]*) is not set$`)
	comment = regexp.MustCompile(`^# [^ ].*$`)
)

// symbols returns what a fragment sets, in its order, and complains of every
// line that is none of a setting, a comment and an empty line. "=m" is such a
// line: there are no modules.
func symbols(t *testing.T, name string) []string {
	t.Helper()
	text, ok := configs.Text(name)
	if !ok {
		t.Fatalf("no fragment %q", name)
	}
	if !strings.HasSuffix(text, "\n") {
		t.Errorf("%s: the last line does not end", name)
	}
	var all []string
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if m := on.FindStringSubmatch(line); m != nil {
			all = append(all, m[1])
		} else if m := off.FindStringSubmatch(line); m != nil {
			all = append(all, m[1])
		} else if strings.HasPrefix(strings.TrimLeft(line, "# "), "CONFIG_") || line != "" && line != "#" && !comment.MatchString(line) {
			t.Errorf("%s:%d: neither a setting nor a comment: %q", name, i+1, line)
		}
	}
	return all
}

func TestEachSymbolStandsOnce(t *testing.T) {
	where := map[string]string{}
	for _, name := range configs.Names() {
		all := symbols(t, name)
		if len(all) == 0 {
			t.Errorf("%s sets nothing", name)
		}
		for _, s := range all {
			if first, twice := where[s]; twice {
				t.Errorf("CONFIG_%s stands in %s and in %s", s, first, name)
			}
			where[s] = name
		}
	}
	// What the rest of Bocaditos relies on, and that the loop above saw anything.
	for s, want := range map[string]string{"MODULES": "base", "EROFS_FS": "erofs", "DM_VERITY": "dm-verity", "KALLSYMS": "debug"} {
		if where[s] != want {
			t.Errorf("CONFIG_%s stands in %q, not in %s", s, where[s], want)
		}
	}
}

// TestHead wants two lines from every fragment: what it is for, and who needs it.
func TestHead(t *testing.T) {
	for _, name := range configs.Names() {
		if p := configs.Purpose(name); !regexp.MustCompile(`^[A-Z0-9a-z].{20,}\.$`).MatchString(p) {
			t.Errorf("%s: purpose %q is not a sentence", name, p)
		}
		text, _ := configs.Text(name)
		if lines := strings.Split(text, "\n"); !strings.HasPrefix(lines[1], "# Needed by: ") {
			t.Errorf("%s: the second line does not say who needs it: %q", name, lines[1])
		}
	}
}

func TestDefault(t *testing.T) {
	for arch, want := range map[string]struct{ with, without []string }{
		"amd64": {[]string{"base", "x86-64", "systemd"}, []string{"arm64", "debug"}},
		"arm64": {[]string{"base", "arm64", "systemd"}, []string{"x86-64", "debug"}},
	} {
		got := configs.Default(arch)
		if len(got) != len(configs.Names())-2 || !slices.IsSorted(got) {
			t.Errorf("%s: %q", arch, got)
		}
		for _, name := range want.with {
			if !slices.Contains(got, name) {
				t.Errorf("%s lacks %s", arch, name)
			}
		}
		for _, name := range want.without {
			if slices.Contains(got, name) {
				t.Errorf("%s has %s", arch, name)
			}
		}
	}
	if got := configs.Default("riscv64"); got != nil {
		t.Errorf("fragments for an architecture that has none: %q", got)
	}
}

func TestNoSuchFragment(t *testing.T) {
	if text, ok := configs.Text("no-such"); ok || text != "" || configs.Purpose("no-such") != "" {
		t.Errorf("got %q, %v", text, ok)
	}
}
