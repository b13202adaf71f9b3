package sysusers

import (
	"fmt"
	"strconv"
	"strings"
)

// Accounts are the numbers of users and groups, by name.
type Accounts struct {
	Users  map[string]uint32
	Groups map[string]uint32
}

// Pin returns a sysusers.d(5) file in which users and groups whose number
// systemd-sysusers would choose have the one they have in a.
func Pin(text string, a Accounts) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		kind, name, id := split(line)
		numbers := a.Users
		if kind == "g" {
			numbers = a.Groups
		}
		number, ok := numbers[name]
		choice, group, _ := strings.Cut(id, ":")
		if !ok || choice != "-" && choice != "" {
			b.WriteString(line)
			continue
		}
		pinned := strconv.FormatUint(uint64(number), 10)
		if group != "" {
			pinned += ":" + group
		}
		b.WriteString(replaceField(line, id, pinned))
	}
	return b.String()
}

// What systemd-sysusers chooses from by itself, downwards.
const firstChosen, lastChosen = 100, 999

// Ranges returns a sysusers.d(5) file that lets systemd-sysusers choose among
// the numbers that a does not have.
func Ranges(a Accounts) string {
	taken := map[uint32]bool{}
	for _, numbers := range []map[string]uint32{a.Users, a.Groups} {
		for _, n := range numbers {
			taken[n] = true
		}
	}
	var b strings.Builder
	for n := uint32(firstChosen); n <= lastChosen; n++ {
		begin := n
		for n <= lastChosen && !taken[n] {
			n++
		}
		if n > begin {
			fmt.Fprintf(&b, "r - %d-%d\n", begin, n-1)
		}
	}
	return b.String()
}

// Chosen adds to the accounts those of a sysusers.d(5) file whose number
// systemd-sysusers chose, with the numbers that passwd(5) and group(5) have.
func (a *Accounts) Chosen(text, passwd, group string) {
	add := func(to *map[string]uint32, name, database string) {
		for line := range strings.Lines(database) {
			f := strings.Split(line, ":")
			if len(f) < 3 || f[0] != name {
				continue
			}
			if n, err := strconv.ParseUint(strings.TrimSpace(f[2]), 10, 32); err == nil {
				if *to == nil {
					*to = map[string]uint32{}
				}
				(*to)[name] = uint32(n)
			}
		}
	}
	for line := range strings.Lines(text) {
		kind, name, id := split(line)
		choice, own, _ := strings.Cut(id, ":")
		if choice != "" && choice != "-" {
			continue
		}
		switch {
		case kind == "g":
			add(&a.Groups, name, group)
		case kind == "u":
			add(&a.Users, name, passwd)
			if own == "" {
				add(&a.Groups, name, group)
			}
		}
	}
}

// split takes the first three fields of a line; id may be missing.
func split(line string) (kind, name, id string) {
	f := strings.Fields(line)
	if len(f) < 2 {
		return "", "", ""
	}
	if len(f) > 2 {
		id = f[2]
	}
	return strings.TrimRight(f[0], "!"), f[1], id
}

// replaceField puts another third field into a line, or adds it.
func replaceField(line, old, new string) string {
	if old == "" {
		return strings.TrimRight(line, " \t\n") + " " + new + "\n"
	}
	f := strings.Fields(line)
	at := strings.Index(line, f[0]) + len(f[0])
	at += strings.Index(line[at:], f[1]) + len(f[1])
	at += strings.Index(line[at:], old)
	return line[:at] + new + line[at+len(old):]
}
