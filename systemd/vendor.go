package systemd

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/systemd/preset"
	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
	"github.com/bocaditos/bocaditos/tree"
)

// AddVendorFiles puts the configuration that neither systemd nor the packages
// ship below the prefix, and the mount points that an image cannot be booted
// without into the root. What t has already stays as it is.
func AddVendorFiles(t *tree.Tree, prefix string) error {
	origin := tree.Origin{Pass: "vendor"}
	var errs []error
	add := func(p string, n *tree.Node) {
		if _, old, err := t.ResolveParent(p); err != nil || old == nil {
			errs = append(errs, t.Put(p, n))
		}
	}
	for _, vendor := range []struct {
		files fs.FS
		dir   string
	}{
		{preset.Files(), "lib/systemd"},
		{tmpfiles.Files(), "lib/tmpfiles.d"},
		{tmpfiles.Factory(), "share/factory"},
	} {
		errs = append(errs, fs.WalkDir(vendor.files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(vendor.files, name)
			if err != nil {
				return err
			}
			text := strings.ReplaceAll(string(content), "@PREFIX@", path.Clean(prefix))
			add(path.Join(prefix, vendor.dir, name), tree.NewFile(0o644, tree.String(text), origin))
			return nil
		}))
	}
	// PID 1 mounts these before any tmpfiles run, and the root is read-only.
	for name, mode := range map[string]uint32{"dev": 0o755, "proc": 0o555, "run": 0o755, "sys": 0o555, "tmp": 0o1777, "var": 0o755} {
		add("/"+name, tree.NewDir(mode, origin))
	}
	return errors.Join(errs...)
}
