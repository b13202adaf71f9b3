package prefix

import (
	"path"

	"github.com/bocaditos/bocaditos/tree"
)

// A place is a directory of packages whose entries somebody reads, and where
// below the system's prefix.
type place struct {
	from, to    string
	pattern     string // of the entries, for path.Match; empty for all
	directories bool   // only those entries that are directories
	programs    bool   // executables, which become symbolic links
	reader      *reader
}

func (p place) match() string {
	if p.pattern == "" {
		return "*"
	}
	return p.pattern
}

// A reader is a program without which nobody reads a place.
type reader struct {
	anyOf   []string // below the system's prefix, in bin or elsewhere
	lacking string   // what to say where it is not in the image
}

func (r *reader) in(t *tree.Tree, system string) bool {
	for _, p := range r.anyOf {
		if _, _, err := t.Resolve(path.Join(system, p)); err == nil {
			return true
		}
	}
	return false
}

var (
	bus     = &reader{[]string{"bin/dbus-broker-launch", "bin/dbus-daemon"}, "the image has no message bus that would read it"}
	polkit  = &reader{[]string{"share/polkit-1/polkitd", "bin/pkexec", "bin/pkcheck"}, "the image has no polkit that would read it"}
	udev    = &reader{[]string{"lib/systemd/systemd-udevd"}, "the image's systemd has no udev that would read it"}
	network = &reader{[]string{"lib/systemd/systemd-networkd", "lib/systemd/systemd-udevd"}, "the image's systemd has no networkd that would read it"}
	cron    = &reader{[]string{"bin/cron", "bin/crond", "bin/fcron"}, "the image has no cron that would run it"}
	logs    = &reader{[]string{"bin/logrotate"}, "the image has no logrotate that would read it"}
	sysv    = &reader{nil, "systemd does not run such scripts from a package's prefix"}
	nobody  = &reader{nil, "nothing reads it there"}
)

// places are what packages have for others. nixpkgs' packages keep it in lib, in
// share or in etc, whatever their own build systems chose.
var places = func() (all []place) {
	add := func(to string, r *reader, from ...string) {
		for _, f := range from {
			all = append(all, place{from: f, to: to, reader: r})
		}
	}
	all = []place{{from: "bin", to: "bin", programs: true}, {from: "sbin", to: "bin", programs: true}}

	// systemd.unit(5), systemd.preset(5), systemd.generator(7) and the like.
	for _, dir := range []string{
		"system", "user", "system-preset", "user-preset", "initrd-preset", "catalog",
		"system-generators", "user-generators", "system-environment-generators", "user-environment-generators",
		"system-shutdown", "system-sleep", "ntp-units.d",
	} {
		add("lib/systemd/"+dir, nil, "lib/systemd/"+dir, "etc/systemd/"+dir)
	}
	add("lib/systemd/user", nil, "share/systemd/user")
	add("lib/systemd/network", network, "lib/systemd/network", "etc/systemd/network")
	for _, base := range []string{"lib/systemd", "etc/systemd"} { // journald.conf.d, resolved.conf.d…
		all = append(all, place{from: base, to: "lib/systemd", pattern: "*.conf.d", directories: true})
	}
	for _, dir := range []string{"sysusers.d", "tmpfiles.d", "sysctl.d", "modules-load.d", "binfmt.d", "environment.d", "repart.d"} {
		add("lib/"+dir, nil, "lib/"+dir, "etc/"+dir)
	}
	add("share/user-tmpfiles.d", nil, "share/user-tmpfiles.d")
	add("share/factory", nil, "share/factory")

	// Rules, the hardware database, and the helpers that rules name without a path.
	add("lib/udev", udev, "lib/udev", "etc/udev")

	// Those that look in /etc alone find it there by Etc.
	add("lib/modprobe.d", nil, "lib/modprobe.d", "etc/modprobe.d")
	add("lib/depmod.d", nil, "lib/depmod.d", "etc/depmod.d")
	add("lib/pam.d", nil, "lib/pam.d", "share/pam.d", "etc/pam.d")

	for _, dir := range []string{"system.d", "session.d", "system-services", "services"} {
		add("share/dbus-1/"+dir, bus, "share/dbus-1/"+dir, "etc/dbus-1/"+dir)
	}
	for _, name := range []string{"system.conf", "session.conf"} {
		all = append(all, place{from: "share/dbus-1", to: "share/dbus-1", pattern: name, reader: bus})
	}
	add("share/polkit-1", polkit, "share/polkit-1", "etc/polkit-1")

	// Data that systemd and the C library look up by name.
	add("share/zoneinfo", nil, "share/zoneinfo")
	add("share/i18n", nil, "share/i18n")
	add("share/keymaps", nil, "share/keymaps")
	add("share/consolefonts", nil, "share/consolefonts")

	// PAM's modules; package pam writes the paths into the services.
	all = append(all, place{from: "lib/security", to: "lib/security", pattern: "pam_*.so"})

	// NSS modules: the C library finds them by the linker's cache, see NSSDir.
	all = append(all, place{from: "lib", to: NSSDir, pattern: "libnss_*.so.?"})

	for _, dir := range []string{"cron.d", "cron.hourly", "cron.daily", "cron.weekly", "cron.monthly"} {
		add("etc/"+dir, cron, "etc/"+dir)
	}
	add("etc/logrotate.d", logs, "etc/logrotate.d")
	add("etc/init.d", sysv, "etc/init.d")
	add("etc/profile.d", nobody, "etc/profile.d")
	return all
}()

// NSSDir is where NSS modules are, below the system's prefix.
const NSSDir = "lib/nss"
