package uki

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func (c Config) checkText(maxCmdline int) error {
	if err := checkOSRelease(c.OSRelease); err != nil {
		return fmt.Errorf("os-release: %w", err)
	}
	if err := checkCmdline(c.Cmdline, maxCmdline); err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	if c.Uname == "" || len(c.Uname) > 64 || strings.ContainsFunc(c.Uname, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("kernel release %q is none: 1 to 64 printable ASCII characters without spaces", c.Uname)
	}
	return nil
}

func checkCmdline(s string, limit int) error {
	switch {
	case strings.TrimSpace(s) == "":
		return errors.New("is empty; systemd-stub would then take one from the boot menu, also under Secure Boot")
	case len(s) > limit:
		return fmt.Errorf("has %d bytes; this kernel takes %d and drops the rest", len(s), limit)
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("has a control character: %q", s)
	}
	return nil
}

// idLine is the line that os-release(5) wants; systemd-boot skips an image
// that names itself in no way.
var idLine = regexp.MustCompile(`(?m)^ID=(["']?)[a-z0-9._-]+["']?[ \t]*$`)

func checkOSRelease(s string) error {
	switch {
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return errors.New("is not text")
	case !idLine.MatchString(s):
		return errors.New("has no ID= line (lower case letters, digits, dot, underscore, hyphen)")
	}
	return nil
}

// The lines that SBAT's own document and the UKI specification name: the first
// says which version of the format follows, the second lets all UKIs be revoked.
const (
	sbatHeader = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md"
	sbatUKI    = "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/"
)

// mergeSBAT joins the lines of stub, kernel and image under one header, so
// that shim can revoke each of them.
func mergeSBAT(stub, kernel *program, own string) (string, error) {
	lines := []string{sbatHeader}
	for _, p := range []*program{stub, kernel} {
		text := strings.TrimRight(string(p.section(".sbat")), "\x00\n")
		if text == "" {
			continue // most kernels have none
		}
		theirs := strings.Split(text, "\n")
		if !strings.HasPrefix(theirs[0], "sbat,") {
			return "", fmt.Errorf("%q does not start like SBAT", theirs[0])
		}
		lines = append(lines, theirs[1:]...)
	}
	lines = append(lines, sbatUKI)
	for line := range strings.Lines(own) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		if err := checkSBATLine(line); err != nil {
			return "", err
		}
	}
	return strings.Join(lines, "\n") + "\n\x00", nil
}

func checkSBATLine(line string) error {
	fields := strings.Split(line, ",")
	if len(fields) < 6 {
		return fmt.Errorf("line %q has %d of the six fields component,generation,vendor,package,version,address", line, len(fields))
	}
	if n, err := strconv.ParseUint(fields[1], 10, 16); err != nil || n == 0 || fields[0] == "" {
		return fmt.Errorf("line %q needs a component and a generation of 1 or more", line)
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("line %q is not printable ASCII", line)
	}
	return nil
}
