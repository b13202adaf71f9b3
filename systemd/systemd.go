// Package systemd knows which of the image's own tools finish its root
// offline: what to run, what their messages mean, which line of configuration
// is behind a change. It runs nothing itself (see internal/sandbox) and writes
// nothing that those tools would write.
package systemd

import (
	"fmt"
	"path"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
	"github.com/bocaditos/bocaditos/tree"
)

// The names of the passes, as in sandbox.Command and tree.Origin.
const (
	Ldconfig   = "ldconfig"
	Depmod     = "depmod"
	Sysusers   = "systemd-sysusers"
	Tmpfiles   = "systemd-tmpfiles"
	Preset     = "systemctl preset-all"
	PresetUser = "systemctl --global preset-all"
	Mask       = "systemctl mask"
)

// Options say what the recipe and the packages' layout decide.
type Options struct {
	Prefix string   // where systemd lives: "/usr", or its directory in /nix/store
	Mask   []string // units that nothing may start
}

// Passes returns what to run in t, in this order. Users come before
// tmpfiles, which need them; masks last, for presets would complain about them.
// The linker's cache and the modules' index are made where t has the tools;
// without systemd's own tools there is no image.
func Passes(t *tree.Tree, o Options) ([]sandbox.Command, error) {
	var passes []sandbox.Command
	add := func(name string, args ...string) {
		passes = append(passes, sandbox.Command{Name: name, Args: args, Env: environment})
	}
	if tool := find(t, o.Prefix, "ldconfig"); tool != "" {
		add(Ldconfig, tool)
	}
	if tool := find(t, o.Prefix, "depmod"); tool != "" {
		for _, version := range kernels(t) {
			add(Depmod, tool, "-a", version)
		}
	}
	tools := map[string]string{}
	for _, name := range []string{"systemd-sysusers", "systemd-tmpfiles", "systemctl"} {
		if tools[name] = find(t, o.Prefix, name); tools[name] == "" {
			return nil, fmt.Errorf("the image has no %s below %s: it needs the package systemd", name, o.Prefix)
		}
	}
	add(Sysusers, tools["systemd-sysusers"])
	add(Tmpfiles, append([]string{tools["systemd-tmpfiles"]}, tmpfiles.Args()...)...)
	add(Preset, tools["systemctl"], "preset-all")
	add(PresetUser, tools["systemctl"], "--global", "preset-all")
	if len(o.Mask) > 0 {
		add(Mask, append([]string{tools["systemctl"], "mask"}, o.Mask...)...)
	}
	return passes, nil
}

// environment makes systemd's tools write plain messages to stderr.
var environment = []string{"SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_LEVEL=info", "SYSTEMD_LOG_COLOR=0", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER="}

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
