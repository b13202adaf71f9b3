package prefix

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// origin is of what this package writes itself.
var origin = tree.Origin{Pass: "prefix"}

// Root puts the two names into the root without which scripts do not run
// anywhere: /bin/sh and /usr/bin/env. They are the system's own, or else those
// of any package; a name that nobody has stays away.
func Root(t *tree.Tree, system string, packages []Package) error {
	if _, err := t.MkdirAll("/etc", origin); err != nil { // all that is in it comes from the passes
		return err
	}
	// Where systemd-gpt-auto-generator(8) mounts the ESP.
	if _, err := t.MkdirAll("/boot", origin); err != nil {
		return err
	}
	for name, program := range map[string]string{"/bin/sh": "sh", "/usr/bin/env": "env"} {
		at := command(t, system, packages, program)
		if at == "" {
			continue
		}
		if err := t.Put(name, tree.NewSymlink(at, origin)); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
	}
	return nil
}

// command is the path of a program: the system's, or that of the first package
// that has it.
func command(t *tree.Tree, system string, packages []Package, name string) string {
	for _, at := range append([]Package{{Prefix: system}}, packages...) {
		for _, dir := range []string{"bin", "sbin"} {
			p := path.Join(at.Prefix, dir, name)
			if _, n, err := t.Resolve(p); err == nil && n.Type == tree.File && n.Mode&0o111 != 0 {
				return p
			}
		}
	}
	return ""
}

// etcDirs are read in /etc alone by programs that do not know the system's
// prefix: libkmod, libpam.
var etcDirs = []string{"modprobe.d", "depmod.d", "pam.d"}

// etcFiles are what packages have of files that everybody looks for in /etc, and
// by which name.
var etcFiles = []struct{ from, to string }{
	{"etc/services", "services"}, // iana-etc
	{"etc/protocols", "protocols"},
	{"etc/rpc", "rpc"},
	{"etc/ssl/certs/ca-bundle.crt", "ssl/certs/ca-certificates.crt"}, // cacert
	{"etc/ssl/certs/ca-bundle.crt", "ssl/certs/ca-bundle.crt"},
	{"share/zoneinfo", "zoneinfo"}, // tzdata, for systemd and the C library of nixpkgs
}

// Etc has systemd-tmpfiles link what packages have for programs that look in
// /etc alone, and say there what the PATH is: a shell knows no other way.
func Etc(t *tree.Tree, system string, packages []Package) error {
	lines := []string{
		fmt.Sprintf("f /etc/environment 0644 root root - PATH=%s/bin\\n", system),
		fmt.Sprintf(`f /etc/profile 0644 root root - PATH=%s/bin\nexport PATH\n`, system),
	}
	add := func(at, target string) {
		if t.Lookup(at) == nil {
			lines = append(lines, fmt.Sprintf("L %s - - - - %s", at, target))
		}
	}
	for _, dir := range etcDirs {
		from := path.Join(system, "lib", dir)
		if n := t.Lookup(from); n != nil && n.Type == tree.Dir {
			for _, name := range n.Children() {
				add(path.Join("/etc", dir, name), path.Join(from, name))
			}
		}
	}
	taken := map[string]bool{}
	for _, f := range etcFiles {
		for _, p := range packages {
			from := path.Join(p.Prefix, f.from)
			if _, _, err := t.Resolve(from); err == nil && !taken[f.to] {
				taken[f.to] = true
				add(path.Join("/etc", f.to), from)
			}
		}
	}
	slices.Sort(lines)
	text := "# What packages have for those that look in /etc alone.\n" + strings.Join(lines, "\n") + "\n"
	return t.Put(path.Join(system, "lib/tmpfiles.d/00-bocaditos-prefix.conf"), tree.NewFile(0o444, tree.String(text), origin))
}
