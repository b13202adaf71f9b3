package unitfixup_test

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"

	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

var update = flag.Bool("update", false, "download the packages again and write the golden files")

var releases = []string{"bookworm", "trixie"}

// A layout is a way to make one root of many packages.
type layout struct {
	name  string
	build func(t testing.TB, pkgs []pkg) (*tree.Tree, unitfixup.Options)
}

var layouts = []layout{{"usr", mergedUsr}, {"store", store}}

func depends(pkgs []pkg) map[string][]string {
	m := map[string][]string{}
	for _, p := range pkgs {
		m[p.name] = p.depends
	}
	return m
}

func readPackage(t testing.TB, p pkg) *tree.Tree {
	t.Helper()
	tr, err := tree.ReadTar(p.tar, p.tar, tree.Origin{Package: p.name})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// mergedUsr is a Debian root. Where packages conflict (two mail servers), the
// first wins.
func mergedUsr(t testing.TB, pkgs []pkg) (*tree.Tree, unitfixup.Options) {
	t.Helper()
	root := tree.New()
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if _, err := root.MkdirAll("/usr/"+dir, tree.Origin{}); err != nil {
			t.Fatal(err)
		}
		add(t, root, "", "/"+dir+" -> usr/"+dir)
	}
	keep := func(*tree.Conflict) tree.Decision { return tree.KeepHave }
	for _, p := range pkgs {
		if err := errors.Join(root.Merge(readPackage(t, p), keep)...); err != nil {
			t.Fatal(err)
		}
	}
	return root, unitfixup.Options{Depends: depends(pkgs)}
}

// store gives each package a prefix of its own, so that no program is where
// its unit says. PATH has what NixOS puts there.
func store(t testing.TB, pkgs []pkg) (*tree.Tree, unitfixup.Options) {
	t.Helper()
	root := tree.New()
	for _, p := range pkgs {
		src := readPackage(t, p)
		prefix := func(at string) string {
			return "/nix/store/" + p.name + strings.TrimPrefix(at, "/usr")
		}
		err := src.Walk(func(at string, n *tree.Node) error {
			if n.Type == tree.Dir {
				return nil
			}
			if n.Type == tree.Symlink && path.IsAbs(n.Target) {
				n.Target = prefix(n.Target)
			}
			return root.Put(prefix(at), n)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	o := unitfixup.Options{Depends: depends(pkgs)}
	for _, name := range []string{"bash", "dash", "coreutils", "findutils", "grep", "sed", "systemd"} {
		o.Path = append(o.Path, "/nix/store/"+name+"/bin")
	}
	return root, o
}

// snapshot is the content of every unit and D-Bus service file.
func snapshot(t testing.TB, tr *tree.Tree) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := tr.Walk(func(p string, n *tree.Node) error {
		var err error
		if n.Type == tree.File && (strings.Contains(p, "/systemd/") || strings.Contains(p, "/dbus-1/")) {
			files[p], err = tree.ReadAll(n.Content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestRealPackages(t *testing.T) {
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			pkgs := packages(t, release)
			all := map[string][]row{}
			for _, l := range layouts {
				t.Run(l.name, func(t *testing.T) {
					tr, o := l.build(t, pkgs)
					before := snapshot(t, tr)
					r := fix(t, tr, o)
					after := snapshot(t, tr)
					checkLines(t, tr, r)
					checkBytes(t, before, after, r)
					checkMeaning(t, before, after, r)
					digest := tr.Digest()
					if again := fix(t, tr, o); len(again.Changed()) > 0 || tr.Digest() != digest {
						t.Errorf("fixing again changed %v", again.Changed())
					}
					all[l.name] = rows(tr, r)
					text := r.Text()
					t.Logf("%d files, %s", len(before), text[strings.LastIndex(text[:len(text)-1], "\n")+1:])
				})
			}
			if !t.Failed() {
				checkGolden(t, filepath.Join("testdata", release+".golden"), pkgs, all)
			}
		})
	}
}

// checkLines: what is said to exist does.
func checkLines(t *testing.T, tr *tree.Tree, r *unitfixup.Report) {
	if len(r.Lines) < 400 {
		t.Errorf("only %d lines in all packages", len(r.Lines))
	}
	for _, l := range r.Lines {
		p := l.New
		switch {
		case l.Verdict == unitfixup.Missing && l.New == "" && l.Why != "":
			continue
		case l.Verdict == unitfixup.Kept && l.New == "" && l.Why != "":
			continue // its reason is in the golden file
		case l.Verdict == unitfixup.Kept && l.New == "":
			p = l.Program
		case l.Verdict != unitfixup.Rewritten || l.Why == "":
			t.Errorf("incomplete: %+v", l)
		}
		if _, n, err := tr.Resolve(p); !path.IsAbs(p) || err != nil || n.Type != tree.File || n.Mode&0o111 == 0 {
			t.Errorf("%s: not an executable (%v)", l, err)
		}
	}
}

// checkBytes makes the changes that the report names by searching and
// replacing in the named lines: nothing else may differ.
func checkBytes(t *testing.T, before, after map[string][]byte, r *unitfixup.Report) {
	want := map[string][]string{}
	for _, l := range r.Lines {
		if l.Verdict != unitfixup.Rewritten {
			continue
		}
		if want[l.File] == nil {
			want[l.File] = strings.SplitAfter(string(before[l.File]), "\n")
		}
		line := &want[l.File][l.LineNo-1]
		from := strings.LastIndex(*line, l.New) + 1 // a second command of the line
		*line = (*line)[:from] + strings.Replace((*line)[from:], l.Program, l.New, 1)
	}
	for p, old := range before {
		expect := string(old)
		if lines := want[p]; lines != nil {
			expect = strings.Join(lines, "")
		}
		if string(after[p]) != expect {
			t.Errorf("%s: got\n%s\nwant\n%s", p, after[p], expect)
		}
	}
	if changed := slices.Sorted(maps.Keys(want)); !slices.Equal(changed, r.Changed()) {
		t.Errorf("Changed() is %v, lines say %v", r.Changed(), changed)
	}
}

// checkMeaning reads the files by another parser: options differ in the first
// word of the commands in Exec lines only.
func checkMeaning(t *testing.T, before, after map[string][]byte, r *unitfixup.Report) {
	unreadable := 0
	for _, p := range r.Changed() {
		old, err := unit.DeserializeOptions(bytes.NewReader(before[p]))
		if err != nil {
			unreadable++ // comments inside of continued lines
			continue
		}
		fixed, err := unit.DeserializeOptions(bytes.NewReader(after[p]))
		if err != nil {
			t.Errorf("%s is unreadable now: %v", p, err)
			continue
		}
		if len(fixed) != len(old) {
			t.Errorf("%s has %d options, had %d", p, len(fixed), len(old))
			continue
		}
		for i, o := range old {
			f := fixed[i]
			same := f.Match(o)
			if !same && strings.HasPrefix(o.Name, "Exec") && f.Section == o.Section && f.Name == o.Name {
				same = arguments(f.Value) == arguments(o.Value)
			}
			if !same {
				t.Errorf("%s: %v became %v", p, o, f)
			}
		}
	}
	if unreadable > len(r.Changed())/20 {
		t.Errorf("go-systemd could not read %d of %d files", unreadable, len(r.Changed()))
	}
}

// arguments is a command line without its programs.
func arguments(value string) string {
	var b strings.Builder
	for command := range strings.SplitSeq(value, " ; ") {
		command = strings.TrimLeft(command, " \t\n\\")
		if i := strings.IndexAny(command, " \t\n\\"); i >= 0 {
			b.WriteString(command[i:])
		}
		b.WriteString(" ; ")
	}
	return b.String()
}

var argv0 = regexp.MustCompile(`(?m)^Exec\w+=[-:+!]*@`)

// TestRealPackagesAgainstSystemd compares the programs that we see in every
// service with those systemd sees.
func TestRealPackagesAgainstSystemd(t *testing.T) {
	tr, o := mergedUsr(t, packages(t, releases[0]))
	before := snapshot(t, tr)
	ours := map[string][]string{}
	skip := map[string]bool{}
	for _, l := range fix(t, tr, o).Lines {
		if !strings.HasPrefix(l.File, "/usr/lib/systemd/system/") || path.Ext(l.File) != ".service" {
			continue
		}
		if strings.Contains(l.Program, "%") || argv0.Match(before[l.File]) {
			skip[l.File] = true // a dump shows neither specifiers nor the program behind "@"
		}
		ours[l.File] = append(ours[l.File], l.Program)
	}
	dir := t.TempDir()
	compared := 0
	for _, p := range slices.Sorted(maps.Keys(ours)) {
		if skip[p] {
			continue
		}
		compared++
		t.Run(path.Base(p), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, path.Base(p))
			if err := os.WriteFile(file, before[p], 0o644); err != nil {
				t.Fatal(err)
			}
			got, want := slices.Sorted(slices.Values(ours[p])), slices.Sorted(slices.Values(systemdPrograms(t, file)))
			if !slices.Equal(got, want) {
				t.Errorf("we read %q, systemd %q", got, want)
			}
		})
	}
	if compared < 200 {
		t.Errorf("only %d services compared", compared)
	}
}

func BenchmarkRealPackages(b *testing.B) {
	pkgs := packages(b, releases[0])
	for _, l := range layouts {
		b.Run(l.name, func(b *testing.B) {
			tr, o := l.build(b, pkgs)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				c := tr.Clone()
				b.StartTimer()
				fix(b, c, o)
			}
		})
	}
}
