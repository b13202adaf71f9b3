// Package analyze knows how to ask systemd-analyze(1) about the units of an
// image, and what its answers mean. What is wrong with a unit, and how exposed
// a service is, is systemd-analyze's business.
package analyze

import (
	"regexp"
	"strconv"
	"strings"
)

// VerifyArgs are the arguments for checking units: all that systemd would
// complain about when it loads them, and what only starting them would show.
// Manual pages are not looked for, because images leave them out.
func VerifyArgs(units []string) []string {
	return append([]string{"verify", "--man=no"}, units...)
}

// SecurityArgs are the arguments for rating services by what their units say.
func SecurityArgs(services []string) []string {
	return append([]string{"security", "--offline=true", "--no-pager"}, services...)
}

// SecurityLimit is how many services to ask about at a time: the answer has a
// line for each of about 80 settings, 14 KiB a service.
const SecurityLimit = 40

// A Rating says how exposed a service is.
type Rating struct {
	Service  string
	Exposure float64 // 0.0 to 10.0, the worst
	Word     string  // "OK", "MEDIUM", "EXPOSED", "UNSAFE"…
}

var (
	overall = regexp.MustCompile(`(?m)^\S+ Overall exposure level for (\S+): (\d+\.\d) ([A-Z]+)`)
	// The tool makes an instance of a template that it is asked about.
	testInstance = regexp.MustCompile(`@test[-_]instance\.`)
)

// Ratings reads the output of `systemd-analyze security`. Services have the
// names by which they were asked for.
func Ratings(output []byte) (ratings []Rating) {
	for _, m := range overall.FindAllSubmatch(output, -1) {
		exposure, err := strconv.ParseFloat(string(m[2]), 64)
		if err == nil {
			ratings = append(ratings, Rating{testInstance.ReplaceAllString(string(m[1]), "@."), exposure, string(m[3])})
		}
	}
	return ratings
}

var (
	confLine = regexp.MustCompile(`^(/\S+:\d+): (.*)$`)
	unitLine = regexp.MustCompile(`^(\S+\.[a-z]+): (.*)$`)
	refused  = regexp.MustCompile(`^Unit (\S+) has a bad unit file setting\.$`)

	harmless = regexp.MustCompile(strings.Join([]string{
		// Old spellings with the same effect: the packages' business.
		`references a path below legacy directory /var/run/, updating `,
		`^Standard (output|error) type syslog(\+console)? is obsolete, automatically updating `,
		`^Unit uses \S+=; please use \S+= instead\.`,
		// What follows from a unit that is refused, which has a message of its own.
		`^Cannot add dependency job, ignoring: Unit \S+ has a bad unit file setting\.$`,
	}, "|"))
)

// Message reads a line that `systemd-analyze verify` wrote: which FILE:LINE or
// unit it is about, and whether it is a warning at all.
func Message(line string) (subject, text string, warning bool) {
	text = line
	if m := confLine.FindStringSubmatch(line); m != nil {
		subject, text = m[1], m[2]
	} else if m := unitLine.FindStringSubmatch(line); m != nil {
		subject, text = m[1], m[2]
	} else if refused.MatchString(line) {
		return "", "", false // see Refused
	}
	return subject, text, text != "" && !harmless.MatchString(text)
}

// Refused returns the units, of those that were asked about, that systemd does
// not load because of what their files say.
func Refused(output []byte) (units []string) {
	for line := range strings.Lines(string(output)) {
		if m := refused.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			units = append(units, m[1])
		}
	}
	return units
}
