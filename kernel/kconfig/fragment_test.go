package kconfig_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/kernel/kconfig"
)

func TestParseFragment(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"all forms", "# what it is for\n\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=n\n# CONFIG_E=y\n" +
			"CONFIG_F=42\nCONFIG_G=-1\nCONFIG_H=0xFf\nCONFIG_I=\"a \\\"b\\\" \\\\ # c\"\nCONFIG_J=\"\"\nCONFIG_K=y \r\nCONFIG_9P_fs=y",
			`A=y:3 B=m:4 C=n:5 D=n:6 F=42:8 G=-1:9 H=0xFf:10 I="a \"b\" \\ # c":11 J="":12 K=y:13 9P_fs=y:14`},
		{"twice the same", "CONFIG_A=n\n# CONFIG_A is not set\n", "A=n:1"},
		{"nothing", "", ""},

		{"twice different", "CONFIG_A=y\n# CONFIG_A is not set\n", "f:2: A is n here and y in line 1"},
		{"no prefix", "A=y", `f:1: neither CONFIG_X=value, a comment nor "# CONFIG_X is not set": "A=y"`},
		{"indented", "\n CONFIG_A=y", `f:2: neither CONFIG_X=value, a comment nor "# CONFIG_X is not set": " CONFIG_A=y"`},
		{"no value", "CONFIG_A", `f:1: "CONFIG_A" is not of the form SYMBOL=value`},
		{"empty value", "CONFIG_A=", `f:1: A: no value: an empty string is written ""`},
		{"a comment after it", "CONFIG_A=y # why", `f:1: A: "y # why" is not a value: y, m, n, a number (42, 0x10), or a string in double quotes`},
		{"yes", "CONFIG_A=yes", `f:1: A: "yes" is not a value: on is y`},
		{"N", "CONFIG_A=N", `f:1: A: "N" is not a value: off is n`},
		{"no quotes", "CONFIG_A=text", `f:1: A: "text" is not a value: y, m, n, a number (42, 0x10), or a string in double quotes`},
		{"octal", "CONFIG_A=010", `f:1: A: "010" is not a value: y, m, n, a number (42, 0x10), or a string in double quotes`},
		{"open quotes", `CONFIG_A="b\"`, `f:1: A: "b\" is not a string in double quotes (\ before " and \)`},
		{"quotes inside", `CONFIG_A="b"c"`, `f:1: A: "b"c" is not a string in double quotes (\ before " and \)`},
		{"single quotes", `CONFIG_A='b'`, `f:1: A: 'b' is not a string in double quotes (\ before " and \)`},
		{"bad name", "CONFIG_A-B=y", `f:1: "A-B" cannot be the name of a symbol: letters, digits and _`},
		{"almost off", "#CONFIG_A is not set", `f:1: the kernel reads this as a comment: write "# CONFIG_A is not set"`},
		{"almost off, too", "# CONFIG_A is not set.", `f:1: the kernel reads this as a comment: write "# CONFIG_A is not set"`},
		{"all errors", "x\nCONFIG_A=y\ny\n", `f:1: neither CONFIG_X=value, a comment nor "# CONFIG_X is not set": "x"` + "\n" +
			`f:3: neither CONFIG_X=value, a comment nor "# CONFIG_X is not set": "y"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings, err := kconfig.ParseFragment("f", c.text)
			if got := describe(settings, err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// describe writes settings as SYMBOL=value:line, or the error.
func describe(settings []kconfig.Setting, err error) string {
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, s := range settings {
		_, line, _ := strings.Cut(s.Where(), ":")
		words = append(words, strings.TrimSuffix(s.Symbol+"="+s.Value+":"+line, ":"))
	}
	return strings.Join(words, " ")
}

func TestParseOption(t *testing.T) {
	for option, want := range map[string]string{
		"EROFS_FS=y":            "EROFS_FS=y",
		"CONFIG_EROFS_FS=m":     "EROFS_FS=m",
		"DEBUG_INFO=n":          "DEBUG_INFO=n",
		`LOCALVERSION="-x=1"`:   `LOCALVERSION="-x=1"`,
		"NR_CPUS=64":            "NR_CPUS=64",
		"EROFS_FS":              `"EROFS_FS" is not of the form SYMBOL=value`,
		"LOCALVERSION=-x":       `LOCALVERSION: "-x" is not a value: y, m, n, a number (42, 0x10), or a string in double quotes`,
		"=y":                    `"" cannot be the name of a symbol: letters, digits and _`,
		"A=\"b\nCONFIG_C=y\"":   "A: \"b\nCONFIG_C=y\" is not a string in double quotes (\\ before \" and \\)",
		"# CONFIG_A is not set": `"# CONFIG_A is not set" is not of the form SYMBOL=value`,
	} {
		s, err := kconfig.ParseOption(option)
		if got := describe([]kconfig.Setting{s}, err); got != want {
			t.Errorf("%q: got %s, want %s", option, got, want)
		}
	}
}

func fragments(t *testing.T, texts ...string) [][]kconfig.Setting {
	t.Helper()
	var all [][]kconfig.Setting
	for i, text := range texts {
		settings, err := kconfig.ParseFragment(string(rune('a'+i)), text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, settings)
	}
	return all
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name      string
		fragments []string
		last      []string
		want      string
	}{
		{"sorted, each once", []string{"CONFIG_C=y\nCONFIG_A=y", "CONFIG_B=m\nCONFIG_A=y"}, nil, "A=y:2 B=m:1 C=y:1"},
		{"the options win", []string{"CONFIG_A=y", "CONFIG_B=1"}, []string{"A=n", "D=2"}, "A=n B=1:1 D=2"},
		{"the options settle", []string{"CONFIG_A=y", "CONFIG_A=m"}, []string{"A=n"}, "A=n"},
		{"disagreement", []string{"CONFIG_B=2\nCONFIG_A=y", "CONFIG_A=y\nCONFIG_B=3", "# CONFIG_A is not set"}, nil,
			"A is y in a:2, y in b:1, n in c:1\nB is 2 in a:1, 3 in b:2"},
		{"options disagree", nil, []string{"A=y", "A=n"}, "A is y in the options, n in the options"},
		{"nothing", nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var last []kconfig.Setting
			for _, option := range c.last {
				s, err := kconfig.ParseOption(option)
				if err != nil {
					t.Fatal(err)
				}
				last = append(last, s)
			}
			merged, err := kconfig.Merge(fragments(t, c.fragments...), last)
			if got := describe(merged, err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	settings := fragments(t, "CONFIG_S=\"x\"\nCONFIG_N=n\nCONFIG_B=y\n")[0]
	const want = "CONFIG_B=y\n# CONFIG_N is not set\nCONFIG_S=\"x\"\n"
	if got := string(kconfig.Format(settings)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	slices.Reverse(settings)
	if got := string(kconfig.Format(settings)); got != want {
		t.Errorf("in another order %q, want %q", got, want)
	}
	if settings[0].Symbol != "B" {
		t.Error("Format sorted the caller's settings")
	}
}

func TestRead(t *testing.T) {
	const text = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.12 Kernel Configuration\n#\n" +
		"CONFIG_A=y\nCONFIG_S=\"a\\\"b\"\n# CONFIG_B is not set\n\nCONFIG_I=0x10\r\nCONFIG_E=\n"
	c, err := kconfig.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for symbol, want := range map[string]string{"A": "y", "S": `"a\"b"`, "B": "n", "I": "0x10", "ABSENT": "n", "E": ""} {
		if got := c.Value(symbol); got != want {
			t.Errorf("%s is %q, want %q", symbol, got, want)
		}
	}
	if _, listed := c["ABSENT"]; listed || len(c) != 5 {
		t.Errorf("read %v", c)
	}
	for text, want := range map[string]string{
		"CONFIG_A=y\nA=y\n":                    `line 2 of a kernel configuration is neither a comment nor CONFIG_X=value: "A=y"`,
		"CONFIG_A\n":                           `line 1 of a kernel configuration is neither a comment nor CONFIG_X=value: "CONFIG_A"`,
		"CONFIG_" + strings.Repeat("A", 1<<21): "read a kernel configuration: bufio.Scanner: token too long",
	} {
		if _, err := kconfig.Read(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// FuzzParseFragment: arbitrary text is no reason to panic, and what it asks
// for survives being written and read.
func FuzzParseFragment(f *testing.F) {
	for _, seed := range []string{
		"CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_S=\"a\\\"b\"\n",
		"CONFIG_A=0x1F\r\nCONFIG_B=-12\n#CONFIG_B is not set",
		"CONFIG_A='x'\nCONFIG_=y\n\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := kconfig.ParseFragment("f", text)
		if err != nil {
			return
		}
		again, err := kconfig.ParseFragment("f", string(kconfig.Format(settings)))
		if err != nil || len(again) != len(settings) {
			t.Fatalf("%q: %v, %v, then %v", text, settings, again, err)
		}
		final, err := kconfig.Read(strings.NewReader(string(kconfig.Format(settings))))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range settings {
			if final.Value(s.Symbol) != s.Value {
				t.Fatalf("%q: %v was read as %q", text, s, final.Value(s.Symbol))
			}
		}
	})
}
