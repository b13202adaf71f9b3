package recipe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// getcap(8) reads what FileCapabilities writes.
func TestFileCapabilities(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give capabilities to a file")
	}
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, names := range []string{"cap_chown", "cap_chown,cap_checkpoint_restore", "cap_net_bind_service,cap_net_raw,cap_bpf"} {
		var list []Capability
		for name := range strings.SplitSeq(names, ",") {
			list = append(list, Capability(name))
		}
		if err := unix.Setxattr(file, "security.capability", []byte(FileCapabilities(list)), 0); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("getcap", file).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != file+" "+names+"=ep" {
			t.Errorf("%s: getcap says %q, %v", names, got, err)
		}
	}
}
