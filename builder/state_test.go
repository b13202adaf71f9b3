package builder

import (
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/builder/recipe"
)

// stateBuild is a build of a recipe with these lines at its end.
func stateBuild(t *testing.T, lines string) *build {
	t.Helper()
	r, err := recipe.Parse("image.toml", []byte("id = 'x'\nversion = '1'\narchitecture = 'x86-64'\npackages.install = ['systemd']\n"+lines))
	if err != nil {
		t.Fatal(err)
	}
	return &build{recipe: r, prefix: usr}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{"", "systemd.volatile=state systemd.machine_id=firmware"},
		{"kernel.command_line = ['quiet']", "quiet systemd.volatile=state systemd.machine_id=firmware"},
		{"[state]", "systemd.machine_id=firmware"},
		{"state.size = 0", "systemd.volatile=state systemd.machine_id=firmware"},
		{"kernel.command_line = ['systemd.machine_id=00000000000000000000000000000001']\n[state]", "systemd.machine_id=00000000000000000000000000000001"},
	} {
		if got := stateBuild(t, c.lines).cmdline(); got != c.want {
			t.Errorf("%s: %q, want %q", c.lines, got, c.want)
		}
	}
}

func TestStateFiles(t *testing.T) {
	needed := map[string]string{
		"/usr/bin/systemd-repart": "", "/usr/lib/systemd/systemd-udevd": "", "/usr/sbin/modprobe": "", "/usr/bin/cat": "",
		"/usr/sbin/mke2fs": "", "/usr/sbin/mkfs.ext4": "→ mke2fs", "/usr/sbin/fsck": "",
	}
	root := pkg(t, "all", needed).Tree
	if err := stateBuild(t, "[state]").addState(root); err != nil {
		t.Fatal(err)
	}
	n := root.Lookup("/usr/lib/repart.d/50-state.conf")
	if n == nil || n.Origin().Rule != "state" {
		t.Errorf("the definition of the partition: %+v", n)
	}
	// Twice: what is there already is not replaced.
	if err := stateBuild(t, "[state]").addState(root); err == nil || !strings.Contains(err.Error(), "is in the image already, from") {
		t.Errorf("files that are there: %v", err)
	}
	plain := pkg(t, "all", needed).Tree
	if err := stateBuild(t, "").addState(plain); err != nil || plain.Lookup("/usr/lib/repart.d") != nil {
		t.Errorf("without [state]: %v", err)
	}
	err := stateBuild(t, "state.encrypt = 'tpm'").addState(plain)
	if err == nil || !strings.HasPrefix(err.Error(), "[state] needs what the image does not have: /usr/bin/systemd-cryptsetup, /usr/lib/*/libtss2-esys.so.0, ") {
		t.Errorf("without a TPM's libraries: %v", err)
	}
}
