// Package vconsole knows which keymaps and fonts an image has for its virtual
// consoles, as loadkeys(1) and setfont(8) of the kbd project find them. It
// loads none: at boot systemd-vconsole-setup.service does.
package vconsole

import (
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// A File is a keymap or a font.
type File struct {
	Name string // for vconsole.conf(5)
	Path string // in the image
}

// decompressors are the programs that kbd starts, by a shell, to read files
// with such an ending.
var decompressors = map[string]string{".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}

// Keymaps returns the keymaps, sorted by name. Where several architectures
// have one of the same name, the first of them counts.
func Keymaps(t *tree.Tree, prefix string) []File {
	return find(t, path.Join(prefix, "share/keymaps"), true, ".kmap", ".map")
}

// Fonts returns the fonts, sorted by name.
func Fonts(t *tree.Tree, prefix string) []File {
	return find(t, path.Join(prefix, "share/consolefonts"), false, ".psfu", ".psf", ".cp", ".fnt")
}

func find(t *tree.Tree, dir string, below bool, endings ...string) (files []File) {
	real, n, err := t.Resolve(dir)
	if err != nil || n.Type != tree.Dir {
		return nil
	}
	t.WalkUnder(real, func(p string, _ *tree.Node) error {
		if !below && path.Dir(p) != real {
			return nil
		}
		name := path.Base(p)
		if ext := path.Ext(name); decompressors[ext] != "" {
			name = strings.TrimSuffix(name, ext)
		}
		if !slices.Contains(endings, path.Ext(name)) {
			return nil
		}
		if _, file, err := t.Resolve(p); err == nil && file.Type == tree.File {
			files = append(files, File{strings.TrimSuffix(name, path.Ext(name)), p})
		}
		return nil
	})
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(files, func(a, b File) bool { return a.Name == b.Name })
}

// Lacking returns the programs without which the file cannot be loaded and
// which the image does not have.
func (f File) Lacking(t *tree.Tree, prefix string) (programs []string) {
	needed := []string{"loadkeys"}
	if strings.HasPrefix(f.Path, path.Join(prefix, "share/consolefonts")+"/") {
		needed = []string{"setfont"}
	}
	if program := decompressors[path.Ext(f.Path)]; program != "" {
		needed = append(needed, program, "sh")
	}
	for _, name := range needed {
		if !has(t, prefix, name) {
			programs = append(programs, name)
		}
	}
	return programs
}

func has(t *tree.Tree, prefix, program string) bool {
	for _, dir := range []string{path.Join(prefix, "bin"), path.Join(prefix, "sbin"), "/bin"} {
		if _, n, err := t.Resolve(path.Join(dir, program)); err == nil && n.Type == tree.File {
			return true
		}
	}
	return false
}
