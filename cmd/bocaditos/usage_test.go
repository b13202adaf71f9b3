package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const hintUsage = "\n  hint: bocaditos "

func TestUsageMistakes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"biuld"}, `unknown command "biuld", did you mean "build"?`},
		{[]string{"frobnicate"}, `unknown command "frobnicate"` + "\n"},
		{[]string{"build", "--locekd"}, "unknown flag: --locekd"},
		{[]string{"--frob"}, "unknown flag: --frob"},
		{[]string{"build", "a", "b"}, "accepts at most 1 arg(s), received 2, want bocaditos build [RECIPE] [flags]"},
		{[]string{"why"}, "accepts 1 arg(s), received 0, want bocaditos why PATH [flags]"},
		{[]string{"fixup"}, "accepts 1 arg(s), received 0, want bocaditos fixup DIR [flags]"},
		{[]string{"run", "--cpus", "many"}, `invalid argument "many" for "--cpus"`},
		{[]string{"build", "--output"}, "flag needs an argument: --output"},
	} {
		r := bocaditos(t, c.args...).wants(t, exitUsage, "bocaditos: "+c.want, hintUsage)
		if r.stdout != "" {
			t.Errorf("%q: standard output: %q", c.args, r.stdout)
		}
	}
	// Mistakes in a flag's value are found before anything starts.
	at := built(t).image()
	for _, args := range [][]string{
		{"--boot", "bios"}, {"--accel", "warp"}, {"--memory", "much"}, {"--forward", "x"}, {"--credential", "x"}, {"--until", "("}, {"--cpus", "0"},
	} {
		bocaditos(t, append([]string{"run", at}, args...)...).wants(t, exitUsage, args[1], hintUsage)
	}
}

// commands calls f for every command but the root and cobra's own.
func commands(f func(words []string, c *cobra.Command)) {
	for _, c := range newRoot().Commands() {
		f([]string{c.Name()}, c)
	}
}

func TestHelp(t *testing.T) {
	r := bocaditos(t, "--help").wants(t, exitOK)
	if bare := bocaditos(t).wants(t, exitOK); bare.stdout != r.stdout {
		t.Error("without arguments it says something else than --help")
	}
	n := 0
	commands(func(words []string, c *cobra.Command) {
		n++
		if !strings.Contains(r.stdout, "\n  "+c.Name()+" ") || !strings.Contains(r.stdout, c.Short) {
			t.Errorf("--help does not mention %s", c.Name())
		}
		help := bocaditos(t, append(words, "--help")...).wants(t, exitOK, "Usage:\n  bocaditos "+c.Use)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || !strings.Contains(help.stdout, "--"+f.Name+" ") {
				t.Errorf("%s --help does not explain --%s", c.Name(), f.Name)
			}
		})
	})
	if n < 11 {
		t.Errorf("only %d commands", n)
	}
	bocaditos(t, "--version").wants(t, exitOK, "bocaditos version "+version)
}

func TestMan(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	bocaditos(t, "man", dir).wants(t, exitOK)
	pages := files(t, dir)
	commands(func(words []string, c *cobra.Command) {
		page := filepath.Join(dir, "bocaditos-"+strings.Join(words, "-")+".1")
		if !strings.Contains(pages, page+" ") {
			t.Errorf("no page %s in\n%s", page, pages)
			return
		}
		text := read(t, page)
		if !strings.Contains(text, ".TH \"BOCADITOS\"") || !strings.Contains(text, ".SH SYNOPSIS") {
			t.Errorf("%s is not a manual page:\n%s", page, text)
		}
	})
	// Pages made on another day are the same.
	first := map[string]string{}
	names, _ := filepath.Glob(dir + "/*")
	for _, name := range names {
		first[name] = read(t, name)
		if i := strings.Index(first[name], "Auto generated"); i >= 0 {
			t.Errorf("%s has a date in it", name)
		}
	}
	bocaditos(t, "man", dir).wants(t, exitOK)
	for _, name := range names {
		if read(t, name) != first[name] {
			t.Errorf("%s is another one the second time", name)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := bocaditos(t, "completion", shell).wants(t, exitOK).stdout
		if !strings.Contains(script, "bocaditos") || !strings.Contains(script, "__complete") {
			t.Errorf("%s: no completion script:\n%s", shell, script)
		}
		if shell == "bash" {
			cmd := exec.Command("bash", "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("bash -n: %v\n%s", err, out)
			}
		}
	}
	r := bocaditos(t, "__complete", "b").wants(t, exitOK)
	if !slices.ContainsFunc(strings.Split(r.stdout, "\n"), func(s string) bool { return strings.HasPrefix(s, "build\t") }) {
		t.Errorf("b is not completed to build:\n%s", r.stdout)
	}
}

func TestSchema(t *testing.T) {
	r := bocaditos(t, "schema").wants(t, exitOK)
	if r.stdout != read(t, "../../docs/image.schema.json") {
		t.Error("it prints another schema than docs has")
	}
}

func TestDoctor(t *testing.T) {
	r := bocaditos(t, "doctor").wants(t, exitOK)
	for _, name := range []string{"apt", "init", "sandbox", "disk space", "qemu", "firmware", "accelerator"} {
		if !strings.Contains(r.stdout, "ok       "+name+" ") {
			t.Errorf("%s is not ok", name)
		}
	}
}

// What is missing is named, with what to do about it.
func TestDoctorOnABareMachine(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("PATH", t.TempDir())
	bocaditos(t, "doctor", "--cache", cache).wants(t, 7,
		"missing  apt ", "→ packages come from Debian's archive through apt: use a Debian host or container\n",
		"missing  init ", "→ install Go from go.dev/dl",
		"missing  qemu ", "→ sudo apt install qemu-system-x86\n",
		"images cannot be built on this machine as it is")
	if left, err := os.ReadDir(cache); err != nil || len(left) > 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}
