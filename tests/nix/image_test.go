package nix_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/nixtest"
)

const boxRecipe = `id = "box"
version = "1"

[packages]
source = "nix"
install = ["bash", "coreutils", "dbus", "dbus-broker", "kmod", "linux-pam", "shadow", "util-linux"]

[nix]
nixpkgs = "NIXPKGS"
`

// A flake of a user's has an image as a package. It is the same image that
// bocaditos build makes: what a derivation knows of its inputs is as good as what
// nix says. Nix 2.8 has no builds with all user IDs, so this one has no sandbox.
func TestImageInDerivation(t *testing.T) {
	set := nixtest.PackageSet(t)
	f := newFlake(t, set)
	dir := t.TempDir()
	recipe := strings.Replace(boxRecipe, "NIXPKGS", f.nixpkgs, 1)
	write(t, filepath.Join(dir, "flake/image.toml"), []byte(recipe))
	write(t, filepath.Join(dir, "flake/flake.nix"), []byte(`{
  inputs.nixpkgs.url = "path:`+f.nixpkgs+`";
  inputs.bocaditos.url = "path:`+f.dir+`";
  inputs.bocaditos.inputs.nixpkgs.follows = "nixpkgs";
  outputs = { bocaditos, ... }: {
    packages.x86_64-linux.default = bocaditos.lib.image { recipe = ./image.toml; uidRange = false; };
    sandboxed = bocaditos.lib.image { recipe = ./image.toml; };
  };
}
`))
	ref := "path:" + filepath.Join(dir, "flake")
	nix := func(args ...string) string {
		args = append([]string{"nix"}, args...)
		return strings.TrimSpace(run(t, "", append(args, "--impure", "--no-write-lock-file", "--option", "sandbox", "false", "--option", "filter-syscalls", "false")...))
	}
	if got := nix("eval", "--json", ref+"#sandboxed.requiredSystemFeatures"); got != `["uid-range"]` {
		t.Errorf("in a sandbox it needs %s", got)
	}
	nix("build", "--no-link", ref)
	out := nix("eval", "--raw", ref+"#packages.x86_64-linux.default.outPath")

	write(t, filepath.Join(dir, "plain/image.toml"), []byte(recipe))
	tool := filepath.Join(nix("eval", "--raw", "--override-input", "nixpkgs", "path:"+f.nixpkgs, f.ref("packages.x86_64-linux.default.outPath")), "bin/bocaditos")
	build := exec.Command(tool, "build", "--cache", filepath.Join(dir, "cache"), filepath.Join(dir, "plain"))
	if log, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	inside, outside := rootHash(t, out), rootHash(t, filepath.Join(dir, "plain/out"))
	if inside == "" || inside != outside {
		t.Errorf("the root hash is %s in the derivation, %s outside", inside, outside)
	}
}

// rootHash is what the manifest of the box in a directory says.
func rootHash(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "box_1/manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		RootFS struct {
			Hash string `json:"hash"`
		} `json:"root"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m.RootFS.Hash
}
