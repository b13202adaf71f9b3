package nix_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/nixtest"
)

// expression is Nix code that sees the package set with the overlay of the project
// and this build of the tool, as pkgs.
func expression(t *testing.T, set nixtest.Set, code string) string {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "bocaditos")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", tool, "../../cmd/bocaditos")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	prebuilt, err := filepath.Abs("../../nix/cli/prebuilt.nix")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("let pkgs = (%s).extend (import %s { executable = %q; }); in %s", set.Expr(), prebuilt, tool, code)
}

// nixBuild builds an expression. It returns the store path, or what Nix said.
func nixBuild(t *testing.T, expr string, options ...string) (path, log string, err error) {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command("nix-build", append([]string{"--no-out-link", "--expr", expr}, options...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), stderr.String(), err
}

// The package checks for itself what the hook made of its units.
func TestUnitFixupHook(t *testing.T) {
	set := nixtest.PackageSet(t)
	const test = "(pkgs.callPackage ../../nix/unit-fixup-hook/test.nix { })"
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	build := func(change string) (string, string, error) {
		code := strings.ReplaceAll(test, "../..", filepath.Join(here, "../.."))
		return nixBuild(t, expression(t, set, code+change))
	}
	path, log, err := build("")
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	report, err := os.ReadFile(path + "/nix-support/unit-fixup.json")
	if err != nil || !strings.Contains(string(report), `"program":"/usr/sbin/testd"`) {
		t.Errorf("the report is %s, %v", report, err)
	}
	info, err := os.Stat(path + "/lib/systemd/system/testd.service")
	if err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("the unit has mode %v, %v", info.Mode(), err)
	}

	for _, c := range []struct{ name, change, want string }{
		{"a program that nobody has", `.overrideAttrs (_: { unitFixupIgnoreMissing = ""; })`,
			"testd.service:5: ExecStartPre=udevadm missing (not there)"},
		{"switched off", ".overrideAttrs (_: { dontFixupUnits = 1; doInstallCheck = false; })", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, log, err := build(c.change)
			if c.want != "" {
				if err == nil || !strings.Contains(log, c.want) || !strings.Contains(log, "set dontFixupUnits=1") {
					t.Errorf("got %v, want %q in\n%s", err, c.want, log)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			unit, err := os.ReadFile(path + "/lib/systemd/system/testd.service")
			if err != nil || !strings.Contains(string(unit), "ExecStart=/usr/sbin/testd ") {
				t.Errorf("the unit is\n%s, %v", unit, err)
			}
		})
	}
}
