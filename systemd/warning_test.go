package systemd_test

import (
	"fmt"
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
