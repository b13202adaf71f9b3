package unitfixup_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

// A row is a line of a golden file: facts about one program of one file.
type row struct {
	key     string // package, file below its unit directory, setting, program
	verdict string
	owner   string // of the new path
}

func rows(tr *tree.Tree, r *unitfixup.Report) []row {
	var out []row
	for _, l := range r.Lines {
		file := l.File
		for _, dir := range []string{"/systemd/", "/dbus-1/"} {
			if i := strings.LastIndex(l.File, dir); i >= 0 {
				file = l.File[i+len(dir):]
			}
		}
		one := row{key: strings.Join([]string{l.Package, file, l.Key, l.Program}, " "), verdict: l.Verdict.String()}
		if l.New != "" {
			one.verdict = l.New
			one.owner = tr.Lookup(l.New).Origin().Package
		}
		if l.Why != "" {
			one.verdict += " (" + l.Why + ")"
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b row) int { return strings.Compare(a.key+a.verdict, b.key+b.verdict) })
	return slices.Compact(out)
}

// checkGolden compares with a golden file, which has lines "package NAME
// VERSION" and then one "LAYOUT | KEY | VERDICT" a row. Archives move on: a
// difference is an error only where neither the unit's package nor the
// program's has another version than the golden file knows.
func checkGolden(t *testing.T, file string, pkgs []pkg, all map[string][]row) {
	var b bytes.Buffer
	for _, p := range pkgs {
		fmt.Fprintf(&b, "package %s %s\n", p.name, p.version)
	}
	for _, l := range layouts {
		for _, r := range all[l.name] {
			fmt.Fprintf(&b, "%s | %s | %s\n", l.name, r.key, r.verdict)
		}
	}
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run with -update)", err)
	}
	versions, verdicts := map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(golden)) {
		line = strings.TrimSuffix(line, "\n")
		if i := strings.LastIndex(line, " | "); i >= 0 {
			verdicts[line[:i]] = line[i+3:]
		} else if f := strings.Fields(line); len(f) == 3 {
			versions[f[1]] = f[2]
		}
	}
	moved := map[string]bool{}
	for _, p := range pkgs {
		if versions[p.name] != p.version {
			moved[p.name] = true
			t.Logf("drift: %s is %s here, %s in %s", p.name, p.version, versions[p.name], file)
		}
	}
	compared := 0
	for _, l := range layouts {
		for _, r := range all[l.name] {
			key := l.name + " | " + r.key
			want, ok := verdicts[key]
			delete(verdicts, key)
			pkg, _, _ := strings.Cut(r.key, " ")
			switch {
			case ok && want == r.verdict:
				compared++
			case moved[pkg] || moved[r.owner] || len(moved) > 0 && strings.Contains(want+r.verdict, "missing"):
				t.Logf("drift: %s: got %s, golden %q", key, r.verdict, want)
			default:
				t.Errorf("%s: got %s, golden %q", key, r.verdict, want)
			}
		}
	}
	for key := range verdicts {
		_, rest, _ := strings.Cut(key, " | ")
		pkg, _, _ := strings.Cut(rest, " ")
		if moved[pkg] {
			t.Logf("drift: %s is gone", key)
		} else {
			t.Errorf("%s is gone", key)
		}
	}
	t.Logf("%d rows agree", compared)
}
