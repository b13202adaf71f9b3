package nix_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/internal/nixtest"
)

// A systemd under test: ours, or, to see that a check can fail, the host's.
type systemd struct {
	prefix string
	bin    string // directory of systemctl and so on
	lib    string // directory of PID 1 and the shared libraries
}

func (s systemd) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Env = []string{"PATH=/nonexistent", "HOME=/root", "XDG_RUNTIME_DIR=/run/user/0"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out)
}

// data is all of systemd's own libraries and PID 1 as bytes.
func (s systemd) data(t *testing.T) []byte {
	t.Helper()
	var all []byte
	found, _ := filepath.Glob(filepath.Join(s.lib, "libsystemd-*.so"))
	more, _ := filepath.Glob(filepath.Join(s.lib, "../*/systemd/libsystemd-*.so")) // Debian's
	for _, path := range append(append(found, more...), filepath.Join(s.lib, "systemd")) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// has tells whether the C string is one that systemd's code has.
func (s systemd) has(t *testing.T, str string) bool {
	return bytes.Contains(s.data(t), []byte("\x00"+str+"\x00"))
}

// foreign returns the paths in a text that are neither below the prefix nor /etc,
// /run or what is not configuration.
func (s systemd) foreign(text string) []string {
	var found []string
	for _, p := range regexp.MustCompile(`(?:^|[\s:="])(/[^\s:"]+)`).FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(p[1], "/usr") || strings.HasPrefix(p[1], "/lib") || strings.HasPrefix(p[1], "/nix/var") {
			found = append(found, p[1])
		}
	}
	return found
}

// Each patch does what it says: our systemd passes its check, and the host's,
// which lacks the patch, does not.
func TestPatches(t *testing.T) {
	set := nixtest.PackageSet(t)
	p := set.Build(t, "bocaditos.systemd")[0]
	ours := systemd{prefix: p, bin: p + "/bin", lib: p + "/lib/systemd"}
	stock := systemd{prefix: "/usr", bin: "/usr/bin", lib: "/lib/systemd"}
	checks := map[string]func(t *testing.T, s systemd) error{
		"0001": func(t *testing.T, s systemd) error {
			for _, args := range [][]string{{"systemd-tmpfiles", "--cat-config"}, {"systemd-sysusers", "--cat-config"}, {"systemd-analyze", "cat-config", "tmpfiles.d"}} {
				for line := range strings.Lines(s.run(t, args[0], args[1:]...)) {
					name, ok := strings.CutPrefix(strings.TrimSpace(line), "# /")
					if ok && !strings.HasPrefix("/"+name, p) && !strings.HasPrefix(name, "etc/") && !strings.HasPrefix(name, "run/") {
						return fmt.Errorf("%s reads /%s", args[0], name)
					}
				}
			}
			if !strings.Contains(s.run(t, "systemd-tmpfiles", "--cat-config"), "# "+p+"/lib/tmpfiles.d/systemd.conf\n") {
				return fmt.Errorf("systemd-tmpfiles does not read the prefix")
			}
			return nil
		},
		"0002": func(t *testing.T, s systemd) error {
			for _, scope := range []string{"--system", "--user", "--global"} {
				paths := s.run(t, "systemd-analyze", "unit-paths", scope)
				if f := s.foreign(paths); f != nil {
					return fmt.Errorf("units %s: %s", scope, f)
				}
				if !strings.Contains(paths, p+"/lib/systemd/") {
					return fmt.Errorf("units %s: only %s", scope, paths)
				}
			}
			return nil
		},
		"0003": func(t *testing.T, s systemd) error {
			if got := s.run(t, "systemd-path", "search-binaries-default"); got != p+"/bin\n" {
				return fmt.Errorf("default PATH: %s", got)
			}
			return nil
		},
		"0004": func(t *testing.T, s systemd) error {
			if f := s.foreign(s.run(t, "systemd-path")); f != nil {
				return fmt.Errorf("systemd-path: %s", f)
			}
			return nil
		},
		"0005": func(t *testing.T, s systemd) error {
			if !s.has(t, "/nix/store") || !s.has(t, "Successfully made /nix/store/ read-only.") {
				return fmt.Errorf("ProtectSystem= is not about the store")
			}
			return nil
		},
		"0006": func(t *testing.T, s systemd) error {
			if s.has(t, "unmerged-usr") || s.has(t, "Refusing to run in unsupported environment where /usr/ is not populated") {
				return fmt.Errorf("PID 1 looks at /usr")
			}
			return nil
		},
		"0007": func(t *testing.T, s systemd) error {
			if !regexp.MustCompile(`(?m)^L /etc/os-release .* ` + p + `/lib/os-release$`).MatchString(s.run(t, "systemd-tmpfiles", "--cat-config")) {
				return fmt.Errorf("tmpfiles links /etc/os-release elsewhere")
			}
			if !s.has(t, p+"/lib/os-release") {
				return fmt.Errorf("os-release is not looked for in the prefix")
			}
			return nil
		},
		"0008": func(t *testing.T, s systemd) error {
			for _, str := range []string{"/share/zoneinfo/", "/share/zoneinfo/tzdata.zi", "/share/keymaps/", "/lib/locale"} {
				if !s.has(t, p+str) || s.has(t, "/usr"+str) {
					return fmt.Errorf("%s is not looked for in the prefix", str)
				}
			}
			return nil
		},
		"0009": func(t *testing.T, s systemd) error {
			if !s.has(t, p+"/bin/nologin") {
				return fmt.Errorf("the shell of those who do not log in is unknown")
			}
			return nil
		},
		"0011": func(t *testing.T, s systemd) error {
			for _, name := range []string{"systemd-binfmt", "systemd-modules-load", "systemd-localed"} {
				b, err := os.ReadFile(filepath.Join(s.prefix, "lib/systemd/system", name+".service"))
				if err != nil {
					return err
				}
				if m := regexp.MustCompile(`(?m)^.*=\|?/usr.*`).Find(b); m != nil {
					return fmt.Errorf("%s: %s", name, m)
				}
			}
			return nil
		},
		"0012": func(t *testing.T, s systemd) error {
			if !s.has(t, p+"/lib/modules/") || !s.has(t, p+"/lib/modprobe.d") {
				return fmt.Errorf("kernel modules are looked for elsewhere")
			}
			return nil
		},
		"0013": func(t *testing.T, s systemd) error {
			if !s.has(t, "TZDIR="+p+"/share/zoneinfo") {
				return fmt.Errorf("services are not told where time zones are")
			}
			return nil
		},
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			if err := check(t, ours); err != nil {
				t.Error(err)
			}
			if err := check(t, stock); err == nil {
				t.Error("the host's systemd passes, too: the check checks nothing")
			}
		})
	}
}

// On top of nixpkgs' systemd, ours leaves out those of nixpkgs' patches that it
// replaces, keeps the others before its own, and says which versions it is for.
func TestOverride(t *testing.T) {
	set := nixtest.PackageSet(t)
	with := func(systemd string) string {
		return `(pkgs.appendOverlays [ (final: prev: { systemd = prev.systemd.overrideAttrs ` + systemd + `; }) ]).bocaditos.systemd`
	}
	got, msg := eval(t, set, `map (p: baseNameOf (toString p)) `+with(`{ patches = [ /x/0007-Change-usr-share-zoneinfo-to-etc-zoneinfo.patch /x/0010-other.patch ]; }`)+`.patches`)
	patches, _ := got.([]any)
	if msg != "" || len(patches) != 14 || patches[0] != "0010-other.patch" || !strings.HasPrefix(patches[1].(string), "0001-") {
		t.Errorf("patches: %v %s", patches, msg)
	}
	if _, msg := eval(t, set, with(`{ version = "299.1"; }`)+`.outPath`); !strings.Contains(msg, "patch series for systemd 257, but the package set has 299.1") {
		t.Errorf("another version: %q", msg)
	}
	flags, msg := eval(t, set, with(`{ env.NIX_CFLAGS_COMPILE = "-DX"; }`)+`.NIX_CFLAGS_COMPILE`)
	if s, _ := flags.(string); !strings.HasPrefix(s, "-DX -USYSTEMD_BINARY_PATH ") {
		t.Errorf("NIX_CFLAGS_COMPILE: %v %s", flags, msg)
	}
}

// 0010: what asks where units and rules go, with the prefix that the set-up hook
// has for it, is told its own, and still learns where systemd looks. nixpkgs'
// pkg-config takes the hook's variables by itself; Debian's is told.
func TestPkgConfig(t *testing.T) {
	set := nixtest.PackageSet(t)
	p := set.Build(t, "bocaditos.systemd")[0]
	own := strings.TrimSpace(debiantest.Run(t, "nix-build", "--no-out-link", "--expr", `with (`+set.Expr()+`); runCommand "asks" { nativeBuildInputs = [ bocaditos.systemd.dev ]; } ''
	  unset PKG_CONFIG_SYSROOT_DIR
	  for v in systemdsystemunitdir sysusers_dir systemdsystemunitpath systemdsystemgeneratorpath; do
	    pkg-config --define-variable=prefix=$PKG_CONFIG_SYSTEMD_PREFIX --variable=$v systemd
	  done >$out
	  pkg-config --define-variable=prefix=$PKG_CONFIG_UDEV_PREFIX --variable=udevdir udev >>$out
	''`))
	got := debiantest.Run(t, "cat", own)
	want := own + "/lib/systemd/system\n" +
		own + "/lib/sysusers.d\n" +
		"/etc/systemd/system:/etc/systemd/system:/run/systemd/system:" + p + "/lib/systemd/system\n" +
		"/run/systemd/system-generators:/etc/systemd/system-generators:" + p + "/lib/systemd/system-generators\n" +
		own + "/lib/udev\n"
	if got != want {
		t.Errorf("pkg-config said\n%s\nwant\n%s", got, want)
	}
}

// No program or library of systemd has a directory of vendor configuration but
// the prefix in it. What looks into containers and images of others has.
func TestNoUsr(t *testing.T) {
	set := nixtest.PackageSet(t)
	p := set.Build(t, "bocaditos.systemd")[0]
	search := regexp.MustCompile(`\x00/usr/(local/)?(lib|share)/?([a-z.-]+\.d|systemd|udev|sysctl|credstore|factory|zoneinfo|kbd|keymaps|dbus|modules-load|binfmt)[^\x00]*\x00`)
	elsewhere := []string{"systemd-nspawn", "systemd-dissect", "portablectl", "systemd-sysext"}
	var checked int
	err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || slices.Contains(elsewhere, d.Name()) {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(b, []byte("\x7fELF")) {
			return err
		}
		checked++
		for _, m := range search.FindAll(b, -1) {
			// What dissect-image.c looks for in images.
			if s := strings.Trim(string(m), "\x00"); s != "/usr/lib/systemd/systemd" && s != "/usr/lib/extension-release.d/" && !strings.HasPrefix(s, "/usr/lib/extension-release.d/") {
				t.Errorf("%s: %s", path, s)
			}
		}
		return nil
	})
	if err != nil || checked < 100 {
		t.Errorf("checked %d files: %v", checked, err)
	}
}

// In a root that has no /usr, systemd's tools work and try to open nothing there.
// As in an image, the prefix has the data of other packages.
func TestNothingOpenedBelowUsr(t *testing.T) {
	set := nixtest.PackageSet(t)
	paths := set.Build(t, "bocaditos.systemd", "strace", "tzdata")
	p, strace, tzdata := paths[0], paths[1], paths[2]
	root, linked := t.TempDir(), t.TempDir()
	for _, dir := range []string{"nix/store", "etc", "proc", "tmp", "run", "var", "dev", "sys"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"lib", "share"} {
		if err := os.Mkdir(filepath.Join(linked, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(tzdata+"/share/zoneinfo", filepath.Join(linked, "share/zoneinfo")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(linked, "lib/os-release"), []byte("ID=linked\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	foreign := regexp.MustCompile(`"(/?usr|/lib|/lib64|/sbin|/bin)(/|")`)
	for _, c := range []struct {
		name string
		args []string
		file string // what it must have read, as the proof that strace saw
		says string
	}{
		{"tmpfiles, dry", []string{p + "/bin/systemd-tmpfiles", "--create", "--dry-run"}, p + "/lib/tmpfiles.d/etc.conf", ""},
		{"tmpfiles", []string{p + "/bin/systemd-tmpfiles", "--create", "--exclude-prefix=/dev"}, p + "/lib/tmpfiles.d/etc.conf", ""},
		{"sysusers", []string{p + "/bin/systemd-sysusers"}, p + "/lib/sysusers.d/basic.conf", "Creating user 'systemd-network'"},
		{"presets", []string{p + "/bin/systemctl", "--root=/", "preset-all"}, p + "/lib/systemd/system-preset/90-systemd.preset", p + "/lib/systemd/system/systemd-networkd.service"},
		{"PID 1", []string{p + "/lib/systemd/systemd", "--test", "--system", "--unit=sysinit.target"}, p + "/lib/systemd/system", ""},
		{"udev", []string{p + "/bin/udevadm", "verify", "--resolve-names=never"}, p + "/lib/udev/rules.d/99-systemd.rules", "Fail:    0"},
		{"os-release", []string{p + "/bin/systemd-analyze", "condition", "ConditionOSRelease=ID=linked"}, "os-release", "Conditions succeeded"},
		{"time zones", []string{p + "/bin/systemd-analyze", "calendar", "2030-01-01 Europe/Berlin"}, p + "/share/zoneinfo/Europe/Berlin", "2029-12-31 23:00:00"},
		{"modules", []string{p + "/lib/systemd/systemd-modules-load"}, p + "/lib/modprobe.d", ""},
		{"catalog", []string{p + "/bin/journalctl", "--update-catalog"}, p + "/lib/systemd/catalog", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := `mount --make-rprivate / && mount --rbind /nix/store "$1/nix/store" && mount -t proc proc "$1/proc" && mount -t tmpfs none "$1/run" &&
				mount -t overlay none -o "lowerdir=$2:$3" "$1$3" && root=$1 && shift 3 && exec chroot "$root" "$@"`
			args := append([]string{"-m", "--", "sh", "-c", script, "sh", root, linked, p, strace + "/bin/strace", "-f", "-qq", "-e", "trace=%file", "-o", "/tmp/trace"}, c.args...)
			cmd := exec.Command("unshare", args...)
			// Debian's glibc has its own idea of where time zones are.
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZDIR=" + p + "/share/zoneinfo"}
			// The status is not what this is about: some tools miss devices here.
			out, _ := cmd.CombinedOutput()
			trace, err := os.ReadFile(filepath.Join(root, "tmp/trace"))
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			os.Remove(filepath.Join(root, "tmp/trace"))
			if !bytes.Contains(trace, []byte(c.file)) || !bytes.Contains(out, []byte(c.says)) {
				t.Errorf("did not read %s, or did not say %q:\n%s", c.file, c.says, out)
			}
			for line := range bytes.Lines(trace) {
				if foreign.Match(line) {
					t.Errorf("%s", line)
				}
			}
		})
	}
}
