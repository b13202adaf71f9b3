package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/pkgs"
)

const users = "[[users]]\nname = \"ana\"\n"

func TestSettingsTheImageLacksTheDataFor(t *testing.T) {
	for _, c := range []struct{ name, old, new, says, hint string }{
		{"time zone, no package", `#timezone = "Europe/Vienna"`, `timezone = "Europe/Vienna"`,
			`system.timezone: the image has no time zone "Europe/Vienna"`, `add "tzdata" to packages.install, or "tzdata-legacy" for old names`},
		{"locale, no package", `#locale = "de_AT.UTF-8"`, `locale = "de_AT.UTF-8"`,
			`system.locale: the image has no locale "de_AT.UTF-8", nor what it is compiled from`, `add "locales" to packages.install`},
		{"locale in other letters", `#locale = "de_AT.UTF-8"`, `locale = "c.utf-8"`,
			`system.locale: the image has no locale "c.utf-8"`, `did you mean C.UTF-8?`},
		{"keymap, no package", `#keymap = "de"`, `keymap = "de"`,
			`system.keymap: the image has no keymap "de"`, `add "kbd" and "console-data" to packages.install`},
		{"keymap misspelled", `#keymap = "de"`, "keymap = \"de-latin\"\n[[files]]\npath = \"/usr/share/keymaps/de-latin1.map\"\ncontent = \"\"\n",
			`system.keymap: the image has no keymap "de-latin"`, `did you mean de-latin1?`},
		{"font that nothing can load", `#keymap = "de"`, "font = \"big\"\n[[files]]\npath = \"/usr/share/consolefonts/big.psf.gz\"\ncontent = \"\"\n",
			`system.font: /usr/share/consolefonts/big.psf.gz cannot be loaded: the image has no setfont`, `add "kbd" (for loadkeys, setfont), "gzip" or "dash" (for sh) to packages.install`},
		{"shell", "", users + "shell = \"/bin/zsh\"\n", "user ana: the image has no program /bin/zsh", "add the package that has it to packages.install"},
		{"group", "", users + "groups = [\"sud\"]\n", `user ana: the image has no group "sud"`, "did you mean sudo?"},
		{"first group", "", users + "group = \"ana\"\n", `user ana: the image has no group "ana"`, "add a [[groups]] with that name, or the package that makes it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := derive(t, c.old, c.new)
			bocaditos(t, "build", p.dir).wants(t, 5, c.says, "\n  hint: "+c.hint+"\n")
			p.holds(t)
		})
	}
}

// Sources alone do not make a locale: localedef's own words would not help.
func TestLocaleThatCannotBeCompiled(t *testing.T) {
	p := derive(t, `"kmod",`, `"kmod", "locales",`, `#locale = "de_AT.UTF-8"`, `locale = "de_AT.UTF-8"`)
	bocaditos(t, "build", p.dir).wants(t, 5, `system.locale: "de_AT.UTF-8" cannot be compiled: the image has no gzip`, "\n  hint: add \"gzip\" to packages.install\n")
	p = derive(t, `"kmod",`, `"kmod", "locales",`, `#locale = "de_AT.UTF-8"`, `locale = "xx_XX.UTF-8"`)
	bocaditos(t, "build", p.dir).wants(t, 5, `the image has no locale "xx_XX.UTF-8"`, "\n  hint: names are such as ")
}

// What a machine wrote is not thrown away without being asked.
func TestDiskWithState(t *testing.T) {
	p := derive(t, `"kmod",`, `"kmod", "systemd-repart", "e2fsprogs",`, "", "[state]\nsize = \"64M\"\n")
	bocaditos(t, "build", p.dir).wants(t, exitOK)
	disk := p.file(t, image.Disk)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(disk, later, later); err != nil {
		t.Fatal(err)
	}
	bocaditos(t, "build", p.dir).wants(t, 8, disk+" was written to since it was built: a new one would have an empty state partition", "\n  hint: --force builds all the same")
	bocaditos(t, "build", "--force", p.dir).wants(t, exitOK)
	bocaditos(t, "build", p.dir).wants(t, exitOK, "is up to date")
}

// What a recipe puts into a home or into /var is made at boot.
func TestFilesOfARecipeInVar(t *testing.T) {
	p := derive(t, "", users,
		"", "[[files]]\npath = \"/home/ana/notes\"\ncontent = \"x\"\nuid = 1000\n",
		"", "[[files]]\npath = \"/root/.vimrc\"\ncontent = \"y\"\n",
		"", "[[files]]\npath = \"/var/www/index.html\"\ncontent = \"z\"\n")
	bocaditos(t, "build", p.dir).wants(t, exitOK).without(t, "warning")
	for file, from := range map[string]string{"home/ana/notes": "/home/ana/notes", "roothome/.vimrc": "/root/.vimrc", "www/index.html": "/var/www/index.html"} {
		bocaditos(t, "why", "--image", p.dir, "/usr/share/factory/var/"+file).wants(t, exitOK, `files "`+from+`"`, "what /var held")
	}
	bocaditos(t, "why", "--image", p.dir, "/usr/lib/sysusers.d/00-recipe.conf").wants(t, exitOK, "users, groups")
}

// Files in /var belong to numbers: what systemd-sysusers once chose stays,
// whoever comes or goes later.
func TestAccountsKeepTheirNumbers(t *testing.T) {
	p := derive(t, "", "[[users]]\nname = \"svc\"\nsystem = true\n")
	bocaditos(t, "build", p.dir).wants(t, exitOK).without(t, "warning")
	first, err := pkgs.ReadLock(p.lock())
	if err != nil {
		t.Fatal(err)
	}
	before := *first.Accounts
	if before.Users["svc"] == 0 || before.Groups["svc"] == 0 || before.Users["messagebus"] == 0 {
		t.Fatalf("accounts %v", before)
	}
	recipe := strings.Replace(read(t, p.recipe()), `name = "svc"`, `name = "aaa"`, 1)
	if err := os.WriteFile(p.recipe(), []byte(recipe), 0o644); err != nil {
		t.Fatal(err)
	}
	bocaditos(t, "build", p.dir).wants(t, exitOK).without(t, "warning")
	second, err := pkgs.ReadLock(p.lock())
	if err != nil {
		t.Fatal(err)
	}
	after := *second.Accounts
	for name, uid := range before.Users {
		if after.Users[name] != uid {
			t.Errorf("user %s was %d and is %d", name, uid, after.Users[name])
		}
		if name != "aaa" && after.Users["aaa"] == uid {
			t.Errorf("aaa got the number of %s", name)
		}
	}
	for name, gid := range before.Groups {
		if after.Groups[name] != gid {
			t.Errorf("group %s was %d and is %d", name, gid, after.Groups[name])
		}
	}
	bocaditos(t, "build", p.dir).wants(t, exitOK, "up to date")
}
