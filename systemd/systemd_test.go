package systemd_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/internal/sandbox/sandboxtest"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/systemd/analyze"
	"github.com/bocaditos/bocaditos/systemd/preset"
	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
	"github.com/bocaditos/bocaditos/systemd/unit"
	"github.com/bocaditos/bocaditos/tree"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

const units = "/usr/lib/systemd/system/"

// testFiles is the configuration of a small image.
var testFiles = map[string]string{
	"/usr/lib/os-release": "ID=test\n",
	"/etc/ld.so.conf":     "/usr/lib/test\n/nonexistent\n",

	"/usr/lib/sysusers.d/test.conf": "u root 0 - /root /bin/sh\ng tty 5\n# a comment\nu svc - \"A service\" /var/lib/svc\nm svc tty\nx nonsense\n",

	"/usr/lib/tmpfiles.d/test.conf": "d /var/lib/svc 0750 svc tty\n" +
		"L /etc/link - - - - target\n" +
		"d /var/lib/%m 0755\n" +
		"d /var/lib/x 0755 nosuchuser\n" +
		"d /run/x 0755\n" +
		"w /etc/absent - - - - text\n" +
		"z /usr/lib/os-release 0640 svc -\n" +
		"C /etc/tree - - - - /usr/share/tree\n",
	"/usr/lib/tmpfiles.d/legacy.conf": "d /var/run 0755\nd /var/run/y 0755\n",
	"/usr/share/tree/a/file":          "text\n",

	"/usr/lib/systemd/system-preset/90-test.preset": "# comment\nenable wanted.service\ndisable off.service\nenable *.socket\n",
	units + "wanted.service":                        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias=other-name.service\n",
	units + "off.service":                           "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
	units + "unnamed.service":                       "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
	units + "chosen.service":                        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlso=also.service\n",
	units + "also.service":                          "[Service]\nExecStart=/bin/true\n[Install]\nRequiredBy=chosen.service\n",
	units + "many@.service":                         "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=one\n",
	units + "l.socket":                              "[Socket]\nListenStream=/run/l\n[Install]\nWantedBy=sockets.target\n",
	units + "l.service":                             "[Service]\nExecStart=/bin/true\n",
	units + "multi-user.target":                     "[Unit]\n",
	units + "sockets.target":                        "[Unit]\n",
	units + "local-fs.target":                       "[Unit]\n",
	"/usr/lib/systemd/user-preset/90-test.preset":   "enable u.service\n",
	"/usr/lib/systemd/user/u.service":               "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=default.target\n",
	"/usr/lib/systemd/user/default.target":          "[Unit]\n",
	"/usr/lib/systemd/user/v.service":               "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=default.target\n",
}

func testTree(tb testing.TB) *tree.Tree {
	t := sandboxtest.NewRoot(tb, "ldconfig", "depmod", "systemd-sysusers", "systemd-tmpfiles", "systemctl")
	put := func(p string, n *tree.Node) {
		if err := t.Put(p, n); err != nil {
			tb.Fatal(err)
		}
	}
	o := tree.Origin{Package: "test"}
	for p, text := range testFiles {
		put(p, tree.NewFile(0o644, tree.String(text), o))
	}
	put(units+"masked.service", tree.NewSymlink("/dev/null", o))
	put("/usr/lib/modules/6.1.0-test", tree.NewDir(0o755, o))
	put("/var/run", tree.NewDir(0o755, o)) // as base-files has it
	recipe, err := preset.Recipe([]string{"chosen.service", "many@two.service", "many@three.service"}, []string{"l.socket"})
	if err != nil {
		tb.Fatal(err)
	}
	put("/usr/"+preset.RecipePath, tree.NewFile(0o644, tree.String(recipe), o))
	if err := systemd.AddVendorFiles(t, "/usr", nil); err != nil {
		tb.Fatal(err)
	}
	return t
}

// ourLine is a line of our own configuration: which one changes with each comment.
var ourLine = regexp.MustCompile(`(bocaditos[\w.-]*):\d+`)

// runPasses runs all passes and applies them to t.
func runPasses(tb testing.TB, t *tree.Tree) (changes, warnings, failures []string) {
	tb.Helper()
	passes, err := systemd.Passes(t, systemd.Options{Prefix: "/usr", Mask: []string{"also.service"}})
	if err != nil {
		tb.Fatal(err)
	}
	results, err := sandbox.Run(tb.Context(), t, passes, sandbox.Options{Dir: tb.TempDir(), Epoch: 1700000000})
	if err != nil {
		tb.Fatal(err)
	}
	for i, c := range passes {
		cs, err := systemd.Apply(t, "/usr", c.Name, results[i])
		if err != nil {
			tb.Fatal(err)
		}
		for _, c := range cs {
			if c.Deleted {
				changes = append(changes, c.Path+": deleted")
				continue
			}
			n := t.Lookup(c.Path)
			d, err := tree.Describe(n)
			if err != nil {
				tb.Fatal(err)
			}
			if c.Path != "/usr/lib/modules/6.1.0-test/modules.dep" && strings.HasPrefix(c.Path, "/usr/lib/modules/") {
				continue
			}
			d = regexp.MustCompile(`/(usr/)?lib/systemd/system/`).ReplaceAllString(d, "UNITS/") // where a version looks first
			if n.Type == tree.File && n.Size() > 0 {
				d = fmt.Sprintf("file %04o %d:%d", n.Mode, n.UID, n.GID) // what is in it depends on the host's tools
			}
			by := ourLine.ReplaceAllString(n.History[len(n.History)-1].String(), "$1:N")
			changes = append(changes, c.Path+": "+d+" | "+by)
		}
		for _, w := range systemd.Warnings(c.Name, results[i].Output) {
			if c.Name != systemd.Depmod { // there is not one module
				warnings = append(warnings, w.Pass+": "+w.Subject)
			}
		}
		if err := systemd.Failure(c.Name, results[i].ExitCode, results[i].Output); err != nil {
			failures = append(failures, err.Error())
		}
	}
	return changes, warnings, failures
}

func TestPasses(t *testing.T) {
	root := testTree(t)
	changes, warnings, failures := runPasses(t, root)
	for _, c := range []struct {
		what string
		got  []string
		want string
	}{{"changes", changes, wantChanges}, {"warnings", warnings, wantWarnings}, {"failures", failures, ""}} {
		if got := strings.Join(c.got, "\n"); got != strings.TrimSpace(c.want) {
			t.Errorf("%s: got:\n%s\n\nwant:\n%s", c.what, got, strings.TrimSpace(c.want))
		}
	}
	for p, want := range map[string]string{
		"/etc/passwd": "root:x:0:0::/root:/bin/sh\nsvc:x:999:999:A service:/var/lib/svc:/usr/sbin/nologin\n",
		"/etc/group":  "tty:x:5:svc\nroot:x:0:\nsvc:x:999:\n",
		"/etc/shadow": "root:!*:19675::::::\nsvc:!*:19675::::::\n", // days of the epoch
	} {
		got, err := tree.ReadAll(root.Lookup(p).Content)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q (%v), want %q", p, got, err, want)
		}
	}
}

// Of depmod's files only the one that every version writes is compared.
const wantChanges = `
/etc/ld.so.cache: file 0644 0:0 | ldconfig
/usr/lib/modules/6.1.0-test/modules.dep: file 0644 empty | depmod
/etc/group: file 0644 0:0 | systemd-sysusers
/etc/gshadow: file 0000 0:0 | systemd-sysusers
/etc/passwd: file 0644 0:0 | systemd-sysusers
/etc/shadow: file 0000 0:0 | systemd-sysusers
/efi: dir 0755 | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/etc/hosts: file 0644 0:0 | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/etc/link: symlink target | systemd-tmpfiles (usr/lib/tmpfiles.d/test.conf:2)
/etc/locale.conf: file 0644 0:0 | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/etc/machine-id: file 0444 empty | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/etc/nsswitch.conf: file 0644 0:0 | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/etc/os-release: symlink ../usr/lib/os-release | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/etc/tree: dir 0755 | systemd-tmpfiles (usr/lib/tmpfiles.d/test.conf:8)
/etc/tree/a: dir 0755 | systemd-tmpfiles (usr/lib/tmpfiles.d/test.conf:8)
/etc/tree/a/file: file 0644 0:0 | systemd-tmpfiles (usr/lib/tmpfiles.d/test.conf:8)
/etc/vconsole.conf: file 0644 empty | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/home: symlink var/home | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/mnt: dir 0755 | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/root: symlink var/roothome | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/usr/lib/os-release: file 0640 999:0 | systemd-tmpfiles (usr/lib/tmpfiles.d/test.conf:7)
/var/home: dir 0755 | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/var/lib: dir 0755 | systemd-tmpfiles (usr/lib/tmpfiles.d/test.conf:1)
/var/lib/svc: dir 0750 999:5 | systemd-tmpfiles (usr/lib/tmpfiles.d/test.conf:1)
/var/lock: symlink ../run/lock | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/var/roothome: dir 0700 | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/var/run: symlink ../run | systemd-tmpfiles (usr/lib/tmpfiles.d/00-bocaditos-systemd.conf:N)
/etc/systemd: dir 0755 | systemctl preset-all
/etc/systemd/system: dir 0755 | systemctl preset-all
/etc/systemd/system/chosen.service.requires: dir 0755 | systemctl preset-all
/etc/systemd/system/chosen.service.requires/also.service: symlink UNITS/also.service | systemctl preset-all
/etc/systemd/system/local-fs.target.wants: dir 0755 | systemctl preset-all
/etc/systemd/system/local-fs.target.wants/bocaditos-credentials.service: symlink UNITS/bocaditos-credentials.service | systemctl preset-all (usr/lib/systemd/system-preset/80-bocaditos.preset:N)
/etc/systemd/system/multi-user.target.wants: dir 0755 | systemctl preset-all
/etc/systemd/system/multi-user.target.wants/chosen.service: symlink UNITS/chosen.service | systemctl preset-all (usr/lib/systemd/system-preset/00-recipe.preset:2)
/etc/systemd/system/multi-user.target.wants/many@three.service: symlink UNITS/many@.service | systemctl preset-all (usr/lib/systemd/system-preset/00-recipe.preset:3)
/etc/systemd/system/multi-user.target.wants/many@two.service: symlink UNITS/many@.service | systemctl preset-all (usr/lib/systemd/system-preset/00-recipe.preset:3)
/etc/systemd/system/multi-user.target.wants/wanted.service: symlink UNITS/wanted.service | systemctl preset-all (usr/lib/systemd/system-preset/90-test.preset:2)
/etc/systemd/system/other-name.service: symlink UNITS/wanted.service | systemctl preset-all (usr/lib/systemd/system-preset/90-test.preset:2)
/etc/systemd/user: dir 0755 | systemctl --global preset-all
/etc/systemd/user/default.target.wants: dir 0755 | systemctl --global preset-all
/etc/systemd/user/default.target.wants/u.service: symlink /usr/lib/systemd/user/u.service | systemctl --global preset-all (usr/lib/systemd/user-preset/90-test.preset:1)
/etc/systemd/system/also.service: symlink /dev/null | systemctl mask
`

// Their words differ between versions of systemd; see TestWarnings.
const wantWarnings = `
systemd-sysusers: /usr/lib/sysusers.d/test.conf:6
systemd-tmpfiles: /usr/lib/tmpfiles.d/test.conf:4
`

func TestDeterminism(t *testing.T) {
	base := testTree(t)
	want := base.Clone()
	runPasses(t, want)
	defer syscall.Umask(syscall.Umask(0o077))
	t.Setenv("TZ", "Asia/Kathmandu")
	t.Setenv("LC_ALL", "tr_TR.UTF-8")
	t.Setenv("SYSTEMD_LOG_LEVEL", "debug")
	runPasses(t, base)
	a, err1 := want.Text()
	b, err2 := base.Text()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Errorf("two runs differ:\n%s\n%s", a, b)
	}
}

// A unit that cannot be enabled fails the pass, with the reason.
func TestFailure(t *testing.T) {
	root := testTree(t)
	root.Put(units+"wanted.service", tree.NewFile(0o644, tree.String("[Service]\nExecStart=/bin/true\n[Install]\nAlias=nonsense\n"), tree.Origin{}))
	_, warnings, failures := runPasses(t, root)
	if len(failures) != 1 || !strings.Contains(failures[0], "wanted.service") || !slices.Contains(warnings, "systemctl preset-all: wanted.service") {
		t.Errorf("failures %q, warnings %q", failures, warnings)
	}
}

// The hardware database is made where udev is: tool and sources.
func TestHardwareDatabase(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  bool
	}{
		{[]string{"/usr/bin/systemd-hwdb", "/usr/lib/udev/hwdb.d/20-usb.hwdb"}, true},
		{[]string{"/usr/bin/systemd-hwdb"}, false},
		{[]string{"/usr/lib/udev/hwdb.d/20-usb.hwdb"}, false},
	} {
		root := tree.New()
		for _, p := range append(c.files, "/usr/bin/systemd-sysusers", "/usr/bin/systemd-tmpfiles", "/usr/bin/systemctl") {
			root.Put(p, tree.NewFile(0o755, tree.String(""), tree.Origin{}))
		}
		passes, err := systemd.Passes(root, systemd.Options{Prefix: "/usr"})
		if err != nil {
			t.Fatal(err)
		}
		if got := passes[0].Name == systemd.HWDB; got != c.want {
			t.Errorf("%v: first pass %q", c.files, passes[0].Args)
		}
	}
}

func TestNoSystemd(t *testing.T) {
	_, err := systemd.Passes(sandboxtest.NewRoot(t, "ldconfig"), systemd.Options{Prefix: "/usr"})
	if err == nil || err.Error() != "the image has no systemd-sysusers below /usr: it needs the package systemd" {
		t.Errorf("got %v", err)
	}
}

func TestVendorFiles(t *testing.T) {
	root := tree.New()
	own := tree.NewFile(0o600, tree.String("own"), tree.Origin{Package: "p"})
	root.Put("/nix/store/x/share/factory/etc/hosts", own)
	root.Put("/tmp", tree.NewSymlink("var/tmp", tree.Origin{}))
	if err := systemd.AddVendorFiles(root, "/nix/store/x/", []string{"chrony"}); err != nil {
		t.Fatal(err)
	}
	if root.Lookup("/nix/store/x/share/factory/etc/hosts") != own || root.Lookup("/tmp").Type != tree.Symlink {
		t.Error("replaced what was there")
	}
	conf, err := tree.ReadAll(root.Lookup("/nix/store/x/lib/tmpfiles.d/00-bocaditos-systemd.conf").Content)
	if err != nil || !strings.Contains(string(conf), " /nix/store/x/share/factory/etc/nsswitch.conf\n") || strings.Contains(string(conf), "@") {
		t.Errorf("prefix not filled in (%v):\n%s", err, conf)
	}
	if !strings.Contains(string(conf), "\nL  /etc/os-release     -    -    -    - ../nix/store/x/lib/os-release\n") {
		t.Error("/etc/os-release is not below the prefix")
	}
	for _, dir := range []string{"/dev", "/proc", "/run", "/sys", "/var"} {
		if n := root.Lookup(dir); n == nil || n.Type != tree.Dir || n.Origin() != (tree.Origin{Pass: "vendor"}) {
			t.Errorf("%s: %v", dir, n)
		}
	}
}

func TestEnabled(t *testing.T) {
	root := tree.New()
	for p, text := range map[string]string{
		units + "default.target":                    "[Unit]\nWants=a.service \\\n# comment\n  missing.service\nRequires=masked.service\n",
		units + "a.service":                         "[Unit]\nBindsTo=inst@x-y.service\n[Service]\nExecStart=/bin/true # Wants=no.service\n",
		units + "inst@.service":                     "[Unit]\nWants=for-%i.service %p-helper.service\n",
		units + "for-x-y.service":                   "",
		units + "inst-helper.service":               "[Unit]\n",
		units + "unused.service":                    "[Unit]\n",
		units + "real.service":                      "[Unit]\nOnFailure=rescue.service\n",
		units + "rescue.service":                    "[Unit]\n",
		units + "real.service.d/x.conf":             "[Unit]\nWants=hidden.service\n",
		units + "dropped.service":                   "[Unit]\n",
		units + "hidden.service":                    "[Unit]\n",
		"/etc/systemd/system/real.service.d/x.conf": "[Unit]\nWants=dropped.service\n",
		units + "inst@.service.d/y.conf":            "[Unit]\n",
		units + "service.d/all.conf":                "[Unit]\n",
		units + "s.socket":                          "[Socket]\nAccept=yes\n",
		units + "s@.service":                        "[Unit]\n",
		units + "t.timer":                           "[Timer]\nUnit=timed.service\n",
		units + "timed.service":                     "[Unit]\n",
		units + "m.automount":                       "[Automount]\nWhere=/m\n",
		units + "m.mount":                           "[Mount]\n",
		"/etc/systemd/system/overridden.service":    "[Unit]\n",
		units + "overridden.service":                "[Unit]\nWants=unused.service\n",
	} {
		root.Put(p, tree.NewFile(0o644, tree.String(text), tree.Origin{}))
	}
	for p, target := range map[string]string{
		units + "masked.service":                                 "/dev/null",
		"/etc/systemd/system/alias.service":                      units + "real.service",
		"/etc/systemd/system/default.target.wants/alias.service": units + "real.service",
		units + "default.target.wants/s.socket":                  "../s.socket",
		units + "default.target.requires/t.timer":                "../t.timer",
		units + "default.target.wants/m.automount":               "../m.automount",
		units + "real.service.wants/overridden.service":          "../overridden.service",
	} {
		root.Put(p, tree.NewSymlink(target, tree.Origin{}))
	}
	etc := "/etc/systemd/system/"
	want := []string{
		etc + "overridden.service", etc + "real.service.d/x.conf",
		units + "a.service", units + "default.target", units + "dropped.service", units + "inst-helper.service", units + "inst@.service",
		units + "inst@.service.d/y.conf", units + "m.automount", units + "m.mount", units + "real.service", units + "rescue.service",
		units + "s.socket", units + "s@.service", units + "service.d/all.conf", units + "t.timer", units + "timed.service",
	}
	if got := systemd.Enabled(root, "/usr", "default.target"); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var names []string
	for _, u := range systemd.EnabledUnits(root, "/usr", "default.target") {
		names = append(names, u.Name)
		if !slices.Contains(want, u.File) {
			t.Errorf("%s is in %s, which is not enabled", u.Name, u.File)
		}
	}
	wantNames := []string{
		"a.service", "default.target", "dropped.service", "inst-helper.service", "inst@x-y.service", "m.automount", "m.mount",
		"overridden.service", "real.service", "rescue.service", "s.socket", "s@.service", "t.timer", "timed.service",
	}
	if !slices.Equal(names, wantNames) {
		t.Errorf("units: got:\n%s\nwant:\n%s", strings.Join(names, "\n"), strings.Join(wantNames, "\n"))
	}
}

// Settings come in the order in which systemd reads them: by the drop-ins' names,
// and of equal names only the most specific one.
func TestEnabledSettings(t *testing.T) {
	etc := "/etc/systemd/system/"
	root := tree.New()
	for p, text := range map[string]string{
		units + "default.target":               "[Unit]\nWants=a-b-c@i.service never.service\n",
		units + "never.service":                "[Unit]\nConditionFirstBoot=yes\n",
		units + "a-b-c@.service":               "[Unit]\nX=file\n; X=comment\n",
		units + "service.d/50.conf":            "[Unit]\nX=hidden\n",
		units + "service.d/10.conf":            "[Unit]\nX=first\n",
		units + "a-@.service.d/50.conf":        "[Unit]\nX=hidden\n",
		units + "a-@.service.d/60.conf":        "[Unit]\nX=sixty\n",
		units + "a-b-@.service.d/50.conf":      "[Unit]\nX=hidden\n",
		etc + "a-@.service.d/50.conf":          "[Unit]\nX=fifty\n",
		units + "a-b-c@i.service.d/90.conf":    "[Unit]\nX=\\\n  last\nX=\n",
		units + "a-b-c@other.service.d/1.conf": "[Unit]\nX=other\n",
	} {
		root.Put(p, tree.NewFile(0o644, tree.String(text), tree.Origin{}))
	}
	want := []systemd.Setting{{"X", "file"}, {"X", "first"}, {"X", "fifty"}, {"X", "sixty"}, {"X", "last"}, {"X", ""}}
	settings := systemd.EnabledSettings(root, "/usr", "default.target")
	if got := settings["a-b-c@i.service"]; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, ok := settings["never.service"]; ok || len(settings) != 2 {
		t.Errorf("units: %v", settings)
	}
}

// An instance that is asked for by an alias of its template has the template's name.
func TestEnabledAliasOfTemplate(t *testing.T) {
	root := tree.New()
	root.Put(units+"default.target", tree.NewFile(0o644, tree.String("[Unit]\nWants=autovt@tty1.service single@x.service\n"), tree.Origin{}))
	root.Put(units+"getty@.service", tree.NewFile(0o644, tree.String("[Unit]\n"), tree.Origin{}))
	root.Put(units+"only.service", tree.NewFile(0o644, tree.String("[Unit]\n"), tree.Origin{}))
	root.Put("/etc/systemd/system/autovt@.service", tree.NewSymlink(units+"getty@.service", tree.Origin{}))
	root.Put("/etc/systemd/system/single@.service", tree.NewSymlink(units+"only.service", tree.Origin{}))
	want := []systemd.Unit{{"default.target", units + "default.target"}, {"getty@tty1.service", units + "getty@.service"}, {"only.service", units + "only.service"}}
	if got := systemd.EnabledUnits(root, "/usr", "default.target"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The real systemd-analyze looks at units that are fine, odd and broken.
func TestAnalyses(t *testing.T) {
	root := sandboxtest.NewRoot(t, "systemd-analyze", "true")
	for p, text := range map[string]string{
		units + "default.target":           "[Unit]\nWants=fine.service odd@1.service noexec.service badline.service dropped.service\n",
		units + "sysinit.target":           "[Unit]\n",
		units + "basic.target":             "[Unit]\n",
		units + "shutdown.target":          "[Unit]\n",
		units + "fine.service":             "[Service]\nExecStart=/bin/true\nDynamicUser=yes\nProtectSystem=strict\nPIDFile=/var/run/x\n",
		units + "odd@.service":             "[Service]\nExecStart=/bin/true\nColour=blue\n",
		units + "noexec.service":           "[Service]\nType=simple\nColour=red\n",
		units + "badline.service":          "[Service]\nExecStart=bin/true\n",
		units + "dropped.service":          "[Service]\nExecStart=/bin/true\n",
		units + "dropped.service.d/x.conf": "[Service]\nExecStart=\nExecStart=./relative\n",
	} {
		root.Put(p, tree.NewFile(0o644, tree.String(text), tree.Origin{}))
	}
	enabled := systemd.EnabledUnits(root, "/usr", "default.target")
	commands := systemd.Analyses(root, "/usr", enabled)
	results, err := sandbox.Run(t.Context(), root, commands, sandbox.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var refused, warned, ratings []string
	for i, c := range commands {
		changes, err := sandbox.Apply(root, results[i].Changes, func(string, *tree.Node) tree.Origin { return tree.Origin{} })
		if err != nil || len(changes) != 0 {
			t.Errorf("%s changed %v (%v)", c.Name, changes, err)
		}
		if c.Name == systemd.Security {
			for _, r := range analyze.Ratings(results[i].Output) {
				ratings = append(ratings, r.Service)
				if r.Exposure <= 0 || r.Exposure > 10 || r.Word == "" {
					t.Errorf("%+v", r)
				}
			}
			continue
		}
		if err := systemd.Failure(c.Name, results[i].ExitCode, results[i].Output); err != nil {
			t.Error(err)
		}
		refusals, others := systemd.Refusals(results[i].Output)
		for _, w := range refusals {
			refused = append(refused, w.Subject)
		}
		for _, w := range others {
			warned = append(warned, w.Subject)
		}
	}
	for _, c := range []struct {
		what string
		got  []string
		want string
	}{
		{"refused", refused, "/lib/systemd/system/badline.service:2 /lib/systemd/system/dropped.service.d/x.conf:3 " +
			"/lib/systemd/system/noexec.service:3 badline.service dropped.service noexec.service"},
		{"warned", warned, "/lib/systemd/system/odd@.service:3"},
		{"rated", ratings, "fine.service odd@1.service"}, // not those that are refused,
	} {
		for i, subject := range c.got { // where a version looks first
			c.got[i] = strings.TrimPrefix(subject, "/usr")
		}
		slices.Sort(c.got)
		if got := strings.Join(slices.Compact(c.got), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
	if got := systemd.Analyses(sandboxtest.NewRoot(t), "/usr", enabled); got != nil {
		t.Errorf("without systemd-analyze: %v", got)
	}
}

// Whoever reads the files of an image sees why the line is there.
func TestVendorFilesSayWhy(t *testing.T) {
	files := map[string]fs.FS{"sysusers": sysusers.Files, "tmpfiles": tmpfiles.Files(), "unit": unit.Files, "preset": preset.Files}
	for name, files := range files {
		n := 0
		err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n++
			content, err := fs.ReadFile(files, p)
			if !strings.HasPrefix(string(content), "# ") || !strings.HasSuffix(string(content), "\n") {
				t.Errorf("%s: %s does not start with a comment, or does not end with a line", name, p)
			}
			return err
		})
		if err != nil || n == 0 {
			t.Errorf("%s: %d files, %v", name, n, err)
		}
	}
}
