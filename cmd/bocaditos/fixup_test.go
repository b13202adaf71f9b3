package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bocaditos/bocaditos/unitfixup"
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

// programs makes an executable at each path.
func programs(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		write(t, file, "#!/bin/sh\n")
		if err := os.Chmod(file, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// A package of two outputs is fixed where it is, as the setup hook does it.
func TestFixupPrefix(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	const hash = "0123456789abcdfghijklmnpqrsvwxyz-"
	out, bin, dep, elsewhere := filepath.Join(store, hash+"own-1.0"), filepath.Join(store, hash+"own-1.0-bin"), filepath.Join(store, hash+"dep-2"), t.TempDir()
	programs(t, out+"/libexec/helper", bin+"/bin/ownd", dep+"/bin/depd", dep+"/bin/other", elsewhere+"/stray")
	for link, target := range map[string]string{
		bin + "/bin/linked": dep + "/bin/depd", bin + "/bin/leak": elsewhere + "/stray",
		dep + "/sbin": "bin",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	unit := out + "/lib/systemd/system/own.service"
	write(t, unit, "[Service]\nExecStartPre=/bin/sh -c x\nExecStartPre="+dep+"/sbin/depd\nExecStartPre=linked\n"+
		"ExecStart=/usr/sbin/ownd --x\nExecStop=helper\nExecStopPost=/sbin/other\nExecReload=-nothing\n")
	bus := bin + "/share/dbus-1/system-services/own.service"
	write(t, bus, "[D-BUS Service]\nName=own\nExec=/usr/libexec/helper\n")
	fine := dep + "/lib/systemd/system/dep.service" // not of this package
	write(t, fine, "[Service]\nExecStart=/usr/bin/depd\n")
	for _, mode := range []struct {
		path string
		mode os.FileMode
	}{{unit, 0o444}, {filepath.Dir(unit), 0o555}, {out, 0o555}} {
		if err := os.Chmod(mode.path, mode.mode); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"fixup", "--store", store, "--prefix", out, "--prefix", bin, "--path", "/nowhere," + dep + "/bin"}

	untouched := files(t, store)
	report := []string{
		unit + ":4: ExecStartPre=linked rewritten to " + bin + "/bin/linked (own package own-1.0)",
		unit + ":5: ExecStart=/usr/sbin/ownd rewritten to " + bin + "/bin/ownd (own package own-1.0)",
		unit + ":6: ExecStop=helper rewritten to " + out + "/libexec/helper (own package own-1.0)",
		unit + ":7: ExecStopPost=/sbin/other rewritten to " + dep + "/bin/other (PATH)",
		unit + ":8: ExecReload=nothing missing, optional",
		bus + ":3: Exec=/usr/libexec/helper rewritten to " + out + "/libexec/helper",
		"2 kept, 5 rewritten, 1 missing\n",
	}
	bocaditos(t, append(args, "-n")...).wants(t, exitOK, report...)
	if after := files(t, store); after != untouched {
		t.Errorf("--dry-run changed files:\n%s", difference(untouched, after))
	}
	bocaditos(t, args...).wants(t, exitOK, report...).without(t, "dep.service")
	want := "[Service]\nExecStartPre=/bin/sh -c x\nExecStartPre=" + dep + "/sbin/depd\nExecStartPre=" + bin + "/bin/linked\n" +
		"ExecStart=" + bin + "/bin/ownd --x\nExecStop=" + out + "/libexec/helper\nExecStopPost=" + dep + "/bin/other\nExecReload=-nothing\n"
	if got := read(t, unit); got != want {
		t.Errorf("the unit is now\n%s\nwant\n%s", got, want)
	}
	for path, mode := range map[string]os.FileMode{unit: 0o444, filepath.Dir(unit): os.ModeDir | 0o555, out: os.ModeDir | 0o555} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, want mode %v", path, info.Mode(), mode)
		}
	}
	if got, want := read(t, bin+"/"+unitfixup.BuildReport), `{"file":"share/dbus-1/system-services/own.service","line":3,`; !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("the report of one prefix is\n%s", got)
	}
	if got := read(t, out+"/"+unitfixup.BuildReport); strings.Count(got, "\n") != 4 || strings.Contains(got, `"file":"/`) {
		t.Errorf("the report of the other is\n%s", got)
	}

	// Again: nothing changes, what was done is still told.
	fixed := files(t, store)
	bocaditos(t, args...).wants(t, exitOK, "ExecStop=helper rewritten to "+out+"/libexec/helper when the package was built", "2 kept, 5 rewritten, 1 missing\n")
	if again := files(t, store); again != fixed {
		t.Errorf("a second run changed files:\n%s", difference(fixed, again))
	}

	// What exists on this host only is missing.
	if err := os.Chmod(unit, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, unit, "[Service]\nExecStart=/usr/bin/stray\nExecStop=/usr/local/bin/ownd\nExecReload=leak\nExecStartPost=/bin/ls\n")
	bocaditos(t, args...).wants(t, exitFailure, "ExecStart=/usr/bin/stray missing", "ExecStop=/usr/local/bin/ownd rewritten to "+bin+"/bin/ownd", "ExecReload=leak missing", "ExecStartPost=/bin/ls missing")
	bocaditos(t, append(args, "--ignore-missing", "ls", "--ignore-missing", "/usr/bin/s*")...).wants(t, exitFailure, "programs are missing")
	bocaditos(t, append(args, "--ignore-missing", "ls", "--ignore-missing", "/usr/bin/s*", "--ignore-missing", "leak")...).wants(t, exitOK)
	write(t, unit, "[Service]\nExecStart="+bin+"/bin/ownd\n")
	bocaditos(t, args...).wants(t, exitOK)
	if _, err := os.Stat(out + "/" + unitfixup.BuildReport); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a report of nothing: %v", err)
	}

	bocaditos(t, append(args, "--ignore-missing", "[")...).wants(t, exitUsage, "--ignore-missing", hintUsage)
	bocaditos(t, append(args, "x")...).wants(t, exitUsage, "accepts 0 arg(s)", hintUsage)
	bocaditos(t, "fixup", "--prefix", out+"-gone").wants(t, exitFailure, out+"-gone: no such file or directory")
}

// An ordinary user builds packages in read-only directories, too.
func TestFixupPrefixUnprivileged(t *testing.T) {
	dir := filepath.Join(scratch, "unprivileged")
	unit := filepath.Join(dir, "own/lib/systemd/system/own.service")
	programs(t, filepath.Join(dir, "own/bin/ownd"))
	write(t, unit, "[Service]\nExecStart=ownd\n")
	const nobody = 65534
	for _, path := range []string{unit, filepath.Dir(unit), filepath.Join(dir, "own")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chown(path, nobody, nobody), os.Chmod(path, info.Mode()&^0o222)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command(t, "fixup", "--prefix", filepath.Join(dir, "own"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	finish(t, cmd).wants(t, exitOK, "1 rewritten")
	if got := read(t, unit); got != "[Service]\nExecStart="+dir+"/own/bin/ownd\n" {
		t.Errorf("the unit is now\n%s", got)
	}
	for _, path := range []string{unit, filepath.Dir(unit), filepath.Join(dir, "own")} {
		if info, err := os.Stat(path); err != nil || info.Mode()&0o222 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}
