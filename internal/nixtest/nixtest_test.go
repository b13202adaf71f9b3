package nixtest

import (
	"os"
	"path/filepath"
	"testing"
)

// The directory of Debian's files is complete, and the second call is the same.
func TestPackageSet(t *testing.T) {
	set := PackageSet(t)
	for _, name := range []string{"debs.json", "bootstrap/busybox"} {
		if _, err := os.Stat(filepath.Join(set.Debs, name)); err != nil {
			t.Error(err)
		}
	}
	if again := PackageSet(t); again != set {
		t.Errorf("second call: %v, first: %v", again, set)
	}
}
