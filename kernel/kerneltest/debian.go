// Package kerneltest gives tests a real kernel: Debian 13's, from the archive
// that the host's own apt is set up for.
package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	release = "trixie"
	keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
)

// Debian returns the directory into which a kernel package of Debian 13 was
// unpacked and depmod run on, and the kernel's version. flavour is the end of
// the package's name: "cloud-amd64" or "amd64". It is downloaded once and kept
// in the user's cache directory; the tests must not change it.
func Debian(t testing.TB, flavour string) (dir, version string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(cache, "bocaditos-test", "linux-image-"+flavour+"_"+release)
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		t.Fatal(err)
	}
	// Several test binaries run at once.
	lock, err := os.OpenFile(base+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(base); err != nil {
		work, err := os.MkdirTemp(filepath.Dir(base), ".kernel-*")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(work)
		unpacked, err := download(work, flavour)
		if err != nil {
			t.Fatalf("get kernel %s of Debian %s: %v", flavour, release, err)
		}
		if err := os.Rename(unpacked, base); err != nil {
			t.Fatal(err)
		}
	}
	dirs, err := os.ReadDir(filepath.Join(base, "usr/lib/modules"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("%s: need one directory of modules, have %v (%v)", base, dirs, err)
	}
	return base, dirs[0].Name()
}

// download fetches and unpacks below work with a private apt, which checks
// the archive's signature.
func download(work, flavour string) (string, error) {
	site, err := output(nil, "", "apt-get", "indextargets", "--format", "$(SITE)", "Origin: Debian", "Created-By: Packages")
	if err != nil {
		return "", err
	}
	site, _, _ = strings.Cut(site, "\n")
	if site == "" {
		return "", fmt.Errorf("the host's apt knows no archive of Debian")
	}
	for _, d := range []string{"lists/partial", "archives/partial", "etc"} {
		if err := os.MkdirAll(filepath.Join(work, d), 0o755); err != nil {
			return "", err
		}
	}
	config := filepath.Join(work, "apt.conf")
	for name, text := range map[string]string{
		"status":           "",
		"etc/sources.list": fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, site, release),
		"apt.conf": fmt.Sprintf(`Dir %q; Dir::State %[1]q; Dir::State::status "%[1]s/status"; Dir::Cache %[1]q;
Dir::Etc "%[1]s/etc"; APT::Architecture "amd64"; APT::Architectures { "amd64"; }; APT::Sandbox::User "root";
Acquire::Languages "none";
`, work),
	} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	env := append(os.Environ(), "APT_CONFIG="+config)
	if _, err := output(env, work, "apt-get", "-q", "update"); err != nil {
		return "", err
	}
	depends, err := output(env, work, "apt-cache", "depends", "linux-image-"+flavour)
	if err != nil {
		return "", err
	}
	_, name, _ := strings.Cut(depends, "Depends: ")
	name, _, _ = strings.Cut(name, "\n")
	if _, err := output(env, work, "apt-get", "-q", "download", name); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("downloaded %v (%v)", debs, err)
	}
	root := filepath.Join(work, "root")
	if _, err := output(nil, work, "dpkg-deb", "-x", debs[0], root); err != nil {
		return "", err
	}
	dirs, err := os.ReadDir(filepath.Join(root, "usr/lib/modules"))
	if err != nil || len(dirs) != 1 {
		return "", fmt.Errorf("package with modules in %v (%v)", dirs, err)
	}
	// Debian 12's depmod looks into BASE/lib only.
	_, err = output(nil, work, "depmod", "-b", filepath.Join(root, "usr"), dirs[0].Name())
	return root, err
}

func output(env []string, dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir = env, dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
