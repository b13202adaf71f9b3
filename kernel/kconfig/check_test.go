package kconfig

import (
	"strings"
	"testing"
	"testing/fstest"
)

// files makes a file system of a text: the Kconfig file, then others below
// lines "-- name --".
func files(text string) fstest.MapFS {
	fsys := fstest.MapFS{}
	name := "Kconfig"
	for line := range strings.Lines(text) {
		if s, ok := strings.CutPrefix(line, "-- "); ok {
			name = strings.TrimSuffix(strings.TrimSpace(s), " --")
			continue
		}
		if fsys[name] == nil {
			fsys[name] = &fstest.MapFile{}
		}
		fsys[name].Data = append(fsys[name].Data, line...)
	}
	return fsys
}

func source(t *testing.T, text string) *Source {
	t.Helper()
	s, err := LoadFS(files(text), "x86")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// options reads settings that stand in one line.
func options(t *testing.T, text string) []Setting {
	t.Helper()
	var settings []Setting
	for option := range strings.FieldsSeq(text) {
		s, err := ParseOption(option)
		if err != nil {
			t.Fatal(err)
		}
		settings = append(settings, s)
	}
	return settings
}

// A checkCase asks for settings. final is what the kernel's conf makes of
// them (TestConfAgrees compares), want the reasons for what is different.
type checkCase struct {
	name    string
	kconfig string
	ask     string
	final   string
	want    string // SYMBOL: reason, one a line
	missing string
}

const modules = `
config MODULES
	bool "Modules"
	modules
`

var checkCases = []checkCase{
	{
		name:    "all as asked",
		kconfig: "config A\n\tbool \"a\"\nconfig S\n\tstring \"s\"\nconfig I\n\tint \"i\"\nconfig H\n\thex \"h\"\n",
		ask:     `A=y S="x" I=4 H=0x1F`,
		final:   `A=y S="x" I=4 H=0x1F`,
	},
	{
		name: "a chain of dependencies",
		kconfig: `
config MD
	bool "Multiple devices"
config BLK_DEV_DM
	bool "Device mapper"
	depends on MD
config DM_VERITY
	bool "Verity"
	depends on BLK_DEV_DM
`,
		ask:     "DM_VERITY=y",
		final:   "MD=n",
		want:    "DM_VERITY: DM_VERITY needs BLK_DEV_DM, which is off; BLK_DEV_DM needs MD, which is off",
		missing: "MD",
	},
	{
		name: "only what is false",
		kconfig: `
config A
	bool "a"
config B
	bool "b"
config C
	bool "c"
config X
	bool "x"
	depends on A && (B || C)
`,
		ask:     "A=y X=y",
		final:   "A=y B=n C=n",
		want:    "X: X needs B or C, which are both off",
		missing: "B C",
	},
	{
		name:    "who turned off what is needed",
		kconfig: "config A\n\tbool \"a\"\n\tdefault y\nconfig X\n\tbool \"x\"\n\tdepends on A\n",
		ask:     "A=n X=y",
		final:   "A=n",
		want:    "X: X needs A, which is off as asked in the options",
		missing: "A",
	},
	{
		name: "has to be off",
		kconfig: `
config A
	bool "a"
config B
	bool
	default y if A
config X
	bool "x"
	depends on !(B || C)
config C
	bool "c"
`,
		ask:     "A=y X=y",
		final:   "A=y B=y C=n",
		want:    "X: X needs B to be off (it is y); B has no prompt, so it cannot be set by hand; the default of B (y if A) decides, at Kconfig:6",
		missing: "",
	},
	{
		name: "enclosing if, menu and choice",
		kconfig: `
config A
	bool "a"
config B
	bool "b"
config C
	bool "c"
if A
menu "m"
	depends on B
choice
	prompt "one"
	depends on C
config X
	bool "x"
config Y
	bool "y"
endchoice
endmenu
endif
`,
		ask:     "X=y",
		final:   "A=n B=n C=n",
		want:    "X: X needs C, B and A, which are off",
		missing: "C B A",
	},
	{
		name: "several definitions are alternatives",
		kconfig: `
config A
	bool "a"
config B
	bool "b"
config X
	bool "x"
	depends on A
config X
	bool "x again"
	depends on B
`,
		ask:     "X=y",
		final:   "A=n B=n",
		want:    "X: X at Kconfig:6 needs A, which is off; X at Kconfig:9 needs B, which is off",
		missing: "A B",
	},
	{
		name: "a comparison",
		kconfig: `
config BITS
	int "bits"
	default 32
config NAME
	string "name"
config A
	bool "a"
config X
	bool "x"
	depends on BITS >= 64 && NAME = "box" && A != n
`,
		ask:     "X=y",
		final:   `BITS=32 NAME="" A=n`,
		want:    `X: X needs A, which is off, and BITS >= 64 (BITS is 32), and NAME = "box" (NAME is "")`,
		missing: "A",
	},
	{
		name: "alternatives that are not just off",
		kconfig: modules + `
config A
	tristate "a"
config V
	int "v"
config X
	tristate "x"
	depends on A || A=n
config Y
	bool "y"
	depends on V > 5 || (A && V = 3)
`,
		ask:   "MODULES=y A=m V=3 X=y Y=y",
		final: "MODULES=y A=m V=3 X=m Y=y",
		want:  "X: X needs either A, which is only m, or A to be off (it is m)",

		missing: "A",
	},
	{
		name:    "no such symbol, misspelled",
		kconfig: "config EROFS_FS\n\tbool \"EROFS\"\nconfig EXT4_FS\n\tbool \"ext4\"\n",
		ask:     "EROSF_FS=y EROFS=y OVERLAY_FS=n",
		final:   "EROFS_FS=n EXT4_FS=n",
		want: `EROSF_FS: no such symbol in this kernel; did you mean EROFS_FS?
EROFS: no such symbol in this kernel; did you mean EROFS_FS?
OVERLAY_FS: no such symbol in this kernel`,
	},
	{
		name: "another architecture",
		kconfig: `
config A
	bool "a"
	depends on ARM64
config B
	bool "b"
	depends on ARM64 || PPC || COMPILE_TEST
config C
	bool "c"
	depends on ARM64_HWCAP || A
config F
	bool "f"
	depends on ARM64 || COMPILE_TEST
config D
	bool "d"
	depends on NOWHERE
config E
	bool "e"
	depends on COMPILE_TEST && S390 && A
config COMPILE_TEST
	bool "compile"
-- arch/arm64/Kconfig --
config ARM64
	def_bool y
config ARM64_HWCAP
	bool "x"
-- arch/x86/Kconfig.old --
config NOWHERE
`,
		ask:   "A=y B=y C=y D=y E=y F=y ARM64_HWCAP=y ARM64=n",
		final: "COMPILE_TEST=n",
		want: `A: A needs ARM64, which belongs to another architecture (arch/arm64/Kconfig:1)
B: B needs ARM64 or PPC, which this kernel does not have for x86
C: C needs A, which is off; A needs ARM64, which belongs to another architecture (arch/arm64/Kconfig:1)
D: D needs NOWHERE, which this kernel does not have
E: E needs S390, which this kernel does not have
F: F needs ARM64, which belongs to another architecture (arch/arm64/Kconfig:1)
ARM64_HWCAP: it belongs to another architecture (arch/arm64/Kconfig:3); this is x86`,
	},
	{
		name: "no prompt, selected by others",
		kconfig: `
config LIB
	bool
config OTHER
	bool
config ALONE
	bool
config A
	bool "a"
	select LIB
	select OTHER if B
config B
	bool "b"
	select LIB
`,
		ask:   "A=y LIB=y OTHER=y ALONE=y",
		final: "A=y B=n LIB=y",
		want: `OTHER: OTHER has no prompt, so it cannot be set by hand; A would select OTHER, and that needs B, which is off
ALONE: ALONE has no prompt, so it cannot be set by hand; nothing selects ALONE, and it has no default that turns it on`,
		missing: "B",
	},
	{
		name: "no prompt, several or one to select it",
		kconfig: `
config LIB
	bool
config ONE
	bool
config A
	bool "a"
	select LIB
config B
	bool "b"
	select LIB
	select ONE
config C
	bool "c"
	depends on NEVER
	select LIB
`,
		ask:   "LIB=y ONE=y",
		final: "A=n B=n",
		want: `LIB: LIB has no prompt, so it cannot be set by hand; LIB is on when selected by A or B
ONE: ONE has no prompt, so it cannot be set by hand; only B, which is off, can select ONE`,
		missing: "A B",
	},
	{
		name: "no prompt, a default decides",
		kconfig: `
config A
	bool "a"
config X
	bool
	default y if A
config Z
	def_bool y
`,
		ask:   "X=y Z=n",
		final: "A=n Z=y",
		want: `X: X has no prompt, so it cannot be set by hand; the default of X (y if A) needs A, which is off
Z: Z has no prompt, so it cannot be set by hand; the default of Z (y) decides, at Kconfig:8`,
		missing: "A",
	},
	{
		name: "a hidden prompt",
		kconfig: `
config EXPERT
	bool "expert"
config X
	bool "x" if EXPERT
config ON
	bool "on" if EXPERT
	default y
menu "m"
	visible if EXPERT
config V
	bool "v"
	default y
endmenu
`,
		ask:   "X=y ON=n V=n",
		final: "EXPERT=n ON=y V=y",
		want: `X: the prompt of X needs EXPERT, which is off; nothing selects X, and it has no default that turns it on
ON: the prompt of ON needs EXPERT, which is off; the default of ON (y) decides, at Kconfig:8
V: the prompt of V needs EXPERT, which is off; the default of V (y) decides, at Kconfig:13`,
		missing: "EXPERT",
	},
	{
		name: "selected, through one that has no prompt",
		kconfig: `
config A
	bool "a"
	select HELPER
config HELPER
	bool
	select X if B
config B
	bool "b"
config X
	bool "x"
`,
		ask:   "A=y B=y X=n",
		final: "A=y B=y HELPER=y X=y",
		want:  "X: X is selected by HELPER (Kconfig:7); HELPER is selected by A (Kconfig:4)",
	},
	{
		name: "implied where there is no prompt",
		kconfig: `
config A
	bool "a"
	imply X
config X
	bool "x" if B
config B
	bool "b"
`,
		ask:   "A=y X=n",
		final: "A=y B=n X=y",
		want:  "X: the prompt of X needs B, which is off; X is implied by A (Kconfig:4)",

		missing: "B",
	},
	{
		name: "y that a module limits",
		kconfig: modules + `
config A
	tristate "a"
config X
	tristate "x"
	depends on A
config Y
	bool "y"
	depends on A
`,
		ask:     "MODULES=y A=m X=y Y=y",
		final:   "MODULES=y A=m X=m Y=y",
		want:    "X: X needs A, which is only m",
		missing: "A",
	},
	{
		name: "m that cannot be",
		kconfig: modules + `
config B
	bool "b"
config X
	tristate "x"
config Y
	tristate "y"
	depends on m
`,
		ask:   "MODULES=n B=m X=m Y=m",
		final: "MODULES=n B=n X=y",
		want: `B: B is a bool, which cannot be a module: y or n
X: this kernel has no modules (MODULES is off), so m becomes y
Y: Y needs modules, which are off`,
	},
	{
		name: "m at most",
		kconfig: modules + `
config X
	tristate "x"
	depends on m
`,
		ask:   "MODULES=y X=y",
		final: "MODULES=y X=m",
		want:  "X: X needs to be a module (it depends on m)",
	},
	{
		name: "m that is selected to y",
		kconfig: modules + `
config A
	bool "a"
	select X
config X
	tristate "x"
`,
		ask:   "MODULES=y A=y X=m",
		final: "MODULES=y A=y X=y",
		want:  "X: X is selected by A (Kconfig:8)",
	},
	{
		name: "two of one choice",
		kconfig: `
choice
	prompt "Compression"
config GZIP
	bool "gzip"
config ZSTD
	bool "zstd"
endchoice
`,
		ask:   "GZIP=y ZSTD=y",
		final: "GZIP=n ZSTD=y",
		want:  `GZIP: GZIP is one of the choice "Compression", of which ZSTD is on (asked for in the options)`,
	},
	{
		name: "none of a choice",
		kconfig: `
choice
	prompt "Compression"
config GZIP
	bool "gzip"
config ZSTD
	bool "zstd"
endchoice
choice
	prompt "One"
config ONLY
	bool "only"
config NEVER
	bool "never"
	depends on n
endchoice
`,
		ask:   "GZIP=n ZSTD=n ONLY=n",
		final: "GZIP=y ZSTD=n ONLY=y",
		want: `GZIP: GZIP is one of the choice "Compression", of which one has to be on: turn on ZSTD instead
ONLY: ONLY is the only one of the choice "One" that this configuration can have, and one has to be on`,
	},
	{
		name: "numbers",
		kconfig: `
config SMP
	bool "smp"
config CPUS
	int "cpus" if SMP
	range 2 512 if SMP
	default 64 if SMP
	default 1
config MANY
	int "many"
	range 2 8
config BASE
	hex "base"
	range 0x10 0xff
config SIZE
	int
	default 3
config LOST
	int "lost"
	depends on SMP
`,
		ask:   "CPUS=4 MANY=9 BASE=0x100 SIZE=4 LOST=1",
		final: "SMP=n CPUS=1 MANY=8 BASE=0xff SIZE=3",
		want: `CPUS: the prompt of CPUS needs SMP, which is off; the default of CPUS (1) decides, at Kconfig:8
MANY: 9 is outside of the range 2 to 8 (Kconfig:11)
BASE: 0x100 is outside of the range 0x10 to 0xff (Kconfig:14)
SIZE: SIZE has no prompt, so it cannot be set by hand; the default of SIZE (3) decides, at Kconfig:17
LOST: LOST needs SMP, which is off`,
		missing: "SMP",
	},
	{
		name:    "the wrong type",
		kconfig: "config I\n\tint \"i\"\nconfig S\n\tstring \"s\"\nconfig H\n\thex \"h\"\nconfig B\n\tbool \"b\"\nconfig N\n\tint \"n\"\nconfig T\n\tstring \"t\"\n",
		ask:     `I=y S=5 H="a" B="y" N=n T=n`,
		final:   `I=0 S="" H=0x0 B=n N=0 T=""`,
		want: `I: I is an int: y is not a number of that kind
S: S is a string: its value is written in double quotes
H: H is a hex: "a" is not a number of that kind
B: B is a bool: y or n
N: N is an int and cannot be off`,
	},
	{
		name: "what only the compiler knows",
		kconfig: `
success = $(shell,{ $(1); } >/dev/null 2>&1 && echo y || echo n)
config X
	bool "x"
	depends on $(success,false)
config A
	bool "a"
config Z
	bool "z"
	depends on A && $(success,true)
config L
	def_bool $(success,false)
`,
		ask:   "X=y Z=y L=y",
		final: "A=n",
		want: `X: X depends on $(success,false), which only the compiler or make's environment can answer
Z: Z needs A, which is off
L: L has no prompt, so it cannot be set by hand; the default of L depends on $(success,false), which only the compiler or make's environment can answer`,
		missing: "A",
	},
	{
		name: "what is needed by what is needed is said once",
		kconfig: `
config A
	bool "a"
config B
	bool "b"
	depends on A
config X
	bool "x"
	depends on A && B
`,
		ask:     "X=y",
		final:   "A=n",
		want:    "X: X needs B, which is off; B needs A, which is off",
		missing: "A",
	},
	{
		name: "many names",
		kconfig: `
config A
	bool "a"
	select HELPER
config B
	bool "b"
	select HELPER
	select HELPER if A
config C
	bool "c"
	select HELPER
config D
	bool "d"
	select HELPER
config E
	bool "e"
	select HELPER
config F
	bool "f"
	select HELPER
config HELPER
	bool
config X
	bool "x"
	depends on A || B || C || D || E || F
config Y
	bool "y"
	depends on A || B || C || !G
config G
	bool "g"
config Z
	bool "z"
	depends on A && !HELPER || (B && F) || C=y
`,
		ask:   "X=y HELPER=y G=y Y=y Z=y",
		final: "A=n B=n C=n D=n E=n F=n G=y",
		want: `X: X needs one of A, B, C, D or 2 others, which are all off
HELPER: HELPER has no prompt, so it cannot be set by hand; HELPER is on when selected by A, B, C, D or 2 others
Y: Y needs one of A, B, C or !G
Z: Z needs either A, which is off, or B and F, which are off, or C, which is off`,
		missing: "A B C D F",
	},
	{
		name: "a long story is cut",
		kconfig: `
config A1
	bool "a"
	depends on n
config A2
	bool "a"
	depends on n
config A3
	bool "a"
	depends on n
config A4
	bool "a"
	depends on n
config A5
	bool "a"
	depends on n
config A6
	bool "a"
	depends on n
config A7
	bool "a"
	depends on n
config A8
	bool "a"
	depends on n
config A9
	bool "a"
	depends on n
config X
	bool "x"
	depends on A1 && A2 && A3 && A4 && A5 && A6 && A7 && A8 && A9
`,
		ask:   "X=y",
		final: "",
		want: "X: X needs A1, A2, A3, A4, A5, A6, A7, A8 and A9, which are off; A1 needs what can never be; A2 needs what can never be; " +
			"A3 needs what can never be; A4 needs what can never be; A5 needs what can never be; A6 needs what can never be; A7 needs what can never be; and more",
	},
	{
		name: "the opposite of a comparison",
		kconfig: `
config V
	int "v"
config H
	hex
	default 0xffffffffffff0000
config X
	bool "x"
	depends on !(V < 5 || H <= 0x10 || V = 4)
config Y
	bool "y"
	depends on NOWHERE = y
config Z
	bool "z"
	depends on "$(SRCARCH)" = "arm64"
`,
		ask:   "V=4 X=y Y=y Z=y",
		final: "V=4 H=0xffffffffffff0000",
		want: `X: X needs V >= 5 (V is 4), and V != 4 (V is 4)
Y: Y needs NOWHERE, which this kernel does not have
Z: Z needs "x86" = "arm64", which is not so`,
	},
	{
		name: "a choice among bools that need a module",
		kconfig: modules + `
config A
	tristate "a"
choice
	prompt "One"
	depends on A
config ONE
	bool "one"
config TWO
	bool "two"
endchoice
`,
		ask:   "MODULES=y A=m TWO=y ONE=y",
		final: "MODULES=y A=m ONE=n TWO=y",
		want:  `ONE: ONE is one of the choice "One", of which TWO is on (asked for in the options)`,
	},
	{
		name: "what the compiler turns on",
		kconfig: `
success = $(shell,{ $(1); } >/dev/null 2>&1 && echo y || echo n)
config A
	bool "a"
	select X if $(success,true)
config X
	bool "x"
config D
	def_bool $(success,true)
config I
	int "i"
	depends on $(success,false)
config J
	bool "j"
	depends on $(success,false) = "n"
config K
	bool "k"
	depends on B || $(success,false)
config B
	bool "b"
config L
	bool
	default n
	default y if B
`,
		ask:   "A=y X=n D=n I=4 J=y K=y L=y",
		final: "A=y X=y D=y J=y B=n",
		want: `X: X may be selected by A (Kconfig:5): that depends on a macro, which only the compiler or make's environment can answer
D: D has no prompt, so it cannot be set by hand; the default of D ($(success,true)) may decide, at Kconfig:9
I: I depends on $(success,false), which only the compiler or make's environment can answer
K: K depends on B || $(success,false), which only the compiler or make's environment can answer
L: L has no prompt, so it cannot be set by hand; the default of L (y if B) needs B, which is off`,
		missing: "B",
	},
	{
		name: "a range that holds",
		kconfig: `
config WIDE
	bool "wide"
config LIMIT
	int
	default 20
config N
	int "n"
	range 1 100 if WIDE
	range 1 LIMIT if !WIDE
`,
		ask:   "N=50",
		final: "WIDE=n LIMIT=20 N=20",
		want:  "N: 50 is outside of the range 1 to 20 if !WIDE (Kconfig:10)",
	},
	{
		name: "many definitions",
		kconfig: `
config X
	bool "1"
	depends on n
config X
	bool "2"
	depends on n
config X
	bool "3"
	depends on n
config X
	bool "4"
	depends on n
config X
	bool "5"
	depends on n
`,
		ask:   "X=y",
		final: "",
		want: "X: X at Kconfig:2 needs what can never be; X at Kconfig:5 needs what can never be; X at Kconfig:8 needs what can never be; " +
			"X at Kconfig:11 needs what can never be; X has 1 more definitions, of which none can be had either",
	},
	{
		name:    "nothing explains it",
		kconfig: "config A\n\tbool \"a\"\n\tselect B\nconfig B\n\tbool \"b\"\n",
		ask:     "",
		final:   "A=n B=n",
	},
}

func config(t *testing.T, text string) Config {
	t.Helper()
	c, err := Read(strings.NewReader(string(Format(options(t, text)))))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheck(t *testing.T) {
	for _, c := range checkCases {
		t.Run(c.name, func(t *testing.T) {
			problems := source(t, c.kconfig).Check(options(t, c.ask), config(t, c.final))
			var got, missing []string
			for _, p := range problems {
				got = append(got, p.Setting.Symbol+": "+p.Reason)
				missing = append(missing, p.Missing...)
			}
			if got := strings.Join(got, "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			seen := map[string]bool{}
			var once []string
			for _, m := range missing {
				if !seen[m] {
					once = append(once, m)
				}
				seen[m] = true
			}
			if got := strings.Join(once, " "); got != c.missing {
				t.Errorf("missing %q, want %q", got, c.missing)
			}
		})
	}
}
