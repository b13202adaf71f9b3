package qemu

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Credential is a systemd credential, see systemd.exec(5). It reaches the
// guest as an SMBIOS string and never appears in the host's process list.
type Credential struct {
	Name  string
	Value []byte
	File  string // read instead of Value, if not empty
}

// maxCredentials is what fits into the SMBIOS table, as base64 with names: the
// table's length is a 16-bit number in the oldest layout, which QEMU uses
// where it can, and QEMU's own entries need the rest.
const maxCredentials = 65535 - 4095

func (m Machine) credentials(c *command) error {
	total := 0
	seen := map[string]bool{}
	for _, cred := range m.Credentials {
		text, err := cred.smbios()
		if err != nil {
			return fmt.Errorf("credential %q: %w", cred.Name, err)
		}
		if seen[cred.Name] {
			return fmt.Errorf("credential %q is there twice", cred.Name)
		}
		seen[cred.Name] = true
		if total += len(text) + 1; total > maxCredentials {
			return fmt.Errorf("credential %q: all together are too long: %d bytes as base64, a machine takes %d", cred.Name, total, maxCredentials)
		}
		path, err := c.memory([]byte(text))
		if err != nil {
			return err
		}
		c.add("-smbios", "type=11,path="+path)
	}
	return nil
}

func (c Credential) smbios() (string, error) {
	if err := checkCredentialName(c.Name); err != nil {
		return "", err
	}
	if c.File != "" {
		if c.Value != nil {
			return "", errors.New("has both a value and a file")
		}
		value, err := os.ReadFile(c.File)
		if err != nil {
			return "", err
		}
		c.Value = value
	}
	return "io.systemd.credential.binary:" + c.Name + "=" + base64.StdEncoding.EncodeToString(c.Value), nil
}

// checkCredentialName accepts what systemd does (a file name that is also a
// name for a file descriptor), but for "=", which ends the name in SMBIOS.
func checkCredentialName(s string) error {
	if s == "" || s == "." || s == ".." || len(s) > 255 ||
		strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune("/:=", r) }) {
		return errors.New("not a valid name: 1 to 255 printable ASCII characters without / : and =")
	}
	return nil
}
