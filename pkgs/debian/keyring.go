package debian

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/bocaditos/bocaditos/pkgs"
)

// Where Debian's keys are: first match wins.
var defaultKeyrings = []string{
	"/usr/share/keyrings/debian-archive-keyring.pgp",
	"/usr/share/keyrings/debian-archive-keyring.gpg",
	"/etc/apt/trusted.gpg.d/debian-archive-*",
}

func defaultKeyring() ([]byte, error) {
	for _, pattern := range defaultKeyrings {
		if files, _ := filepath.Glob(pattern); len(files) > 0 {
			return readKeyrings(files...)
		}
	}
	return nil, &pkgs.Error{Err: errors.New("this host has no keys of Debian's archive"),
		Tip: "install the package debian-archive-keyring, or set keyring in [debian]"}
}

func readKeyrings(files ...string) ([]byte, error) {
	var all []byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read keyring: %w", err)
		}
		keys, err := dearmor(data)
		if err != nil {
			return nil, fmt.Errorf("read keyring %s: %w", file, err)
		}
		all = append(all, keys...)
	}
	return all, nil
}

const armorBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"

// dearmor makes keys binary: that form can be joined, and needs no file
// suffix guessed for apt.
func dearmor(data []byte) ([]byte, error) {
	if !bytes.Contains(data, []byte(armorBegin)) {
		return data, nil
	}
	var keys []byte
	for _, block := range strings.Split(string(data), armorBegin)[1:] {
		b, err := armor.Decode(strings.NewReader(armorBegin + block))
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(b.Body)
		if err != nil {
			return nil, err
		}
		keys = append(keys, body...)
	}
	return keys, nil
}

// keyring is what the host's source says with Signed-By, else Debian's.
func (e hostEntry) keyring() ([]byte, error) {
	value := e.signedBy()
	if strings.Contains(value, armorBegin) {
		return dearmor([]byte(value))
	}
	files := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	if len(files) == 0 || !strings.HasPrefix(files[0], "/") { // a fingerprint is a choice among the known keys
		return defaultKeyring()
	}
	return readKeyrings(files...)
}

var optionSignedBy = regexp.MustCompile(`^\s*deb\s+\[[^]]*signed-by=([^] ]+)`)

// signedBy looks up the option in the host's file, of either format of
// sources.list(5): apt does not print it. Empty if it is not found.
func (e hostEntry) signedBy() string {
	data, err := os.ReadFile(e.file)
	if err != nil || e.number < 1 {
		return ""
	}
	if !strings.HasSuffix(e.file, ".sources") {
		lines := strings.Split(string(data), "\n")
		if e.number > len(lines) {
			return ""
		}
		if m := optionSignedBy.FindStringSubmatch(lines[e.number-1]); m != nil {
			return m[1]
		}
		return ""
	}
	lines := slices.DeleteFunc(strings.Split(string(data), "\n"), func(l string) bool { return strings.HasPrefix(l, "#") })
	n := 0
	for _, stanza := range regexp.MustCompile(`\n\s*\n`).Split(strings.Join(lines, "\n"), -1) {
		if strings.TrimSpace(stanza) == "" {
			continue
		}
		if n++; n == e.number {
			fields, err := parseFields(stanza)
			if err != nil {
				return ""
			}
			return strings.ReplaceAll(fields["signed-by"], "\n.\n", "\n\n")
		}
	}
	return ""
}
