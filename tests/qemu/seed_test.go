package qemu

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// seedQuestion asks what seed needs to know. Services that are meant to fail
// leave messages: the journal is asked for before.
const seedQuestion = `
echo "link: $(readlink /etc/os-release)"
echo "passwd: $(getent passwd root)"
echo "no user: $(getent passwd nosuch || echo "exit $?")"
echo "hosts: $(getent hosts 127.0.0.1)"
echo "databases: $(getent group root) $(getent services ssh/tcp || echo "exit $?")"
echo "hwdb: $(systemd-hwdb query 'usb:v1D6Bp0002*' | head -n 1)"
run() { systemd-run --quiet --collect --wait --pipe "$@" 2>&1; }
echo "strict: $(run -p DynamicUser=yes -p ProtectSystem=strict -p StateDirectory=seed \
    sh -c 'echo $(id -u) $(echo kept > /var/lib/seed/x && cat /var/lib/seed/x) $(touch /usr/x /var/x 2>&1)')"
echo "full: $(run -p ProtectSystem=full sh -c 'echo $(touch /var/x && echo /var) $(touch /usr/x /efi/x 2>&1)')"
mkdir -p /run/nousr
mount -t tmpfs none /run/nousr
mkdir -p /run/nousr/bin /run/nousr/lib/x86_64-linux-gnu /run/nousr/lib64 /run/nousr/dev /run/nousr/proc /run/nousr/sys /run/nousr/run
mount -o remount,ro /run/nousr
nousr() {
    run -p RootDirectory=/run/nousr -p ProtectSystem=$1 \
        -p "BindReadOnlyPaths=/usr/bin:/bin /usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu /usr/lib64:/lib64" \
        /bin/sh -c 'cd /; echo * $(/bin/touch /x 2>&1)' || echo "exit $?"
}
for how in strict full yes; do
    echo "no usr, $how: $(nousr $how)"
done
mount -o remount,rw /run/nousr
mkdir /run/nousr/usr
mount -o remount,ro /run/nousr
echo "empty usr: $(nousr yes)"
echo "end: of the seed"
`

// seed tests the open points at the end of the document that the project
// started from, each by its name there. Two more, "PAM" and "loadkeys", need
// people and a keyboard: see TestLogin. "pkg-config prefix of systemd.pc" is about
// packages with prefixes of their own: see TestPkgConfig in tests/nix.
func seed(t *testing.T, hello built, got string) {
	why := func(t *testing.T, p string) string {
		t.Helper()
		return command(t, hello.dir, tool, "why", "--image", hello.dir, p)
	}
	gone := func(t *testing.T, because string, paths ...string) {
		t.Helper()
		for _, p := range paths {
			out, err := exec.Command(tool, "why", "--image", hello.dir, p).CombinedOutput()
			switch {
			case err == nil && (!strings.HasPrefix(string(out), p+"  left out\n") || !strings.Contains(string(out), because)):
				t.Errorf("%s is in the image, or not for the reason %q:\n%s", p, because, out)
			case err != nil && !strings.Contains(string(out), " is not in "):
				t.Errorf("why %s: %v\n%s", p, err, out)
			}
		}
	}
	for name, test := range map[string]func(t *testing.T){
		"tmpfiles' os-release link": func(t *testing.T) {
			if got := field(got, "link"); got != "../usr/lib/os-release" {
				t.Errorf("/etc/os-release leads to %q", got)
			}
			if out := why(t, "/etc/os-release"); !strings.Contains(out, "recipe (id, version") {
				t.Errorf("it does not lead to the image's os-release:\n%s", out)
			}
		},
		"no credstore": func(t *testing.T) {
			gone(t, "secrets", "/etc/credstore", "/etc/credstore.encrypted", "/usr/lib/credstore", "/usr/lib/tmpfiles.d/credstore.conf")
		},
		"kernel-install and rpm leftovers": func(t *testing.T) {
			gone(t, "installs kernels", "/usr/bin/kernel-install", "/usr/lib/kernel", "/etc/kernel")
			gone(t, "RPM", "/usr/lib/rpm", "/usr/lib/systemd/systemd-update-helper")
			gone(t, "hwdb.bin", "/usr/lib/udev/hwdb.d")
			if got := field(got, "hwdb"); got != "ID_VENDOR_FROM_DATABASE=Linux Foundation" {
				t.Errorf("the hardware database knows %q", got)
			}
		},
		"nsswitch": func(t *testing.T) {
			for name, want := range map[string]string{
				"passwd":    "root:x:0:0::/root:/bin/bash",
				"no user":   "exit 2",
				"hosts":     "127.0.0.1       localhost",
				"databases": "root:x:0: exit 2", // there is no /etc/services
			} {
				if got := field(got, name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		},
		"ProtectSystem on a root whose layout it does not expect": func(t *testing.T) {
			for name, want := range map[string]string{
				"strict": `^6[1-5]\d{3} kept touch: cannot touch '/usr/x': Read-only file system touch: cannot touch '/var/x': Read-only file system$`,
				"full":   `^/var touch: cannot touch '/usr/x': Read-only file system touch: cannot touch '/efi/x': Read-only file system$`,
				// A root without /usr, as one of Nix packages could be: systemd
				// cannot protect what is not there, 226 is EXIT_NAMESPACE. An
				// empty directory is enough (and for "full" /etc, too).
				"no usr, strict": `^bin dev lib lib64 proc run sys touch: cannot touch '/x': Read-only file system$`,
				"no usr, full":   `^exit 226$`,
				"no usr, yes":    `^exit 226$`,
				"empty usr":      `^bin dev lib lib64 proc run sys usr touch: cannot touch '/x': Read-only file system$`,
			} {
				if got := field(got, name); !regexp.MustCompile(want).MatchString(got) {
					t.Errorf("%s: got %q, want %s", name, got, want)
				}
			}
		},
		"login and which package it comes from": func(t *testing.T) {
			if out := why(t, "/usr/bin/login"); !strings.Contains(out, "/usr/bin/login  file 0755 0:0\n    package login\n") {
				t.Errorf("bocaditos why /usr/bin/login:\n%s", out)
			}
		},
	} {
		t.Run(name, test)
	}
}
