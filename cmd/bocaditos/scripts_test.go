package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/maintscript"
)

const oddWarning = "odd: postinst does not run: adduser --system odd; chown odd /var/lib/odd; a 1; and 1 more\n"

func TestScripts(t *testing.T) {
	p := newPrivate(t, `["layout", "init", "boots", "odd"]`)
	says := func(r result, want string) {
		t.Helper()
		if r.wants(t, exitOK); regexp.MustCompile(` +`).ReplaceAllString(r.stdout, " ") != want {
			t.Errorf("it says\n%s\nwant\n%s", r.stdout, want)
		}
	}
	const (
		boots  = "boots postinst replaced enables units: presets\n"
		config = "odd config harmless only asks questions\n"
		post   = "odd postinst unknown adduser --system odd; chown odd /var/lib/odd; a 1; a 2\n"
		prerm  = "odd prerm harmless only for upgrades and removal\n"
	)
	says(p.do(t, "scripts"), boots+config+post+prerm)
	says(p.do(t, "scripts", "--unknown"), post)

	var listed struct {
		Scripts []struct {
			Package, Version, Script, Verdict, Why string
			Commands                               []struct {
				Text, Verdict, Why string
				By                 []string
			}
		}
	}
	r := p.do(t, "scripts", "--json").wants(t, exitOK)
	if err := json.Unmarshal([]byte(r.stdout), &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed.Scripts) != 4 {
		t.Fatalf("%d scripts", len(listed.Scripts))
	}
	s := listed.Scripts[2]
	if s.Package != "odd" || s.Version != "1.0" || s.Verdict != "unknown" || len(s.Commands) != 5 ||
		s.Commands[0].Text != "adduser --system odd" || s.Commands[4].Verdict != "harmless" || s.Commands[4].Why == "" {
		t.Errorf("%+v", s)
	}
	if b := listed.Scripts[0].Commands[0]; len(b.By) != 1 || b.By[0] != "presets" {
		t.Errorf("%+v", b)
	}

	// With nothing to list it is an empty list.
	p.install = `["layout", "init", "boots"]`
	p.from(t, "file://"+p.Archive.Dir)
	says(p.do(t, "scripts", "--unknown", "--json"), "{\"scripts\":[]}\n")
}

// What alternatives, update-shells and systemd-hwdb make in the scripts of
// packages that every image has.
func TestWhatScriptsWouldHaveMade(t *testing.T) {
	p := built(t)
	for path, by := range map[string]string{
		"/usr/bin/pager":         "00-bocaditos-util-linux.conf",
		"/usr/bin/which":         "00-bocaditos-debianutils.conf",
		"/etc/shells":            "00-bocaditos-debianutils.conf",
		"/opt":                   "00-bocaditos-base-files.conf",
		"/usr/lib/udev/hwdb.bin": "    systemd-hwdb\n",
	} {
		bocaditos(t, "why", "--image", p.image(), path).wants(t, exitOK, by)
	}
}

// A build warns of each unknown script once. The system is bare, so it fails
// later.
func TestUnknownScripts(t *testing.T) {
	const later = "the image has no systemd-sysusers"
	p := newPrivate(t, `["layout", "init", "boots", "odd"]`)
	for range 2 {
		r := p.do(t, "build").wants(t, 5, "warning: "+oddWarning, "1 unknown", later)
		if n := strings.Count(r.stderr, "does not run"); n != 1 {
			t.Errorf("%d warnings", n)
		}
	}
	for _, c := range []struct {
		keys    string
		want    []string
		without string
	}{
		{"strict = true", []string{"packages.strict: maintainer scripts whose work nobody does:\n  " + oddWarning, "\n  hint: \"bocaditos scripts\" shows"}, later},
		{"strict = true\nscripts_replaced = [\"odd\"]", []string{"0 unknown", later}, "does not run"},
		{"scripts_replaced = [\"boots\", \"odd\"]", []string{"warning: packages.scripts_replaced \"boots\": it has no script that is unknown\n", later}, "does not run"},
		{"strict = true\nscripts_replaced = [\"boots\"]", []string{"packages.strict: "}, later},
	} {
		p.install = `["layout", "init", "boots", "odd"]` + "\n" + c.keys
		p.from(t, "file://"+p.Archive.Dir)
		p.do(t, "build").wants(t, 5, c.want...).without(t, c.without)
		p.holds(t)
	}
	p.do(t, "scripts").wants(t, exitOK, "unknown   adduser")
	p.install = `["layout", "init", "boots", "odd"]` + "\nscripts_replaced = [\"odd\"]"
	p.from(t, "file://"+p.Archive.Dir)
	p.do(t, "scripts").wants(t, exitOK, "done in the recipe: packages.scripts_replaced").without(t, "unknown")
}

// manyPackages are those that somebody looked at, with all they depend on.
const manyPackages = `"openssh-server", "openssh-client", "nginx", "postgresql", "redis-server", "dbus", "chrony", "systemd-resolved", "sudo",
"ca-certificates", "nftables", "cron", "rsyslog", "avahi-daemon", "podman", "prometheus-node-exporter", "mosquitto", "locales", "tzdata",
"kbd", "console-setup", "console-data", "libpam-systemd", "libnss-systemd", "libnss-resolve", "libnss-myhostname", "libnss-mymachines", "passwd", "procps", "less", "vim-tiny", "mawk", "iputils-ping", "curl", "python3-minimal",`

// No script of these packages is unknown, and known.toml has nothing that is
// in none of their scripts.
func TestScriptsOfManyPackages(t *testing.T) {
	for _, r := range []result{built(t).scripts(t), derive(t, `"kmod",`, `"kmod", `+manyPackages).scripts(t)} {
		for line := range strings.Lines(r.stdout) {
			if f := strings.Fields(line); len(f) < 4 || f[2] == "unknown" {
				t.Error(line)
			}
		}
		if !strings.Contains(r.stdout, "systemd ") {
			t.Errorf("systemd has no scripts:\n%s", r.stdout)
		}
	}

	var listed struct{ Scripts []builder.PackageScript }
	r := derive(t, `"kmod",`, `"kmod", `+manyPackages).scripts(t, "--json")
	if err := json.Unmarshal([]byte(r.stdout), &listed); err != nil {
		t.Fatal(err)
	}
	for _, e := range maintscript.Known() {
		for i, c := range e.Commands {
			if !slices.ContainsFunc(listed.Scripts, func(s builder.PackageScript) bool {
				return slices.ContainsFunc(s.Commands, func(met maintscript.Command) bool { return e.Covers(s.Package, i, met.Text) })
			}) {
				t.Errorf("no script of %s has %q", e.Package, c)
			}
		}
	}
}

func (p project) scripts(t *testing.T, args ...string) result {
	t.Helper()
	return bocaditos(t, append([]string{"scripts", p.dir, "--quiet"}, args...)...).wants(t, exitOK)
}
