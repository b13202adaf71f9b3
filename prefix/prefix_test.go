package prefix_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/prefix"
	"github.com/bocaditos/bocaditos/tree"
)

const system = "/nix/store/s-systemd"

// store makes a tree of files "PATH below /nix/store" → content; "→ x" is a
// link, "*" before the content makes a program.
func store(t *testing.T, files map[string]string) *tree.Tree {
	t.Helper()
	tr := tree.New()
	for p, content := range files {
		pkg, _, _ := strings.Cut(p, "/")
		o := tree.Origin{Package: pkg[2:]}
		mode := uint32(0o444)
		if c, ok := strings.CutPrefix(content, "*"); ok {
			content, mode = c, 0o555
		}
		n := tree.NewFile(mode, tree.String(content), o)
		if target, ok := strings.CutPrefix(content, "→ "); ok {
			n = tree.NewSymlink(target, o)
		}
		if err := tr.Put("/nix/store/"+p, n); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func read(tr *tree.Tree, p string) string {
	n := tr.Lookup(p)
	switch {
	case n == nil:
		return "(not there)"
	case n.Type == tree.Symlink:
		return "→ " + n.Target
	}
	b, _ := tree.ReadAll(n.Content)
	return string(b)
}

func expect(t *testing.T, tr *tree.Tree, want map[string]string) {
	t.Helper()
	for p, text := range want {
		if got := read(tr, p); got != text {
			t.Errorf("%s: got %q, want %q", p, got, text)
		}
	}
}

var packages = []prefix.Package{
	{Name: "other", Prefix: "/nix/store/o-other"},
	{Name: "nginx", Prefix: "/nix/store/n-nginx", Wanted: true},
	{Name: "systemd", Prefix: system, Wanted: true},
}

func TestLink(t *testing.T) {
	tr := store(t, map[string]string{
		"s-systemd/lib/systemd/systemd":                       "*pid 1",
		"s-systemd/lib/systemd/systemd-udevd":                 "*udevd",
		"s-systemd/lib/systemd/system/basic.target":           "basic",
		"s-systemd/bin/systemctl":                             "*systemctl",
		"n-nginx/bin/nginx":                                   "*nginx",
		"n-nginx/bin/not-a-program":                           "text",
		"n-nginx/sbin/nginx-admin":                            "*admin",
		"n-nginx/lib/systemd/system/nginx.service":            "unit",
		"n-nginx/lib/systemd/system/web.service":              "→ nginx.service",
		"n-nginx/lib/systemd/system/x.target.wants/a.service": "→ ../nginx.service",
		"n-nginx/lib/systemd/system/far.service":              "→ ../../../share/far.service",
		"n-nginx/share/far.service":                           "far",
		"n-nginx/lib/systemd/journald.conf.d/nginx.conf":      "journal",
		"n-nginx/lib/systemd/nginx-helper":                    "*helper",
		"n-nginx/etc/udev/rules.d/9.rules":                    "rule",
		"n-nginx/etc/nginx/nginx.conf":                        "its own",
		"n-nginx/lib/tmpfiles.d/nginx.conf":                   "d /x",
		"o-other/bin/other":                                   "*other",
		"o-other/lib/libnss_other.so.2":                       "*elf",
		"o-other/lib/tmpfiles.d/nginx.conf":                   "d /y",
		"o-other/lib/sysusers.d/other.conf":                   "u o",
		"o-other/share/dbus-1/system.d/o.conf":                "policy",
		"o-other/etc/profile.d/o.sh":                          "export",
		"o-other/etc/init.d/o":                                "*start",
	})
	warnings, err := prefix.Link(tr, system, packages)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, tr, map[string]string{
		system + "/bin/nginx":                                   "→ /nix/store/n-nginx/bin/nginx",
		system + "/bin/nginx-admin":                             "→ /nix/store/n-nginx/sbin/nginx-admin",
		system + "/bin/not-a-program":                           "(not there)",
		system + "/bin/other":                                   "(not there)", // nobody asked for it
		system + "/bin/systemctl":                               "systemctl",
		system + "/lib/systemd/system/nginx.service":            "unit",
		system + "/lib/systemd/system/web.service":              "→ nginx.service",
		system + "/lib/systemd/system/x.target.wants/a.service": "→ ../nginx.service",
		system + "/lib/systemd/system/far.service":              "→ /nix/store/n-nginx/share/far.service",
		system + "/lib/systemd/journald.conf.d/nginx.conf":      "journal",
		system + "/lib/systemd/nginx-helper":                    "(not there)",
		system + "/lib/udev/rules.d/9.rules":                    "rule",
		system + "/lib/tmpfiles.d/nginx.conf":                   "d /x", // asked for, so before the other
		system + "/lib/sysusers.d/other.conf":                   "u o",
		system + "/lib/nss/libnss_other.so.2":                   "elf",
		system + "/share/dbus-1/system.d/o.conf":                "(not there)",
		"/nix/store/o-other/lib/tmpfiles.d/nginx.conf":          "d /y",
	})
	if unit := tr.Lookup(system + "/lib/systemd/system/nginx.service"); unit != tr.Lookup("/nix/store/n-nginx/lib/systemd/system/nginx.service") {
		t.Error("the unit is a copy")
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	want := []string{
		"lib/tmpfiles.d/nginx.conf of package other: " + system + "/lib/tmpfiles.d already has the one of package nginx",
		"share/dbus-1/system.d/o.conf of package other: the image has no message bus that would read it",
		"etc/init.d/o of package other: systemd does not run such scripts from a package's prefix",
		"etc/profile.d/o.sh of package other: nothing reads it there",
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	before := tr.Digest()
	if _, err := prefix.Link(tr, system, packages); err != nil || tr.Digest() != before {
		t.Errorf("linking again changes the tree (%v)", err)
	}
}

func TestSystem(t *testing.T) {
	a := prefix.Package{Name: "a", Prefix: "/nix/store/a-systemd", Wanted: true}
	b := prefix.Package{Name: "b", Prefix: "/nix/store/b-systemd"}
	tr := store(t, map[string]string{
		"a-systemd/lib/systemd/systemd": "*a", "b-systemd/lib/systemd/systemd": "*b",
		"b-systemd/lib/systemd/system/b.service": "old",
	})
	if got, err := prefix.System(tr, []prefix.Package{b, a}); err != nil || got != a.Prefix {
		t.Errorf("got %s, %v", got, err)
	}
	a.Wanted = false
	if _, err := prefix.System(tr, []prefix.Package{a, b}); fmt.Sprint(err) != "several packages have lib/systemd/systemd: /nix/store/a-systemd, /nix/store/b-systemd" {
		t.Errorf("got %v", err)
	}
	if _, err := prefix.System(tree.New(), []prefix.Package{a}); err == nil {
		t.Error("no systemd, no error")
	}
	warnings, err := prefix.Link(tr, a.Prefix, []prefix.Package{a, b})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].String(), "another systemd") || tr.Lookup(a.Prefix+"/lib/systemd/system") != nil {
		t.Errorf("a second systemd: %v, %v", warnings, err)
	}
}

func TestArguments(t *testing.T) {
	tr := store(t, map[string]string{
		"s-systemd/lib/systemd/systemd":                            "*pid 1",
		"s-systemd/bin/login":                                      "*login",
		"s-systemd/share/dbus-1/system.conf":                       "<busconfig/>",
		"s-systemd/lib/systemd/system/getty@.service":              "[Service]\nExecStart=-/u/bin/agetty -o '-- \\\\u' - ${TERM}\n",
		"s-systemd/lib/systemd/system/own-getty@.service":          "[Service]\nExecStart=-/u/bin/agetty --login-program /x - ${TERM}\n",
		"s-systemd/lib/systemd/system/dbus-broker.service":         "[Service]\nExecStart=/d/bin/dbus-broker-launch --scope system --audit\n",
		"s-systemd/lib/systemd/system/dbus-daemon.service":         "[Service]\nExecStart=@/d/bin/dbus-daemon @dbus-daemon --system --address=systemd: --nofork\n",
		"s-systemd/lib/systemd/user/dbus-broker.service":           "[Service]\nExecStart=/d/bin/dbus-broker-launch --scope user\n",
		"s-systemd/lib/systemd/system/unrelated.service":           "[Service]\nExecStart=/u/bin/cat\n",
		"s-systemd/lib/systemd/system/dbus.service":                "→ dbus-broker.service",
		"s-systemd/lib/systemd/system/two.service":                 "[Service]\nExecStart=/u/bin/agetty a\nExecStart=/u/bin/agetty b\n",
		"s-systemd/lib/systemd/system/dbus-org.example.target":     "",
		"s-systemd/lib/systemd/system/console-getty.service.d/x.c": "",
	})
	if err := prefix.Bus(tr, system); err != nil {
		t.Fatal(err)
	}
	if err := prefix.Arguments(tr, system); err != nil {
		t.Fatal(err)
	}
	start := func(scope, unit string) string {
		_, line, _ := strings.Cut(read(tr, system+"/lib/systemd/"+scope+"/"+unit+".d/10-bocaditos-prefix.conf"), "ExecStart=\n")
		return strings.TrimSpace(line)
	}
	for unit, want := range map[string]string{
		"getty@.service":      "ExecStart=-/u/bin/agetty --login-program=" + system + "/bin/login -o '-- \\\\u' - ${TERM}",
		"own-getty@.service":  "",
		"dbus-broker.service": "ExecStart=/d/bin/dbus-broker-launch --config-file=" + system + "/share/dbus-1/bocaditos-system.conf --scope system --audit",
		"dbus-daemon.service": "ExecStart=@/d/bin/dbus-daemon @dbus-daemon --config-file=" + system + "/share/dbus-1/bocaditos-system.conf --address=systemd: --nofork",
		"unrelated.service":   "",
		"dbus.service":        "",
		"two.service":         "",
	} {
		if got := start("system", unit); got != want {
			t.Errorf("%s: got %q, want %q", unit, got, want)
		}
	}
	if got := start("user", "dbus-broker.service"); got != "" {
		t.Errorf("the session's bus has no configuration, and %q", got)
	}
	if got := read(tr, system+"/share/dbus-1/bocaditos-system.conf"); !strings.Contains(got, "<servicedir>"+system+"/share/dbus-1/system-services</servicedir>") {
		t.Errorf("bus: %s", got)
	}
}

func TestRootAndEtc(t *testing.T) {
	tr := store(t, map[string]string{
		"s-systemd/lib/systemd/systemd":       "*pid 1",
		"s-systemd/lib/pam.d/login":           "auth",
		"s-systemd/lib/modprobe.d/x.conf":     "options",
		"o-other/bin/sh":                      "→ bash",
		"o-other/bin/bash":                    "*bash",
		"o-other/etc/protocols":               "tcp",
		"o-other/etc/ssl/certs/ca-bundle.crt": "pem",
	})
	if err := tr.Put("/etc/pam.d/own", tree.NewFile(0o644, tree.String(""), tree.Origin{Pass: "recipe"})); err != nil {
		t.Fatal(err)
	}
	if err := prefix.Root(tr, system, packages); err != nil {
		t.Fatal(err)
	}
	if err := prefix.Etc(tr, system, packages); err != nil {
		t.Fatal(err)
	}
	expect(t, tr, map[string]string{"/bin/sh": "→ /nix/store/o-other/bin/sh", "/usr/bin/env": "(not there)"})
	lines := read(tr, system+"/lib/tmpfiles.d/00-bocaditos-prefix.conf")
	for _, want := range []string{
		"f /etc/environment 0644 root root - PATH=" + system + `/bin\n`,
		"L /etc/modprobe.d/x.conf - - - - " + system + "/lib/modprobe.d/x.conf",
		"L /etc/pam.d/login - - - - " + system + "/lib/pam.d/login",
		"L /etc/protocols - - - - /nix/store/o-other/etc/protocols",
		"L /etc/ssl/certs/ca-certificates.crt - - - - /nix/store/o-other/etc/ssl/certs/ca-bundle.crt",
	} {
		if !strings.Contains(lines, want+"\n") {
			t.Errorf("no line %q in\n%s", want, lines)
		}
	}
}

func TestLinkerCache(t *testing.T) {
	tr := store(t, map[string]string{"o-other/lib/ld-linux-x86-64.so.2": "*\x7fELF\x00\x00/nix/store/o-other/etc/ld.so.cache\x00more"})
	if got, err := prefix.LinkerCache(tr, packages); err != nil || got != "/nix/store/o-other/etc/ld.so.cache" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := prefix.LinkerCache(tree.New(), packages); err != nil || got != "" {
		t.Errorf("without a loader: %q, %v", got, err)
	}
}
