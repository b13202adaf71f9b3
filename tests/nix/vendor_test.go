// Package nix_test tests the Nix code, nix/ and flake.nix, with real Nix.
package nix_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// vendorHash in nix/cli is the hash of what go mod vendor makes: nixpkgs'
// buildGoModule runs it, and refuses anything else.
func TestVendorHash(t *testing.T) {
	const file = "../../nix/cli/default.nix"
	vendor := filepath.Join(t.TempDir(), "vendor")
	run(t, "../..", "go", "mod", "vendor", "-o", vendor)
	want := strings.TrimSpace(run(t, "", "nix", "--extra-experimental-features", "nix-command", "hash", "path", vendor))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`vendorHash = "(.*)";`).FindSubmatch(text)
	if found == nil {
		t.Fatal(file + " has no vendorHash")
	}
	if got := string(found[1]); got == want {
		return
	} else if os.Getenv("BOCADITOS_UPDATE") == "" {
		t.Fatalf("vendorHash is %s, of what go mod vendor makes now it is %s: run this test with BOCADITOS_UPDATE=1", got, want)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), string(found[1]), want, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a program in a directory and returns its standard output.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
