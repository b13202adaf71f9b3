// Package sysusers holds the sysusers.d(5) files that Bocaditos ships and what
// it needs to know of systemd-sysusers: the meaning of its messages and which
// files it leaves for its own use. Users are systemd-sysusers's business.
package sysusers

import (
	"embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Files are, below "files", for PREFIX/lib/sysusers.d, one for each package that needs it.
//
//go:embed files
var Files embed.FS

// Scratch says whether p is the lock file or a backup that the tool, like all
// that edit the user database, leaves in /etc.
func Scratch(p string) bool {
	return slices.Contains([]string{"/etc/.pwd.lock", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"}, p)
}

var (
	confLine = regexp.MustCompile(`^(/\S+\.conf:\d+): (.*)$`)
	harmless = regexp.MustCompile(`^Creating (user|group) '`)
)

// Message reads a line that the tool wrote: which line of configuration it is
// about, and whether it is a warning at all.
func Message(line string) (subject, text string, warning bool) {
	if line == "" || harmless.MatchString(line) {
		return "", "", false
	}
	if m := confLine.FindStringSubmatch(line); m != nil {
		return m[1], m[2], true
	}
	return "", line, true
}

// A Claim is a number that a line of configuration gives to a user or a group.
type Claim struct {
	Kind string // "user" or "group"
	Name string
	ID   uint32
}

// Claims reads a line of configuration. One that leaves the number to the tool
// claims nothing, and neither does the group that comes with a user: it gets
// another number where its own is taken.
func Claims(line string) (c Claim, ok bool) {
	f := strings.Fields(line)
	if len(f) < 3 {
		return c, false
	}
	switch strings.TrimSuffix(f[0], "!") {
	case "u":
		c.Kind = "user"
	case "g":
		c.Kind = "group"
	default:
		return c, false
	}
	c.Name = strings.Trim(f[1], `"'`)
	number, _, _ := strings.Cut(strings.Trim(f[2], `"'`), ":") // UID:GID
	id, err := strconv.ParseUint(number, 10, 32)
	c.ID = uint32(id)
	return c, err == nil
}
