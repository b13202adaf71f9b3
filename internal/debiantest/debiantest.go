// Package debiantest gives tests real files of Debian 13: kernels, stubs, tools.
// They come through the host's apt, verified, and stay in the user's cache. It is
// for tests only; pkgs/debian is how the program itself gets packages.
package debiantest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Unpacked returns a directory with the content of a package of Debian 13. It
// is kept in the user's cache, so only the first run downloads. A kernel's
// metapackage gives the kernel.
func Unpacked(t testing.TB, arch, pkg string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "bocaditos-test", "trixie", arch, pkg)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+pkg+"-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	apt := Apt(t, arch, filepath.Join(tmp, "apt"))
	apt("apt-get", "-q", "update")
	name := pkg
	if m := regexp.MustCompile(`Depends: (linux-image-\S+)`).FindStringSubmatch(apt("apt-cache", "depends", pkg)); m != nil {
		name = m[1]
	}
	apt("apt-get", "-q", "download", name)
	debs, _ := filepath.Glob(filepath.Join(tmp, "apt", "*.deb"))
	if len(debs) != 1 {
		t.Fatalf("apt-get download %s made %d files", name, len(debs))
	}
	Run(t, "dpkg-deb", "-x", debs[0], filepath.Join(tmp, "root"))
	// Another test may have been faster; its result is as good.
	if err := os.Rename(filepath.Join(tmp, "root"), dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return dir
}

// Apt sets up apt for Debian 13, binary packages and sources, with the mirror of
// the host's own apt, and returns a function that runs its commands in dir.
func Apt(t testing.TB, arch, dir string) func(...string) string {
	t.Helper()
	var mirror string
	targets := Run(t, "apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)")
	for line := range strings.Lines(targets) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Debian" && f[1] == "Debian" {
			mirror = f[2]
		}
	}
	if mirror == "" {
		t.Fatal("the host's apt knows no Debian archive; run apt-get update on Debian")
	}
	files := map[string]string{
		"sources.list": strings.ReplaceAll("deb KEY MIRROR trixie main\ndeb-src KEY MIRROR trixie main\n", "KEY MIRROR",
			"[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "+mirror),
		"status": "",
		"apt.conf": `Dir "` + dir + `"; Dir::State "state"; Dir::State::status "` + dir + `/status"; Dir::Cache "cache"; Dir::Etc "etc";
Dir::Etc::sourcelist "` + dir + `/sources.list"; Dir::Etc::sourceparts "-"; APT::Sandbox::User ""; Acquire::Languages "none";
APT::Architecture "` + arch + `"; APT::Architectures { "` + arch + `"; };
`,
	}
	for _, d := range []string{"state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return func(args ...string) string {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "APT_CONFIG="+dir+"/apt.conf")
		return Output(t, cmd)
	}
}

// Run runs a program, which must succeed, and returns its standard output.
func Run(t testing.TB, args ...string) string {
	t.Helper()
	return Output(t, exec.Command(args[0], args[1:]...))
}

// Output runs cmd, which must succeed, and returns its standard output.
func Output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return string(out)
}
