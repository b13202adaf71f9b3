// Package sysusers knows what Bocaditos needs of systemd-sysusers: the meaning
// of its messages and which files it leaves for its own use. It ships no
// sysusers.d(5) file: systemd and Debian's base-passwd bring all system users.
package sysusers

import (
	"regexp"
	"slices"
)

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
