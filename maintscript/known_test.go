package maintscript_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/maintscript"
	"github.com/bocaditos/bocaditos/systemd"
)

// passes are the stages that are programs of the image. The others have a
// folder of their own.
var passes = []string{systemd.Sysusers, systemd.Tmpfiles, systemd.Ldconfig, systemd.Depmod, systemd.HWDB, systemd.Localedef, systemd.Firstboot}

var folders = map[string]string{
	maintscript.Presets: "systemd/preset", maintscript.Initrd: "initrd", maintscript.Certificates: "certs",
}

// needs are packages that others always bring along.
var needs = map[string]string{"passwd": "libpam-modules-bin"}

func exists(file string) bool {
	_, err := os.Stat("../" + file)
	return err == nil
}

// Nobody replaces a script but what is there.
func TestWhatReplacesScriptsExists(t *testing.T) {
	for _, e := range maintscript.Known() {
		for _, by := range e.By {
			switch {
			case path.IsAbs(by):
				// The package has it, or the image: looked up for each image.
			case !strings.Contains(by, "/"):
				if !slices.Contains(maintscript.Stages, by) || !slices.Contains(passes, by) && !exists(folders[by]) {
					t.Errorf("%s: there is no stage %q", e.Package, by)
				}
			case !exists(by):
				t.Errorf("%s: %s does not exist", e.Package, by)
			case owner(by) != e.Package && owner(by) != systemd.Base && owner(by) != needs[e.Package]:
				t.Errorf("%s: %s is installed only with %s", e.Package, by, owner(by))
			}
		}
	}
	for _, stage := range maintscript.Stages {
		if !slices.Contains(passes, stage) && folders[stage] == "" {
			t.Errorf("what is %q?", stage)
		}
	}
}

// owner is the package that a vendor file belongs to: the element of its path
// that comes after "files" or "factory".
func owner(file string) string {
	elements := strings.Split(file, "/")
	i := slices.IndexFunc(elements, func(e string) bool { return e == "files" || e == "factory" })
	if i < 0 || i+1 == len(elements) {
		return ""
	}
	return strings.TrimSuffix(elements[i+1], ".conf")
}

// A file that replaces a command names what the command makes.
func TestWhatReplacesScriptsDoesTheirWork(t *testing.T) {
	for _, e := range maintscript.Known() {
		var conf strings.Builder
		for _, by := range e.By {
			if !strings.HasPrefix(by, "systemd/sysusers/") && !strings.HasPrefix(by, "systemd/tmpfiles/") {
				continue
			}
			text, err := os.ReadFile("../" + by)
			if err != nil {
				t.Error(err)
			}
			conf.WriteString(strings.NewReplacer("@PREFIX@", "/usr", "/var/roothome", "/root").Replace(string(text)))
		}
		if conf.Len() == 0 {
			continue
		}
		have := strings.Fields(conf.String())
		for _, c := range e.Commands {
			for _, made := range makes(c) {
				names := func(word string) bool { return word == made || strings.HasPrefix(word, made+"/") }
				if !slices.ContainsFunc(have, names) {
					t.Errorf("%s: %s names no %s, which %q makes", e.Package, e.By, made, c)
				}
			}
		}
	}
}

// makes is the user, group, paths or links that a command makes or changes.
func makes(command string) (names []string) {
	words := strings.Fields(command)
	last := words[len(words)-1]
	if strings.HasPrefix(last, "<<") { // a digest
		last = words[len(words)-2]
	}
	switch words[0] {
	case "adduser", "addgroup":
		return []string{last}
	case "update-alternatives":
		for i, word := range words {
			if word == "--install" || word == "--slave" {
				names = append(names, words[i+1])
			}
		}
		return names
	case ".":
		return nil
	}
	if !path.IsAbs(last) || strings.HasPrefix(last, "/tmp/") || strings.HasSuffix(last, "*") {
		return nil
	}
	return []string{last}
}

func TestTableIsInOrder(t *testing.T) {
	known := maintscript.Known()
	for i, e := range known {
		if e.Why == "" || len(e.Commands) == 0 || strings.HasSuffix(e.Why, ".") {
			t.Errorf("%s: why %q, %d commands", e.Package, e.Why, len(e.Commands))
		}
		if i > 0 && e.Package < known[i-1].Package {
			t.Errorf("%s comes after %s", e.Package, known[i-1].Package)
		}
		for j, c := range e.Commands {
			if slices.Index(e.Commands, c) != j {
				t.Errorf("%s: %q is there twice", e.Package, c)
			}
			for _, other := range known[:i] {
				if other.Package == e.Package && slices.Contains(other.Commands, c) {
					t.Errorf("%s: %q is there twice", e.Package, c)
				}
			}
		}
	}
}

// A version with one command more is unknown again, and so is a known command
// of another package, or in an image in which the reason does not hold.
func TestWhatIsNotInTheTable(t *testing.T) {
	awk := "update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 --slave /usr/bin/nawk nawk /usr/bin/mawk"
	schemas := "/usr/lib/x86_64-linux-gnu/glib-2.0/glib-compile-schemas /usr/share/glib-2.0/schemas"
	hosts := "addgroup --system crontab"
	for _, c := range []struct {
		pkg, script string
		has         func(string) bool
		want        []string
	}{
		{"mawk", awk, image(), []string{"replaced " + awk}},
		{"mawk", awk + "\nmore", image(), []string{"replaced " + awk, "unknown more"}},
		{"nawk", awk, image(), []string{"unknown " + awk}},
		{"libglib2.0-0t64", schemas, image(), []string{"harmless " + schemas}},
		{"libglib2.0-0t64", schemas, image("/usr/share/glib-2.0/schemas/*"), []string{"unknown " + schemas}},
		{"cron-daemon-common", hosts, image("/usr/lib/sysusers.d/cron-daemon-common.conf"), []string{"replaced " + hosts}},
		{"cron-daemon-common", hosts, image(), []string{"unknown " + hosts}},
		{"linux-image-9-x", "touch /lib/modules/9-x/.fresh-install", image(), []string{"replaced touch /lib/modules/9-x/.fresh-install"}},
	} {
		if got := judge(c.pkg, map[string]string{"postinst": "#!/bin/sh\n" + c.script}, c.has, "postinst"); got != lines(c.want...) {
			t.Errorf("%s: got\n%swant\n%s", c.pkg, got, lines(c.want...))
		}
	}
}
