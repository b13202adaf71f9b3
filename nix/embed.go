// Package nixcode carries Bocaditos' Nix code, the files beside this one, so
// that the program needs no checkout of them: an overlay for nixpkgs, and what
// the overlay adds.
package nixcode

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed *
var files embed.FS

// Unpack writes the Nix code below dir, which is made if need be, under a name
// that follows from its content, and returns that directory, the one with overlay.nix. What is
// there already is left alone. Files are mode 0644: what Nix code runs, it runs by
// an interpreter.
func Unpack(dir string) (string, error) {
	sum := sha256.New()
	content := map[string][]byte{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".go") {
			return err
		}
		data, err := files.ReadFile(name)
		content[name] = data
		fmt.Fprintf(sum, "%q %d\n", name, len(data)) // in WalkDir's order, which is sorted
		sum.Write(data)
		return err
	})
	if err != nil {
		return "", err
	}
	final := filepath.Join(dir, hex.EncodeToString(sum.Sum(nil))[:32])
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(dir, ".unpack-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) // fails when it went well
	for name, data := range content {
		file := filepath.Join(tmp, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	// Another process may have been faster; its result is as good.
	if err := os.Rename(tmp, final); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("unpack the Nix code: %w", err)
	}
	return final, nil
}
