package kconfig

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// outline writes what was understood of a symbol in one line a definition.
func outline(s *Source, name string) string {
	sym := s.symbols[name]
	if sym == nil {
		return "no " + name
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s", sym.typ)
	for _, d := range sym.definitions {
		fmt.Fprintf(&b, " | %s", d.at)
		if d.prompt != nil {
			fmt.Fprintf(&b, " %q", d.prompt.text)
			for _, e := range d.promptConditions() {
				fmt.Fprintf(&b, " if %s", e)
			}
		}
		for _, e := range d.conditions() {
			fmt.Fprintf(&b, " on %s", e)
		}
	}
	for _, p := range sym.defaults {
		fmt.Fprintf(&b, " default %s", p.expression())
	}
	for _, p := range sym.ranges {
		fmt.Fprintf(&b, " range %s %s if %s", p.value, p.high, p.when)
	}
	for _, p := range sym.selectedBy {
		fmt.Fprintf(&b, " selected by %s if %s", p.from.symbol.name, p.when)
	}
	for _, p := range sym.impliedBy {
		fmt.Fprintf(&b, " implied by %s if %s", p.from.symbol.name, p.when)
	}
	return b.String()
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"types and prompts", "config X\n\ttristate\n\tprompt \"x y\" if A # why\n", `tristate | Kconfig:1 "x y" if A`},
		{"menuconfig", "menuconfig X\n\tbool 'it is'\n", `bool | Kconfig:1 "it is"`},
		{"quotes", `config X` + "\n\tstring \"a \\\"b\\\" 'c'\"\n\tdefault 'say \"no\"'\n", `string | Kconfig:1 "a \"b\" 'c'" default "say \"no\""`},
		{"def_bool", "config X\n\tdef_bool y if A\n", `bool | Kconfig:1 default y if A`},
		{"def_tristate", "config X\n\tdef_tristate m\n", `tristate | Kconfig:1 default m`},
		{"precedence", "config X\n\tbool\n\tdepends on A || B && !C || !(D = y)\n", `bool | Kconfig:1 on A || (B && !C) || !(D = y)`},
		{"! and a comparison", "config X\n\tbool\n\tdepends on !A=B\n\tdepends on !!C\n", `bool | Kconfig:1 on !(A = B) on C`},
		{"comparisons", "config X\n\tbool\n\tdepends on A<1 && B<=C && D>\"x\" && E>=0x10 && F!=n\n",
			`bool | Kconfig:1 on A < 1 on B <= C on D > "x" on E >= 0x10 on F != n`},
		{"depends on if, of 7.0", "config X\n\tbool\n\tdepends on A if B && !C\n\tdepends on D if E || F=\"x\"\n",
			`bool | Kconfig:1 on A || B = n || C = y on D || (E = n && !(F = "x"))`},
		{"transitional, of 6.18", "config X\n\tbool\n\ttransitional\n", `bool | Kconfig:1`},
		{"continuation", "config X\n\tbool\n\tdepends on A && \\\n\t  B\n\tdefault y\n", `bool | Kconfig:1 on A on B default y`},
		{"range", "config X\n\tint\n\trange 1 MAX if A\n\trange -5 5\n", `int | Kconfig:1 range 1 MAX if A range -5 5 if y`},
		{"select and imply", "config A\n\tbool\n\tselect X if B\n\timply X\nconfig X\n\tbool\n",
			`bool | Kconfig:5 selected by A if B implied by A if y`},
		{"if", "if A\nif B || C\nconfig X\n\tbool\n\tdepends on D\nendif\nendif\n", `bool | Kconfig:3 on D on B || C on A`},
		{"menu", "menu \"m\"\n\tdepends on A\n\tdepends on B\n\tvisible if C\nconfig X\n\tbool \"x\"\nendmenu\n",
			`bool | Kconfig:5 "x" if C on A on B`},
		{"after the end", "if A\nendif\nmenu \"m\"\ndepends on B\nendmenu\nconfig X\n\tbool\n", `bool | Kconfig:6`},
		{"a comment has its own dependencies", "config X\n\tbool\n\ncomment \"c\"\n\tdepends on A\nconfig Y\n\tbool\n", `bool | Kconfig:1`},
		{"choice", "choice\n\tprompt \"c\" if A\n\tdefault X\n\tdepends on B\n\thelp\n\t  H\nconfig X\n\tbool \"x\"\nendchoice\n",
			`bool | Kconfig:7 "x" on B`},
		{"choice of before 6.10", "choice NAME\n\tbool \"c\"\n\toptional\nconfig X\n\tbool \"x\"\nendchoice\n", `bool | Kconfig:4 "x"`},
		{"help", "config X\n\tbool\n\thelp\n\t  config Y\n\n\t    depends on\n\t  endmenu \"\n\tdepends on A\n", `bool | Kconfig:1 on A`},
		{"help without text", "config X\n\tbool\n\thelp\n\nif A\nconfig Y\n\tbool\nendif\n", `bool | Kconfig:1`},
		{"help of before 4.18", "config X\n\tbool\n\t---help---\n\t  depends on A\n", `bool | Kconfig:1`},
		{"modules", "config X\n\tbool \"x\"\n\tmodules\n", `bool | Kconfig:1 "x"`},
		{"option of before 4.20", "config X\n\tbool \"x\"\n\toption modules\n", `bool | Kconfig:1 "x"`},
		{"the first type stays", "config X\n\tbool\nconfig X\n\ttristate \"x\"\n", `bool | Kconfig:1 | Kconfig:3 "x"`},
		{"source", "mainmenu \"m\"\nif A\nsource \"sub/Kconfig\"\nendif\n-- sub/Kconfig --\nconfig X\n\tbool\n", `bool | sub/Kconfig:1 on A`},
		{"rsource and orsource", "source \"sub/Kconfig\"\n-- sub/Kconfig --\nrsource \"a\"\norsource \"none\"\nosource \"none\"\n-- sub/a --\nconfig X\n\tbool\n",
			`bool | sub/a:1`},
		{"carriage returns", "config X\r\n\tbool \"x\"\r\n\tdepends on A\r\n", `bool | Kconfig:1 "x" on A`},

		{"SRCARCH", "source \"arch/$(SRCARCH)/Kconfig\"\n-- arch/x86/Kconfig --\nconfig X\n\tbool \"for $(SRCARCH)\"\n", `bool | arch/x86/Kconfig:1 "for x86"`},
		{"variables", "a = $(b)\nb := one\nb += two\nconfig X\n\tbool \"$(a)\"\n", `bool | Kconfig:4 "one two"`},
		{":= is now", "b = one\na := $(b)\nb = two\nconfig X\n\tbool \"$(a) $(b)\"\n", `bool | Kconfig:4 "one two"`},
		{"functions", "f = <$(2),$(1),$(3)>\ncomma := ,\nconfig X\n\tbool \"$(f,a$(comma)b,(c,d))\"\n", `bool | Kconfig:3 "<(c,d),a,b,>"`},
		{"filename and lineno", "config X\n\tbool \"$(filename):$(lineno)\"\n", `bool | Kconfig:1 "Kconfig:2"`},
		{"a word", "A := B\nconfig X\n\tbool\n\tdepends on P_$(A)_S\n", `bool | Kconfig:2 on P_B_S`},
		{"what a statement complains of", "$(error-if,y,no)\n$(warning-if,y,hm)\nconfig X\n\tbool\n", `bool | Kconfig:3`},
		{"what the compiler knows", "cc-option = $(success,$(CC) $(1))\nsuccess = $(shell,$(1))\nconfig X\n\tdef_bool !$(cc-option,-a -b(c)) && A\n",
			`bool | Kconfig:3 default !$(cc-option,-a -b(c)) && A`},
		{"what make's environment knows", "config X\n\tbool \"x\" if \"$(ARCH)\" = \"x86\"\n", `bool | Kconfig:1 "x" if "$(ARCH)" = "x86"`},
		{"a dollar", "config X\n\tstring\n\tdefault \"a$b\"\n", `string | Kconfig:1 default "a$b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := LoadFS(files(c.text), "x86")
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(s, "X"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestArchitectures(t *testing.T) {
	const text = "config X\n\tbool \"$(SRCARCH) $(ARCH)\"\n"
	for srcarch, want := range map[string]string{
		"arm64": `bool | Kconfig:1 "arm64 arm64"`,
		"x86":   `bool | Kconfig:1 "\"$(SRCARCH) $(ARCH)\""`, // i386 or x86_64: only make knows
	} {
		s, err := LoadFS(files(text), srcarch)
		if got := outline(s, "X"); err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"config X\n\tbool \"x\n", "Kconfig:2: a string has no closing \""},
		{"config X\n\tbool \"x\" y\n", `Kconfig:2: unexpected "y"`},
		{"config X\n\tbool x\n", "Kconfig:2: a prompt needs its text in quotes"},
		{"config X\n\tdepends A\n", "Kconfig:2: expected depends on"},
		{"config X\n\tdepends on A &&\n", "Kconfig:2: expected an expression"},
		{"config X\n\tdepends on (A\n", "Kconfig:2: expected )"},
		{"config X\n\tdepends on A B\n", `Kconfig:2: unexpected "B"`},
		{"config X\n\tdepends on A =\n", "Kconfig:2: expected an expression"},
		{"config X\n\tdepends on A ~ B\n", "Kconfig:2: unexpected character '~'\nKconfig:2: unexpected \"B\""},
		{"config X\n\tfrobnicate\n", `Kconfig:2: unexpected "frobnicate" in config X`},
		{"config X\n\trange 1\n", "Kconfig:2: expected an expression"},
		{"config X\n\tselect\n", "Kconfig:2: select needs the name of a symbol"},
		{"config X\n\tdefault\n", "Kconfig:2: expected an expression"},
		{"config X\n\tbool $(\n", "Kconfig:2: a macro has no closing )\nKconfig:2: a prompt needs its text in quotes"},
		{"config\n\tbool\n", "Kconfig:1: config needs the name of a symbol"},
		{"config y\n", "Kconfig:1: config needs the name of a symbol"},
		{"\tdefault y\n", `Kconfig:1: unexpected "default"`},
		{"menu \"m\"\n\tdefault y\nendmenu\n", `Kconfig:2: unexpected "default" in a menu`},
		{"menu \"m\"\nendif\nendmenu\n", "Kconfig:2: endif inside of a menu that begins at Kconfig:1"},
		{"if A\n", "Kconfig:1: if has no end"},
		{"if A ==\nconfig X\n\tbool \"x\"\nendif\n", "Kconfig:1: expected an expression"},
		{"menu \"m\"\n\tvisible if A &&\nconfig X\n\tbool \"x\"\nendmenu\n", "Kconfig:2: expected an expression"},
		{"endif\n", "Kconfig:1: endif inside of a file that begins at Kconfig:1"},
		{"$(shell,x)\n", "Kconfig:1: a statement cannot be a macro: $(shell,x)"},
		{"\nsource \"none\"\n", "Kconfig:2: source: open none: file does not exist"},
		{"source \"../x\"\n", "Kconfig:1: source: open ../x: file does not exist"},
		{"source \"$(CC)\"\n", `Kconfig:1: source "$(CC)": not known without make`},
		{"source\n", "Kconfig:1: source needs one path"},
		{"source \"a\"\n-- a --\nsource \"Kconfig\"\n", "a:1: source: Kconfig is read without end"},
		{"a = $(a)\nconfig X\n\tbool \"$(a)\"\n", "Kconfig:3: a macro expands without end"},
		{"a = $(a)\nb := $(a)\n", "Kconfig:2: a macro expands without end"},
		{"config X\n\tdepends on " + strings.Repeat("(", 1000) + "\n", "Kconfig:2: an expression is nested too deeply"},
	} {
		t.Run(c.text, func(t *testing.T) {
			// What follows is read all the same.
			fsys := files(c.text)
			fsys["Kconfig"].Data = append(fsys["Kconfig"].Data, "\nconfig AFTER\n\tbool \"after\"\n"...)
			s, err := LoadFS(fsys, "x86")
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if s == nil || !s.Has("AFTER") {
				t.Fatal("what follows the error is lost")
			}
			// What was read only in part is no trouble later.
			for _, p := range s.Check([]Setting{{Symbol: "X", Value: "y"}, {Symbol: "AFTER", Value: "y"}}, Config{}) {
				if p.Reason == "" {
					t.Errorf("no reason: %+v", p)
				}
			}
		})
	}
}

func TestLoadWithoutKconfig(t *testing.T) {
	s, err := Load(t.TempDir(), "x86")
	if s != nil || err == nil || !strings.HasPrefix(err.Error(), "no source of a kernel: stat") {
		t.Errorf("got %v, %v", s, err)
	}
}

// TestEndless: files that grow without end are refused soon.
func TestEndless(t *testing.T) {
	var doubling strings.Builder
	doubling.WriteString("v0 = x\n")
	for i := range 64 {
		fmt.Fprintf(&doubling, "v%d = $(v%d)$(v%d)\n", i+1, i, i)
	}
	doubling.WriteString("config X\n\tbool \"$(v64)\"\n")
	sources := fstest.MapFS{"Kconfig": {Data: []byte("source \"f0\"\n")}}
	for i := range 64 {
		sources[fmt.Sprintf("f%d", i)] = &fstest.MapFile{Data: []byte(strings.Repeat(fmt.Sprintf("source \"f%d\"\n", i+1), 2))}
	}
	for name, fsys := range map[string]fstest.MapFS{
		"doubling":  files(doubling.String()),
		"appending": files("a := x\n" + strings.Repeat("a += $(a)$(a)\n", 64)),
		"sources":   sources,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := LoadFS(fsys, "x86"); err == nil {
				t.Error("no error")
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestNear(t *testing.T) {
	s := source(t, `
config DM_VERITY
	bool "a"
config DM_VERITY_FEC
	bool "a"
config DM_CRYPT
	bool "a"
config VIRTIO_BLK
	bool "a"
config VIRTIO_FS
	bool
config VIRTIO_FT
	bool "b"
`)
	for name, want := range map[string]string{
		"DM_VERTIY":    "DM_VERITY",
		"dm_verity":    "DM_VERITY DM_VERITY_FEC",
		"VIRTIO_BLOCK": "VIRTIO_BLK",
		"VIRTIO_FX":    "VIRTIO_FT VIRTIO_FS",
		"VIRTIO":       "VIRTIO_FT VIRTIO_FS VIRTIO_BLK",
		"VERITY":       "DM_VERITY",
		"NFTABLES":     "",
		"DM":           "",
	} {
		if got := strings.Join(s.Near(name), " "); got != want {
			t.Errorf("near %s: %q, want %q", name, got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	s := source(t, `
config X
	bool
config X
	bool "The prompt"
	depends on A && B
	help
	  What it does,

	    and how.
	  In full.

config Y
	bool
`)
	want := Description{Symbol: "X", Type: Bool, Prompt: "The prompt", Help: "What it does,\n\n  and how.\nIn full.",
		Depends: []string{"A", "B"}, Defined: []Position{{"Kconfig", 2}, {"Kconfig", 4}}}
	if got, ok := s.Describe("X"); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := s.Describe("A"); ok {
		t.Error("A is only named, not defined")
	}
}

func TestProblem(t *testing.T) {
	s := source(t, "config I\n\tint \"i\"\n\trange 1 2\nconfig X\n\tbool \"x\"\n\tdepends on n\n")
	problems := s.Check([]Setting{{"X", "y", "base.config", 3}, {"I", "3", "", 0}, {"NONE", "y", "recipe", 0}},
		Config{"I": "2"})
	want := []string{
		"base.config:3: X=y was asked for, and it is off: X needs what can never be",
		"the options: I=3 was asked for, and it is 2: 3 is outside of the range 1 to 2 (Kconfig:3)",
		"recipe: NONE=y was asked for, and it is not there: no such symbol in this kernel",
	}
	for i, p := range problems {
		if p.Error() != want[i] {
			t.Errorf("got  %v\nwant %s", p, want[i])
		}
	}
	if len(problems) != 3 || !problems[2].Unknown || problems[0].Defined[0] != (Position{"Kconfig", 4}) {
		t.Errorf("got %+v", problems)
	}
	unasked := s.Check([]Setting{{Symbol: "I", Value: "1"}}, Config{"I": "2"})
	if len(unasked) != 1 || unasked[0].Reason != unexplained {
		t.Errorf("got %+v", unasked)
	}
}

// FuzzKconfig: arbitrary files are no reason to panic or to go on for ever,
// and every symbol in them that is not on has a reason.
func FuzzKconfig(f *testing.F) {
	for _, c := range checkCases {
		f.Add(c.kconfig)
	}
	f.Add("a += $(a)$(a)\nb := $(shell,$(b))\nconfig X\n\tbool \"$(a\" if $(b)\n\thelp\nx\n y\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, _ := LoadFS(fstest.MapFS{"Kconfig": {Data: []byte(text)}, "Kconfig.other": {Data: []byte(text)}}, "x86")
		var wishes []Setting
		for name := range s.symbols {
			for _, value := range []string{"y", "m", "n", "1", `"x"`} {
				wishes = append(wishes, Setting{Symbol: name, Value: value})
			}
			s.Describe(name)
		}
		for _, p := range s.Check(wishes, Config{"A": "y", "X": "m"}) {
			if p.Reason == "" {
				t.Fatalf("no reason: %+v", p)
			}
		}
	})
}
