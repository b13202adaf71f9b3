package kconfig

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/debiantest"
)

// The tests in this file compare with the kernel's own conf, in Debian's source.

// A linux is the source of a kernel, configured in a private directory.
type linux struct {
	dir, out string
	make     []string // arguments for the architecture
	srcarch  string
}

func newLinux(t *testing.T, srcarch string) linux {
	t.Helper()
	l := linux{dir: debiantest.LinuxSource(t), out: t.TempDir(), srcarch: srcarch}
	machine := map[string]string{"x86": "x86_64", "arm64": "arm64"}[srcarch]
	l.make = []string{"-s", "-C", l.dir, "O=" + l.out, "ARCH=" + machine}
	if native := map[string]string{"amd64": "x86", "arm64": "arm64"}[runtime.GOARCH]; native != srcarch {
		prefix := map[string]string{"x86": "x86_64-linux-gnu-", "arm64": "aarch64-linux-gnu-"}[srcarch]
		l.make = append(l.make, "CROSS_COMPILE="+prefix)
	}
	return l
}

// configure runs a make target after adding settings to the .config.
func (l linux) configure(t *testing.T, target string, settings ...Setting) Config {
	t.Helper()
	dot := filepath.Join(l.out, ".config")
	if len(settings) > 0 {
		f, err := os.OpenFile(dot, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(Format(settings)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("make", append(l.make, target)...).CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, out)
	}
	return readConfig(t, dot)
}

func readConfig(t *testing.T, name string) Config {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLinux(t *testing.T) {
	for _, srcarch := range []string{"x86", "arm64"} {
		t.Run(srcarch, func(t *testing.T) {
			l := newLinux(t, srcarch)
			start := time.Now()
			s, err := Load(l.dir, srcarch)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d symbols in %v", len(s.symbols), time.Since(start))
			for _, target := range []string{"allnoconfig", "allmodconfig", "allyesconfig", "defconfig"} {
				compareEvaluation(t, s, l.configure(t, target), target)
			}
			defaults, err := os.ReadFile(filepath.Join(l.out, ".config"))
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(3) {
				if err := os.WriteFile(filepath.Join(l.out, ".config"), defaults, 0o644); err != nil {
					t.Fatal(err)
				}
				wishes := randomWishes(s, rand.New(rand.NewPCG(seed, 0)))
				final := l.configure(t, "olddefconfig", wishes...)
				compareEvaluation(t, s, final, fmt.Sprint("wishes ", seed))
				compareReasons(t, s, wishes, final)
			}
		})
	}
}

// compareEvaluation: a symbol is in a .config when a person can set it; one
// that nobody can set has the value that select lines and defaults give it.
func compareEvaluation(t *testing.T, s *Source, final Config, what string) {
	t.Helper()
	st := &state{s, final}
	compared := 0
	for name, sym := range s.symbols {
		if !sym.typ.isSwitch() {
			continue
		}
		compared++
		visible := st.visible(sym)
		value, listed := final[name]
		implied := st.reverse(sym.impliedBy)
		if visible.low > no && !listed {
			t.Errorf("%s: %s could be set, and conf does not list it", what, name)
		}
		if visible.high == no && listed && value == "n" && implied.high == no {
			t.Errorf("%s: %s cannot be set, and conf lists it as off", what, name)
		}
		if visible.high > no || sym.choice() != nil {
			continue
		}
		b := st.unset(sym)
		if got := parseTri(value); got < b.low || got > b.high {
			t.Errorf("%s: %s, which nobody can set, is %v; conf says %v", what, name, b, got)
		}
	}
	t.Logf("%s: %d symbols compared", what, compared)
}

// unset is the value of a symbol that has no prompt in this configuration.
func (st *state) unset(sym *symbol) bounds {
	b := exactly(no)
	for _, p := range sym.defaults {
		active := st.active(p)
		value := st.value(p.value).and(active)
		if active.low > no {
			b = b.or(value)
			break
		}
		b.high = max(b.high, value.high)
	}
	if implied := st.reverse(sym.impliedBy); implied.high > no {
		b.high = max(b.high, implied.high)
	}
	return st.fit(sym, b.or(st.reverse(sym.selectedBy)))
}

// reverse is what select or imply lines make of a symbol.
func (st *state) reverse(lines []property) bounds {
	b := exactly(no)
	for _, p := range lines {
		b = b.or(st.pull(p))
	}
	return b
}

func (t tri) String() string { return [...]string{"n", "m", "y"}[t] }

// randomWishes asks 300 symbols for values that they may not be able to have.
func randomWishes(s *Source, random *rand.Rand) []Setting {
	names := slices.Sorted(maps.Keys(s.symbols))
	var wishes []Setting
	for _, i := range random.Perm(len(names)) {
		sym := s.symbols[names[i]]
		if len(wishes) == 300 {
			break
		}
		value := ""
		switch sym.typ {
		case Bool:
			value = []string{"y", "y", "y", "n"}[random.IntN(4)]
		case Tristate:
			value = []string{"y", "y", "m", "n"}[random.IntN(4)]
		case Int:
			value = fmt.Sprint(random.IntN(100_000))
		case Hex:
			value = fmt.Sprintf("0x%x", random.IntN(100_000))
		case String:
			value = `"x y"`
		}
		// The machine's word size is what the architecture is.
		if value != "" && isName(sym.name) && sym.name != "64BIT" {
			wishes = append(wishes, Setting{Symbol: sym.name, Value: value})
		}
	}
	return wishes
}

var saidOff = regexp.MustCompile(`(\w+), which (?:is|are|are both|are all) (off|only m)`)

// compareReasons: what was dropped has a reason, and the reason is true: what
// is said to be lacking keeps the symbol from being visible, or something
// selects it, or another member of its choice is on.
func compareReasons(t *testing.T, s *Source, wishes []Setting, final Config) {
	t.Helper()
	st := &state{s, final}
	problems := s.Check(wishes, final)
	for _, p := range problems {
		sym := s.symbols[p.Setting.Symbol]
		if p.Reason == "" || strings.Contains(p.Reason, unexplained) {
			t.Errorf("no reason: %v", p)
		}
		if !sym.typ.isSwitch() {
			continue
		}
		for _, m := range saidOff.FindAllStringSubmatch(p.Reason, -1) {
			if value := final.Value(m[1]); value != map[string]string{"off": "n", "only m": "m"}[m[2]] {
				t.Errorf("%s is %s: %v", m[1], value, p)
			}
		}
		want, got := parseTri(p.Setting.Value), parseTri(p.Got)
		visible := st.visible(sym)
		switch {
		case got < want && (visible.low < want || sym.choice() != nil):
		case got > want && (visible.low == no || st.fit(sym, st.reverse(sym.selectedBy)).high > want || sym.choice() != nil):
		default:
			t.Errorf("conf was free to do it: %v", p)
		}
	}
	t.Logf("%d of %d wishes dropped, each with a reason", len(problems), len(wishes))
	for _, p := range problems[:min(5, len(problems))] {
		t.Log(p)
	}
}

// TestConfAgrees has the kernel's conf configure the small trees of TestCheck:
// their final configurations are not made up.
func TestConfAgrees(t *testing.T) {
	l := newLinux(t, "x86")
	l.configure(t, "allnoconfig")
	for _, c := range checkCases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, files(c.kconfig)); err != nil {
				t.Fatal(err)
			}
			dot := filepath.Join(dir, ".config")
			if err := os.WriteFile(dot, Format(options(t, c.ask)), 0o644); err != nil {
				t.Fatal(err)
			}
			conf := exec.Command(filepath.Join(l.out, "scripts/kconfig/conf"), "--olddefconfig", "Kconfig")
			conf.Dir = dir
			if out, err := conf.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got, want := readConfig(t, dot), config(t, c.final); !maps.Equal(got, want) {
				t.Errorf("conf made %v, the case has %v", got, want)
			}
		})
	}
}
