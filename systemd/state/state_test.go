package state

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func made(t *testing.T, c Config) map[string]string {
	t.Helper()
	all, err := c.Files()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Each configuration has the files that it needs and no others, all below the
// prefix, and nothing of a template is left in them.
func TestFiles(t *testing.T) {
	common := []string{
		"lib/repart.d/50-state.conf",
		"lib/systemd/journald.conf.d/10-bocaditos.conf",
		"lib/systemd/system-preset/10-bocaditos-state.preset",
		"lib/systemd/system/bocaditos-factory-reset-request.service",
		"lib/systemd/system/bocaditos-factory-reset.service",
		"lib/systemd/system/bocaditos-state-failed.service",
		"lib/systemd/system/dev-bocaditos-state.device.d/10-bocaditos.conf",
		"lib/systemd/system/systemd-repart.service.d/10-bocaditos.conf",
		"lib/systemd/system/var.mount",
		"lib/udev/rules.d/61-bocaditos-state.rules",
	}
	encrypted := append([]string{"lib/tmpfiles.d/00-bocaditos-state.conf", "share/factory/etc/crypttab"}, common...)
	for _, tt := range []struct {
		config Config
		want   []string
		mount  []string // lines of var.mount
	}{
		{Config{Format: "ext4", MinBytes: 1}, common, []string{"What=/dev/bocaditos/state", "Type=ext4", "Requires=systemd-fsck@dev-bocaditos-state.service"}},
		{Config{Format: "btrfs", MinBytes: 1}, common, []string{"What=/dev/bocaditos/state", "Type=btrfs"}},
		{Config{Format: "ext4", MinBytes: 1, TPM: true}, encrypted, []string{"What=/dev/mapper/state", "Requires=systemd-fsck@dev-mapper-state.service"}},
	} {
		tt.config.Prefix = "/nix/store/x-systemd"
		all := made(t, tt.config)
		var want []string
		for _, name := range tt.want {
			want = append(want, tt.config.Prefix+"/"+name)
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
			t.Errorf("%+v: files %q, want %q", tt.config, got, want)
		}
		for name, text := range all {
			if strings.Contains(text, "{{") || strings.Contains(text, "<no value>") || strings.Contains(text, "\n\n\n") || !strings.HasSuffix(text, "\n") {
				t.Errorf("%s:\n%s", name, text)
			}
		}
		mount := all[tt.config.Prefix+"/lib/systemd/system/var.mount"]
		for _, line := range tt.mount {
			if !strings.Contains(mount, "\n"+line+"\n") {
				t.Errorf("%+v: var.mount has no %s:\n%s", tt.config, line, mount)
			}
		}
		if tt.config.Format == "btrfs" && strings.Contains(mount, "fsck") {
			t.Errorf("btrfs is checked:\n%s", mount)
		}
	}
}

// systemd-repart understands every line, and plans the partition.
func TestRepartUnderstands(t *testing.T) {
	for _, c := range []Config{
		{Format: "ext4", MinBytes: 100 << 20, MaxBytes: 200 << 20},
		{Format: "btrfs", MinBytes: 300 << 20, MaxBytes: 301 << 20, TPM: true},
	} {
		dir := t.TempDir()
		text := made(t, c)["lib/repart.d/50-state.conf"]
		if err := os.WriteFile(filepath.Join(dir, "50-state.conf"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		disk := filepath.Join(dir, "disk.raw")
		if err := os.WriteFile(disk, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(disk, 1<<30); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("systemd-repart", "--definitions="+dir, "--empty=force", "--dry-run=yes", "--json=short", disk)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil || strings.Contains(said.String(), "50-state.conf") {
			t.Fatalf("systemd-repart: %v\n%s\nof\n%s", err, said.String(), text)
		}
		var parts []struct {
			Type, Label string
			Size        int64 `json:"raw_size"`
		}
		if err := json.Unmarshal(out, &parts); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if len(parts) != 1 || parts[0].Type != "var" || parts[0].Label != "state" || parts[0].Size != c.MaxBytes {
			t.Errorf("systemd-repart plans %+v of\n%s", parts, text)
		}
	}
}
