package debiantest

import (
	"os"
	"path/filepath"
	"testing"
)

// LinuxSource returns the directory of Debian 13's source of Linux, unpacked in
// the user's cache. It is only read.
func LinuxSource(t testing.TB) string {
	t.Helper()
	const name = "linux-source-6.12"
	pkg := Unpacked(t, "amd64", name)
	dir := filepath.Join(filepath.Dir(pkg), "linux")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".linux-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	Run(t, "tar", "-C", tmp, "-xf", filepath.Join(pkg, "usr/src", name+".tar.xz"))
	// Another test may have been faster; its result is as good.
	if err := os.Rename(filepath.Join(tmp, name), dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return dir
}
