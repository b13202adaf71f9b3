package sysusers

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A User is one that a recipe asks for. Empty fields are systemd-sysusers's
// choice.
type User struct {
	Name        string
	UID         *uint32
	Group       string // the first one; empty: its own
	Groups      []string
	Description string // without '"' and '\'
	Home, Shell string
	Locked      bool
}

// A Group is one that a recipe asks for.
type Group struct {
	Name string
	GID  *uint32
}

// RecipePath is where Recipe's content belongs, below the prefix. Its name
// sorts before all others: the first line about a user counts.
const RecipePath = "lib/sysusers.d/00-recipe.conf"

// Recipe returns a sysusers.d(5) file for a recipe's users and groups.
func Recipe(users []User, groups []Group) string {
	var b strings.Builder
	b.WriteString("# users and groups of the recipe\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "g %s %s\n", g.Name, number(g.GID))
	}
	for _, u := range users {
		kind, id := "u", number(u.UID)
		if u.Locked {
			kind = "u!"
		}
		if u.Group != "" {
			id += ":" + u.Group
		}
		fmt.Fprintf(&b, "%s %s %s %q %s %s\n", kind, u.Name, id, cmp.Or(u.Description, "-"), cmp.Or(u.Home, "-"), cmp.Or(u.Shell, "-"))
		for _, g := range u.Groups {
			fmt.Fprintf(&b, "m %s %s\n", u.Name, g)
		}
	}
	return b.String()
}

func number(id *uint32) string {
	if id == nil {
		return "-"
	}
	return strconv.FormatUint(uint64(*id), 10)
}

// GroupOf returns the name of the group that a line of configuration makes, or
// nothing.
func GroupOf(line string) string {
	f := strings.Fields(line)
	if len(f) < 2 {
		return ""
	}
	switch strings.TrimRight(f[0], "!") {
	case "g":
		return f[1]
	case "u":
		if len(f) < 3 || !strings.Contains(f[2], ":") {
			return f[1]
		}
	case "m":
		if len(f) > 2 {
			return f[2]
		}
	}
	return ""
}
