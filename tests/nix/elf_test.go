package nix_test

import (
	"debug/elf"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// elfFile is what an ELF file says about how it is started.
type elfFile struct {
	interpreter string
	runpath     []string
}

// elfFiles reads the programs and libraries below directories; kernels' modules
// and EFI programs are none.
func elfFiles(t *testing.T, dirs []string) map[string]elfFile {
	t.Helper()
	all := map[string]elfFile{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := elf.Open(path)
			if err != nil {
				return nil // not an ELF file
			}
			defer f.Close()
			if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
				return nil
			}
			var e elfFile
			for _, p := range f.Progs {
				if p.Type == elf.PT_INTERP {
					b := make([]byte, p.Filesz)
					if _, err := p.ReadAt(b, 0); err != nil {
						return err
					}
					e.interpreter = strings.TrimRight(string(b), "\x00")
				}
			}
			for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
				list, err := f.DynString(tag)
				if err != nil {
					continue // static
				}
				for _, l := range list {
					if l != "" {
						e.runpath = append(e.runpath, strings.Split(l, ":")...)
					}
				}
			}
			all[path] = e
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
