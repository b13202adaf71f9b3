package nixcode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnpack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	first, err := Unpack(dir)
	if err != nil {
		t.Fatal(err)
	}
	// All that is beside this file, but no Go.
	err = filepath.WalkDir(".", func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(first, name))
		if strings.HasSuffix(name, ".go") {
			if err == nil {
				t.Errorf("%s was unpacked", name)
			}
			return nil
		}
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is another file (%v)", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Unpack(dir); err != nil || second != first {
		t.Errorf("the second time it is in %s (%v), not %s", second, err, first)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left over: %v", entries)
	}
}
