// Package systemd knows which of the image's own tools finish its root
// offline: what to run, what their messages mean, which line of configuration
// is behind a change. It runs nothing itself (see internal/sandbox) and writes
// nothing that those tools would write.
package systemd

import (
	"fmt"
	"path"
	"slices"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/systemd/analyze"
	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
	"github.com/bocaditos/bocaditos/tree"
)

// The names of the passes, as in sandbox.Command and tree.Origin.
const (
	Ldconfig   = "ldconfig"
	Depmod     = "depmod"
	HWDB       = "systemd-hwdb"
	Rehash     = "openssl rehash"
	Localedef  = "localedef"
	Firstboot  = "systemd-firstboot"
	Sysusers   = "systemd-sysusers"
	Tmpfiles   = "systemd-tmpfiles"
	Preset     = "systemctl preset-all"
	PresetUser = "systemctl --global preset-all"
	Mask       = "systemctl mask"
)

// The names of the commands that look at the finished root and change nothing.
const (
	Verify   = "systemd-analyze verify"
	Security = "systemd-analyze security"
)

// Options say what the recipe and the packages' layout decide.
type Options struct {
	Prefix string   // where systemd lives: "/usr", or its directory in /nix/store
	Mask   []string // units that nothing may start

	// LinkerCache is the cache that the dynamic loader reads where it is not
	// the usual one.
	LinkerCache LinkerCache

	// What systemd-firstboot writes; empty for what the packages say.
	Locale, Timezone, Keymap string
	Font                     string // of the virtual consoles, which no tool writes
	// Credentials for systemd-sysusers: passwd.hashed-password.NAME and
	// passwd.shell.NAME, see systemd.system-credentials(7).
	Accounts map[string]string
}

// LinkerCache says which file ldconfig writes, and of the libraries in which
// directory, because the loader does not look there by itself.
type LinkerCache struct{ File, Dir string }

// Passes returns what to run in t, in this order. Users come before
// tmpfiles, which need them; so does what firstboot writes, which tmpfiles
// would link to defaults; masks last, for presets would complain about them.
// The linker's cache, the modules' index, the hardware database, OpenSSL's links
// to certificates and a locale are made where t has the tools; without systemd's
// own tools there is no image.
func Passes(t *tree.Tree, o Options) ([]sandbox.Command, error) {
	var passes []sandbox.Command
	env := environment(o.Prefix)
	add := func(name string, args ...string) {
		passes = append(passes, sandbox.Command{Name: name, Args: args, Env: env})
	}
	if tool, cache := find(t, o.Prefix, "ldconfig"), o.LinkerCache; tool != "" && cache.File != "" {
		add(Ldconfig, tool, "-X", "-C", cache.File, "-f", "/dev/null", cache.Dir)
	} else if tool != "" {
		add(Ldconfig, tool)
	}
	if tool := find(t, o.Prefix, "depmod"); tool != "" {
		for _, version := range kernels(t) {
			add(Depmod, tool, "-a", version)
		}
	}
	if tool := find(t, o.Prefix, "systemd-hwdb"); tool != "" && len(children(t, path.Join(o.Prefix, hwdbSources))) > 0 {
		add(HWDB, tool, "update", "--usr")
	}
	if tool := find(t, o.Prefix, "openssl"); tool != "" && hasCertificates(t) {
		add(Rehash, tool, "rehash", certificates)
	}
	if args := localedef(t, o.Locale); args != nil {
		add(Localedef, append([]string{find(t, o.Prefix, "localedef")}, args...)...)
	}
	needed := []string{"systemd-sysusers", "systemd-tmpfiles", "systemctl"}
	settings := firstboot(o)
	if settings != nil {
		needed = append(needed, "systemd-firstboot")
	}
	tools := map[string]string{}
	for _, name := range needed {
		if tools[name] = find(t, o.Prefix, name); tools[name] == "" {
			return nil, fmt.Errorf("the image has no %s below %s: it needs the package systemd", name, o.Prefix)
		}
	}
	if settings != nil {
		add(Firstboot, append([]string{tools["systemd-firstboot"]}, settings...)...)
	}
	add(Sysusers, tools["systemd-sysusers"])
	passes[len(passes)-1].Credentials = o.Accounts
	add(Tmpfiles, append([]string{tools["systemd-tmpfiles"]}, tmpfiles.Args()...)...)
	add(Preset, tools["systemctl"], "preset-all")
	add(PresetUser, tools["systemctl"], "--global", "preset-all")
	if len(o.Mask) > 0 {
		add(Mask, append([]string{tools["systemctl"], "mask"}, o.Mask...)...)
	}
	return passes, nil
}

// hwdbSources is where packages have the text of the hardware database (hwdb(7)),
// below the prefix. udev reads what systemd-hwdb makes of it.
const hwdbSources = "lib/udev/hwdb.d"

// Analyses returns what to run in t to check the units and rate the services
// among them; nothing if the image has no systemd-analyze.
func Analyses(t *tree.Tree, prefix string, units []Unit) (commands []sandbox.Command) {
	tool := find(t, prefix, "systemd-analyze")
	if tool == "" || len(units) == 0 {
		return nil
	}
	add := func(name string, args []string) {
		commands = append(commands, sandbox.Command{Name: name, Args: append([]string{tool}, args...), Env: environment(prefix)})
	}
	var names, services []string
	for _, u := range units {
		names = append(names, u.Name)
		if path.Ext(u.Name) == ".service" {
			services = append(services, u.Name)
		}
	}
	add(Verify, analyze.VerifyArgs(names))
	for some := range slices.Chunk(services, analyze.SecurityLimit) {
		add(Security, analyze.SecurityArgs(some))
	}
	return commands
}

// environment makes systemd's tools write plain messages to stderr, and find
// what they run where it is.
func environment(prefix string) []string {
	env := []string{"SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_LEVEL=info", "SYSTEMD_LOG_COLOR=0", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER="}
	if prefix != "/usr" {
		env = append(env, "PATH="+path.Join(prefix, "bin"))
	}
	return env
}

// find returns the path of a tool below the prefix, or nothing.
func find(t *tree.Tree, prefix, name string) string {
	for _, dir := range []string{"bin", "sbin", "lib/systemd"} {
		p := path.Join(prefix, dir, name)
		if _, n, err := t.Resolve(p); err == nil && n.Type == tree.File {
			return p
		}
	}
	return ""
}

// kernels are the versions that have modules where depmod looks for them.
func kernels(t *tree.Tree) (versions []string) {
	_, dir, err := t.Resolve("/lib/modules")
	if err != nil {
		return nil
	}
	for _, name := range dir.Children() {
		if dir.Child(name).Type == tree.Dir {
			versions = append(versions, name)
		}
	}
	return versions
}

// certificates is where OpenSSL and GnuTLS look for authorities on Debian.
const certificates = "/etc/ssl/certs"

// hasCertificates says whether there is something to link to.
func hasCertificates(t *tree.Tree) bool {
	_, dir, err := t.Resolve(certificates)
	return err == nil && slices.ContainsFunc(dir.Children(), func(name string) bool { return path.Ext(name) == ".pem" })
}
