package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFixup(t *testing.T) {
	dir := t.TempDir()
	units := filepath.Join(dir, "usr/lib/systemd/system")
	write(t, filepath.Join(dir, "usr/bin/tool"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(dir, "usr/bin/tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	const before = "# keep  me \n[Service]\nExecStart=/sbin/tool --x \"$A\"\nExecStop=-nothing\n"
	fixed := "# keep  me \n[Service]\nExecStart=/usr/bin/tool --x \"$A\"\nExecStop=-nothing\n"
	tool := filepath.Join(units, "tool.service")
	write(t, tool, before)
	if err := os.Chmod(tool, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(tool, 12, 34); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(units, "fine.service"), "[Service]\nExecStart=/usr/bin/tool\n")

	report := []string{
		"/usr/lib/systemd/system/tool.service:3: ExecStart=/sbin/tool rewritten to /usr/bin/tool",
		"/usr/lib/systemd/system/tool.service:4: ExecStop=nothing missing, optional",
		"1 kept, 1 rewritten, 1 missing\n",
	}
	untouched := files(t, dir)
	bocaditos(t, "fixup", "--dry-run", dir).wants(t, exitOK, report...).without(t, "fine.service")
	if after := files(t, dir); after != untouched {
		t.Errorf("--dry-run changed files:\n%s", difference(untouched, after))
	}
	bocaditos(t, "fixup", "-n", "--all", dir).wants(t, exitOK, "fine.service:2: ExecStart=/usr/bin/tool kept")

	bocaditos(t, "fixup", dir).wants(t, exitOK, report...)
	if got := read(t, tool); got != fixed {
		t.Errorf("the unit is now\n%s", got)
	}
	info, err := os.Stat(tool)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if got := owner(info); got != "12:34" {
		t.Errorf("its owner is %s", got)
	}
	if left, _ := filepath.Glob(units + "/.*"); left != nil {
		t.Errorf("left: %q", left)
	}
	fine := files(t, dir)
	bocaditos(t, "fixup", dir).wants(t, exitOK, "2 kept, 0 rewritten, 1 missing\n")
	if again := files(t, dir); again != fine {
		t.Errorf("a second run changed files:\n%s", difference(fine, again))
	}

	write(t, filepath.Join(units, "broken.service"), "[Service]\nExecStart=/usr/bin/gone\n")
	bocaditos(t, "fixup", dir).wants(t, exitFailure, "broken.service:2: ExecStart=/usr/bin/gone missing", "bocaditos: programs are missing\n")
	bocaditos(t, "fixup", filepath.Join(dir, "nowhere")).wants(t, exitFailure, "nowhere: no such file or directory")
}

func TestFixupPath(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "opt/x/tool"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(dir, "opt/x/tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(dir, "usr/lib/systemd/system/tool.service")
	write(t, unit, "[Service]\nExecStart=tool\n")
	bocaditos(t, "fixup", dir).wants(t, exitFailure, "missing")
	bocaditos(t, "fixup", "--path", "/opt/x", dir).wants(t, exitOK, "rewritten to /opt/x/tool")
	if got := read(t, unit); got != "[Service]\nExecStart=/opt/x/tool\n" {
		t.Errorf("the unit is now\n%s", got)
	}
}
func owner(info os.FileInfo) string {
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", st.Uid, st.Gid)
}
