package builder

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
	"github.com/bocaditos/bocaditos/systemd/vconsole"
	"github.com/bocaditos/bocaditos/tree"
)

// authorizedKeys is where sshd finds the keys that belong to the image, by
// user; the drop-in for openssh-server says so.
const authorizedKeys = "/etc/ssh/authorized_keys.d/"

// addIdentity writes what the recipe says of users and groups as
// configuration, of which systemd's tools make them.
func (b *build) addIdentity(root *tree.Tree) error {
	if err := b.checkSystem(root); err != nil {
		return err
	}
	var users []sysusers.User
	var homes []tmpfiles.Home
	for _, u := range b.recipe.Users {
		if len(u.AuthorizedKeys) > 0 {
			keys := strings.Join(recipe.Strings(u.AuthorizedKeys), "\n") + "\n"
			if err := root.Put(authorizedKeys+string(u.Name), tree.NewFile(0o644, tree.String(keys), recipeUser(u.Name))); err != nil {
				return fail(Content, fmt.Errorf("user %s: %w", u.Name, err), "")
			}
		}
		shell, err := b.shell(root, u)
		if err != nil {
			return err
		}
		if u.Name == "root" {
			if u.Locked { // what basic.conf of systemd says of root, but locked
				var zero uint32
				users = append(users, sysusers.User{Name: "root", UID: &zero, Description: "Super User", Home: "/root", Shell: shell, Locked: true})
			}
			continue
		}
		users = append(users, sysusers.User{
			Name: string(u.Name), UID: (*uint32)(u.UID), Group: string(u.Group), Groups: recipe.Strings(u.Groups),
			Description: string(u.Description), Home: string(u.Home), Shell: shell, Locked: u.Locked,
		})
		if home := string(u.Home); strings.HasPrefix(home, "/home/") || strings.HasPrefix(home, "/var/") {
			// Through the link /home: at boot systemd-tmpfiles makes what a path
			// goes through first only where the path itself says so.
			if at, _, err := root.ResolveParent(home); err == nil {
				home = at
			}
			_, skel, err := root.Resolve("/etc/skel")
			group := u.Group
			if group == "" {
				group = u.Name
			}
			homes = append(homes, tmpfiles.Home{Path: home, User: string(u.Name), Group: string(group),
				Skeleton: !u.System && err == nil && skel.Type == tree.Dir})
		}
	}
	var groups []sysusers.Group
	for _, g := range b.recipe.Groups {
		groups = append(groups, sysusers.Group{Name: string(g.Name), GID: (*uint32)(g.GID)})
	}
	var errs []error
	if len(users)+len(groups) > 0 {
		errs = append(errs, root.Put(b.prefix+"/"+sysusers.RecipePath, tree.NewFile(0o644, tree.String(sysusers.Recipe(users, groups)), tree.Origin{Pass: "recipe", Rule: "users, groups"})))
	}
	if len(homes) > 0 {
		errs = append(errs, root.Put(b.prefix+"/"+tmpfiles.RecipePath, tree.NewFile(0o644, tree.String(tmpfiles.Recipe(homes)), tree.Origin{Pass: "recipe", Rule: "users"})))
	}
	if err := errors.Join(errs...); err != nil {
		return fail(Content, fmt.Errorf("users: %w", err), "")
	}
	return b.checkGroups(root)
}

func recipeUser(name recipe.AccountName) tree.Origin {
	return tree.Origin{Pass: "recipe", Rule: fmt.Sprintf("users %q", name)}
}

// shell returns the user's shell, which must be a program of the image: the
// one the recipe says, or for people what the image has. Where it is empty
// systemd-sysusers chooses.
func (b *build) shell(root *tree.Tree, u recipe.User) (string, error) {
	if u.Shell != "" {
		if !isProgram(root, string(u.Shell)) {
			return "", fail(Content, fmt.Errorf("user %s: the image has no program %s", u.Name, u.Shell), "add the package that has it to packages.install")
		}
		return string(u.Shell), nil
	}
	if u.System || u.Name == "root" {
		return "", nil
	}
	for _, shell := range []string{"/bin/bash", "/bin/sh"} {
		if isProgram(root, shell) {
			return shell, nil
		}
	}
	return "", fail(Content, fmt.Errorf("user %s: the image has no shell", u.Name), `add "bash" to packages.install`)
}

func isProgram(root *tree.Tree, p string) bool {
	_, n, err := root.Resolve(p)
	return err == nil && n.Type == tree.File && n.Mode&0o111 != 0
}

// checkGroups refuses a group that nobody makes: systemd-sysusers would make
// it without a word.
func (b *build) checkGroups(root *tree.Tree) error {
	// Lines such as "m USER GROUP" of the recipe itself would make any group.
	others := root.Clone()
	if others.Lookup(b.prefix+"/"+sysusers.RecipePath) != nil {
		if err := others.Remove(b.prefix + "/" + sysusers.RecipePath); err != nil {
			return err
		}
	}
	have := systemd.Groups(others, b.prefix)
	for _, g := range b.recipe.Groups {
		have[string(g.Name)] = true
	}
	for _, u := range b.recipe.Users {
		if u.Group == "" {
			have[string(u.Name)] = true
		}
	}
	for _, u := range b.recipe.Users {
		for _, g := range append(slices.Clone(u.Groups), u.Group) {
			if g != "" && !have[string(g)] {
				return fail(Content, fmt.Errorf("user %s: the image has no group %q", u.Name, g),
					near(string(g), slices.Collect(maps.Keys(have)), "add a [[groups]] with that name, or the package that makes it"))
			}
		}
	}
	return nil
}

// checkSystem refuses settings that the image lacks the data for: systemd
// would fall back at boot, or fail.
func (b *build) checkSystem(root *tree.Tree) error {
	s := b.recipe.System
	if zone := string(s.Timezone); zone != "" {
		if zones := systemd.Timezones(root, b.prefix); !slices.Contains(zones, zone) {
			return fail(Content, fmt.Errorf("system.timezone: the image has no time zone %q", zone), near(zone, zones, `add "tzdata" to packages.install, or "tzdata-legacy" for old names`))
		}
	}
	if locale := string(s.Locale); locale != "" {
		ready, sources := systemd.Locales(root)
		switch {
		case slices.Contains(ready, locale):
		case !slices.Contains(sources, locale):
			otherwise := `add "locales" to packages.install`
			if len(sources) > 0 {
				otherwise = "names are such as " + sources[0]
			}
			return fail(Content, fmt.Errorf("system.locale: the image has no locale %q, nor what it is compiled from", locale), near(locale, append(ready, sources...), otherwise))
		case !isProgram(root, b.prefix+"/bin/gzip"): // what localedef reads is compressed
			return fail(Content, fmt.Errorf("system.locale: %q cannot be compiled: the image has no gzip", locale), `add "gzip" to packages.install`)
		}
	}
	for _, v := range []struct {
		what, name string
		have       []vconsole.File
	}{
		{"keymap", string(s.Keymap), vconsole.Keymaps(root, b.prefix)},
		{"font", string(s.Font), vconsole.Fonts(root, b.prefix)},
	} {
		if err := b.checkConsole(root, v.what, v.name, v.have); err != nil {
			return err
		}
	}
	return nil
}

// checkConsole refuses a keymap or font of the virtual consoles that the image
// lacks, or cannot load.
func (b *build) checkConsole(root *tree.Tree, what, name string, have []vconsole.File) error {
	if name == "" {
		return nil
	}
	var names []string
	for _, f := range have {
		names = append(names, f.Name)
		if f.Name != name {
			continue
		}
		if lacking := f.Lacking(root, b.prefix); len(lacking) > 0 {
			return fail(Content, fmt.Errorf("system.%s: %s cannot be loaded: the image has no %s", what, f.Path, strings.Join(lacking, " and no ")),
				`add "kbd" (for loadkeys, setfont), "gzip" or "dash" (for sh) to packages.install`)
		}
		return nil
	}
	return fail(Content, fmt.Errorf("system.%s: the image has no %s %q", what, what, name), near(name, names, `add "kbd" and "console-data" to packages.install`))
}

// near is a hint at names that resemble the one that is missing, or else the
// other hint.
func near(name string, names []string, otherwise string) string {
	fold := func(s string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(s))
	}
	part := func(s string) string { return fold(s[strings.LastIndexByte(s, '/')+1:]) }
	var found []string
	for _, n := range names {
		a, b := part(name), part(n)
		if len(a) >= 2 && (fold(n) == fold(name) || strings.HasPrefix(b, a) || len(b) > 2 && strings.HasPrefix(a, b)) {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return otherwise
	}
	slices.Sort(found)
	return "did you mean " + strings.Join(found[:min(3, len(found))], " or ") + "?"
}

// systemdOptions are the recipe's words for systemd's tools.
func (b *build) systemdOptions() systemd.Options {
	s := b.recipe.System
	o := systemd.Options{
		Prefix: b.prefix, Mask: recipe.Strings(b.recipe.Units.Mask),
		Locale: string(s.Locale), Timezone: string(s.Timezone), Keymap: string(s.Keymap), Font: string(s.Font),
		Accounts: map[string]string{},
	}
	for _, u := range b.recipe.Users {
		if u.PasswordHash != "" {
			o.Accounts["passwd.hashed-password."+string(u.Name)] = string(u.PasswordHash)
		}
		if u.Name == "root" && u.Shell != "" {
			o.Accounts["passwd.shell.root"] = string(u.Shell)
		}
	}
	return o
}
