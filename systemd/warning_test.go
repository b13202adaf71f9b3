package systemd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/systemd"
)

// The lines were written by the tools of systemd 252 and 257, kmod 30 and 34.
func TestWarnings(t *testing.T) {
	for _, c := range []struct{ pass, line, want string }{
		{systemd.Sysusers, "Creating group 'adm' with GID 4.", ""},
		{systemd.Sysusers, "Creating user 'root' (n/a) with UID 0 and GID 0.", ""},
		{systemd.Sysusers, "/usr/lib/sysusers.d/test.conf:6: Unknown command type 'x'.",
			"systemd-sysusers|/usr/lib/sysusers.d/test.conf:6|Unknown command type 'x'."},
		{systemd.Tmpfiles, "/usr/lib/tmpfiles.d/test.conf:4: Failed to resolve user 'nosuchuser': No such process",
			"systemd-tmpfiles|/usr/lib/tmpfiles.d/test.conf:4|Failed to resolve user 'nosuchuser': No such process"},
		{systemd.Tmpfiles, "/usr/lib/tmpfiles.d/test.conf:3: Failed to replace specifiers in '/var/lib/%m': No such file or directory", ""},
		{systemd.Tmpfiles, "/usr/lib/tmpfiles.d/test.conf:3: Failed to replace specifiers in '/var/lib/%q': Invalid argument",
			"systemd-tmpfiles|/usr/lib/tmpfiles.d/test.conf:3|Failed to replace specifiers in '/var/lib/%q': Invalid argument"},
		{systemd.Tmpfiles, `/usr/lib/tmpfiles.d/legacy.conf:2: Line references path below legacy directory /var/run/, updating /var/run/y → /run/y; please update the tmpfiles.d/ drop-in file accordingly.`, ""},
		{systemd.Tmpfiles, `/usr/lib/tmpfiles.d/var.conf:12: Duplicate line for path "/var/run", ignoring.`, ""},
		{systemd.Tmpfiles, `/nix/store/x/lib/tmpfiles.d/00-bocaditos-util-linux.conf:2: Duplicate line for path "/nix/store/x/bin/pager", ignoring.`, ""},
		{systemd.Tmpfiles, `/usr/lib/tmpfiles.d/b.conf:1: Duplicate line for path "/srv/x", ignoring.`,
			`systemd-tmpfiles|/usr/lib/tmpfiles.d/b.conf:1|Duplicate line for path "/srv/x", ignoring.`},
		{systemd.Preset, "Created symlink /etc/systemd/system/a.service → /lib/systemd/system/b.service.", ""},
		{systemd.Preset, "Removed '/etc/systemd/system/a.service'.", ""},
		{systemd.Preset, "Failed to preset unit: Unit /usr/lib/systemd/system/hwclock.service is masked", ""},
		{systemd.Preset, "Unit file /etc/systemd/system/a.service is masked, ignoring.", ""},
		{systemd.Preset, "Unit /usr/lib/systemd/system/hwclock.service is masked, ignoring.", ""},
		{systemd.Preset, "Failed to preset unit, cannot alias broken.service as nonsense.",
			"systemctl preset-all|broken.service|Failed to preset unit, cannot alias broken.service as nonsense."},
		{systemd.PresetUser, "Unit /usr/lib/systemd/user/u.service is added as a dependency to a non-existent unit default.target.",
			"systemctl --global preset-all|u.service|Unit /usr/lib/systemd/user/u.service is added as a dependency to a non-existent unit default.target."},
		{systemd.Mask, "Created symlink '/etc/systemd/system/a.service' → '/dev/null'.", ""},
		{systemd.Depmod, "depmod: WARNING: could not open modules.order at /lib/modules/6.1.0-test: No such file or directory",
			"depmod||could not open modules.order at /lib/modules/6.1.0-test: No such file or directory"},
		{systemd.Depmod, "depmod: ERROR: failed to load symbols from /lib/modules/6.12/kernel/arch/x86/events/amd/power.ko.xz: Invalid argument",
			"depmod|power.ko.xz|failed to load symbols from /lib/modules/6.12/kernel/arch/x86/events/amd/power.ko.xz: Invalid argument"},
		{systemd.Rehash, "rehash: warning: skipping ca-certificates.crt, it does not contain exactly one certificate or CRL", ""},
		{systemd.Rehash, "rehash: warning: skipping duplicate certificate in b.pem", ""},
		{systemd.Rehash, "rehash: warning: skipping x.pem, it does not contain exactly one certificate or CRL",
			"openssl rehash|x.pem|it does not contain exactly one certificate or CRL"},
		{systemd.Rehash, "rehash: error: skipping x.pem, cannot open file", "openssl rehash||rehash: error: skipping x.pem, cannot open file"},
		{systemd.Verify, "/etc/systemd/system/a.service:6: Unknown key 'ExecStrat' in section [Service], ignoring.",
			"systemd-analyze verify|/etc/systemd/system/a.service:6|Unknown key 'ExecStrat' in section [Service], ignoring."},
		{systemd.Verify, "a.service: Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing.",
			"systemd-analyze verify|a.service|Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing."},
		{systemd.Verify, "a.service: Failed to create a.service/start: Unit b.service not found.",
			"systemd-analyze verify|a.service|Failed to create a.service/start: Unit b.service not found."},
		{systemd.Verify, "Accepting user/group name 'a b', which does not match strict user/group name rules.",
			"systemd-analyze verify||Accepting user/group name 'a b', which does not match strict user/group name rules."},
		{systemd.Verify, "/usr/lib/systemd/system/a.service:4: PIDFile= references a path below legacy directory /var/run/, updating /var/run/x.pid → /run/x.pid; please update the unit file accordingly.", ""},
		{systemd.Verify, "/usr/lib/systemd/system/a.service:2: Standard output type syslog is obsolete, automatically updating to journal. Please update your unit file, and consider removing the setting altogether.", ""},
		{systemd.Verify, "/usr/lib/systemd/system/a.service:7: Unit uses MemoryLimit=; please use MemoryMax= instead. Support for MemoryLimit= will be removed soon.", ""},
		{systemd.Verify, "/usr/lib/systemd/system/a.service:3: Unit uses KillMode=none. This is unsafe, as it disables systemd's process lifecycle management for the service.",
			"systemd-analyze verify|/usr/lib/systemd/system/a.service:3|Unit uses KillMode=none. This is unsafe, as it disables systemd's process lifecycle management for the service."},
		{systemd.Verify, "Unit a.service has a bad unit file setting.", ""}, // an error: TestAnalyses
		{systemd.Verify, "a.target: Cannot add dependency job, ignoring: Unit a.service has a bad unit file setting.", ""},
		{systemd.Ldconfig, "/sbin/ldconfig: Can't stat /usr/local/lib: No such file or directory", ""},
		{systemd.Ldconfig, "/sbin/ldconfig: /usr/lib/libx.so.1 is not a symbolic link", "ldconfig||/sbin/ldconfig: /usr/lib/libx.so.1 is not a symbolic link"},
	} {
		got := ""
		for _, w := range systemd.Warnings(c.pass, []byte("\n"+c.line+"\n"+c.line+"\n")) {
			got += fmt.Sprintf("%s|%s|%s", w.Pass, w.Subject, w.Text)
		}
		if got != c.want {
			t.Errorf("%s: %s: got %q, want %q", c.pass, c.line, got, c.want)
		}
	}
}

func TestDepmodWithoutLibrary(t *testing.T) {
	// As it comes: exit code 0, and no line ends.
	out := "depmod: ERROR: xz: can't load and resolve symbols (No such file or directory)depmod: ERROR: failed to load symbols from /lib/modules/6.12/a.ko.xz: Invalid argument\n"
	if err := systemd.Failure(systemd.Depmod, 0, []byte(out)); err == nil {
		t.Error("no error")
	}
	if got := systemd.Warnings(systemd.Depmod, []byte(out)); len(got) != 2 || got[1].Subject != "a.ko.xz" {
		t.Errorf("warnings %q", got)
	}
	if err := systemd.Failure(systemd.Tmpfiles, 73, nil); err != nil {
		t.Errorf("a line that could not be applied: %v", err)
	}
	if err := systemd.Failure(systemd.Tmpfiles, 1, []byte("Failed to open root\n")); err == nil || err.Error() != "systemd-tmpfiles failed with exit code 1: Failed to open root" {
		t.Errorf("got %v", err)
	}
}

func TestFirstbootNoise(t *testing.T) {
	out := "/etc/locale.conf written.\n/etc/localtime written\nSystem has not been booted with systemd as init system (PID 1). Can't operate.\n" +
		"Failed to connect to system scope bus via local transport: Host is down\nFailed to write /etc/locale.conf: No space left on device\n"
	w := systemd.Warnings(systemd.Firstboot, []byte(out))
	if len(w) != 1 || !strings.Contains(w[0].Text, "No space left") {
		t.Errorf("got %v", w)
	}
}
