// Package archivetest makes signed Debian archives out of packages that a test
// thinks up, with Debian's own tools, and serves them by mirrors that fail on
// request. It is for tests only.
package archivetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Keys can sign archives. They are a gpg home, made once for all tests of a
// package because making keys takes a while.
type Keys struct {
	Home                    string // further files may be put here; Close removes them
	Good, Expired, Bad, RSA string // user ids; keyrings of archives have Good and Expired
}

// tools are what this package needs, and the packages that have them.
var tools = map[string]string{
	"apt-get": "apt", "apt-ftparchive": "apt-utils", "dpkg-deb": "dpkg",
	"gpg": "gpg", "gpg-agent": "gpg-agent", "xz": "xz-utils",
}

// MakeKeys makes the keys. Call it in TestMain.
func MakeKeys() (*Keys, error) {
	for tool, pkg := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("these tests need %s: install the package %s", tool, pkg)
		}
	}
	home, err := os.MkdirTemp("", "gpg") // short: the agent's socket is in it
	if err != nil {
		return nil, err
	}
	k := &Keys{home, "good@example.org", "expired@example.org", "bad@example.org", "rsa@example.org"}
	for _, args := range [][]string{
		{"--quick-gen-key", k.Good, "ed25519", "sign", "never"},
		{"--quick-gen-key", k.Bad, "ed25519", "sign", "never"},
		{"--quick-gen-key", k.RSA, "rsa2048", "sign", "never"},
		{"--faked-system-time", "20200101T000000", "--quick-gen-key", k.Expired, "ed25519", "sign", "2d"},
	} {
		if out, err := k.GPG(args...).CombinedOutput(); err != nil {
			k.Close()
			return nil, fmt.Errorf("make a key: %w: %s", err, out)
		}
	}
	return k, nil
}

// Close removes the keys and ends their agent.
func (k *Keys) Close() {
	exec.Command("gpgconf", "--homedir", k.Home, "--kill", "all").Run()
	os.RemoveAll(k.Home)
}

// GPG is a gpg that has the keys.
func (k *Keys) GPG(args ...string) *exec.Cmd {
	return exec.Command("gpg", append([]string{"--homedir", k.Home, "--batch", "--quiet", "--passphrase", ""}, args...)...)
}

// Command runs a command, which must succeed, and returns its output.
func Command(t testing.TB, cmd *exec.Cmd) []byte {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, errs.String())
	}
	return out
}

// Write writes a file of exactly that mode, and the directories it needs.
func Write(t testing.TB, file, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return file
}
