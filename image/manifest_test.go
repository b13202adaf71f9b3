package image_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/image"
)

func TestRoundTripAndCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x_1.raw")
	if err := os.WriteFile(file, []byte("disk"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := image.Describe(image.Disk, file)
	if err != nil {
		t.Fatal(err)
	}
	m := &image.Manifest{Format: image.Format, ID: "x", Version: "1", Artifacts: []image.Artifact{a}}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, image.FileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := image.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Check(dir); err != nil {
		t.Errorf("an untouched image fails its check: %v", err)
	}
	if _, err := back.File(image.UKI); err == nil || !strings.Contains(err.Error(), "x_1 has no uki, only disk") {
		t.Errorf("missing kind: %v", err)
	}
	os.WriteFile(file, []byte("dusk"), 0o600)
	if err := back.Check(dir); err == nil || !strings.Contains(err.Error(), "x_1.raw is not the file that was built") {
		t.Errorf("changed file: %v", err)
	}
	os.Remove(file)
	if err := back.Check(dir); err == nil || !strings.Contains(err.Error(), "x_1.raw is missing") {
		t.Errorf("missing file: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ json, err string }{
		"other format":     {`{"format": 2}`, "format 2 is not the format 1"},
		"no JSON":          {`{`, "unexpected end"},
		"path as artifact": {`{"format": 1, "artifacts": [{"file": "../../etc/passwd"}]}`, "is not a file name"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			os.WriteFile(filepath.Join(dir, image.FileName), []byte(c.json), 0o600)
			if _, err := image.Read(dir); err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
}
