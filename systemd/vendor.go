package systemd

import (
	"embed"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/systemd/preset"
	"github.com/bocaditos/bocaditos/systemd/sysctl"
	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
	"github.com/bocaditos/bocaditos/systemd/udev"
	"github.com/bocaditos/bocaditos/systemd/unit"
	"github.com/bocaditos/bocaditos/tree"
)

// Base is the package whose vendor files every image gets.
const Base = "systemd"

// ours is before the name of each configuration file that Bocaditos ships, so
// that it sorts before the packages' own: the first line about a path counts.
const ours = "00-bocaditos-"

// vendors are the files that Bocaditos ships, and where in the prefix those
// of one package belong.
var vendors = []struct {
	files fs.FS
	place func(pkg, name string) string
}{
	{files(sysusers.Files), func(pkg, name string) string { return "lib/sysusers.d/" + ours + pkg + name }},
	{tmpfiles.Files(), func(pkg, name string) string { return "lib/tmpfiles.d/" + ours + pkg + name }},
	{tmpfiles.Factory(), func(_, name string) string { return "share/factory" + name }},
	{files(sysctl.Files), func(pkg, name string) string { return "lib/sysctl.d/50-bocaditos-" + pkg + name }},
	{files(udev.Files), func(pkg, name string) string { return "lib/udev/rules.d/90-bocaditos-" + pkg + name }},
	{files(unit.Files), func(_, name string) string { return "lib/systemd" + name }},
	{files(preset.Files), func(_, name string) string { return "lib/systemd/" + name }},
}

// files is what lies in the directory of that name, which go:embed needs.
func files(embedded embed.FS) fs.FS {
	sub, err := fs.Sub(embedded, "files")
	if err != nil {
		panic(err) // not with a valid constant
	}
	return sub
}

// AddVendorFiles puts the configuration that the installed packages need and do
// not ship below the prefix, and the mount points that an image cannot be booted
// without into the root. What t has already stays as it is.
func AddVendorFiles(t *tree.Tree, prefix string, installed []string) error {
	var errs []error
	add := func(p string, n *tree.Node) {
		if _, old, err := t.ResolveParent(p); err != nil || old == nil {
			errs = append(errs, t.Put(p, n))
		}
	}
	for _, v := range vendors {
		errs = append(errs, fs.WalkDir(v.files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			pkg, rest := vendorPackage(name)
			if pkg != Base && !slices.Contains(installed, pkg) {
				return nil
			}
			content, err := fs.ReadFile(v.files, name)
			if err != nil {
				return err
			}
			text := strings.ReplaceAll(string(content), "@PREFIX@", path.Clean(prefix))
			add(path.Join(prefix, v.place(pkg, rest)), tree.NewFile(0o644, tree.String(text), tree.Origin{Pass: "vendor", Rule: "for " + pkg}))
			return nil
		}))
	}
	if text, err := shells(t, prefix); err != nil {
		errs = append(errs, err)
	} else if text != "" {
		add(path.Join(prefix, "share/factory/etc/shells"), tree.NewFile(0o644, tree.String(text), tree.Origin{Pass: "vendor", Rule: "shells of share/debianutils"}))
	}
	// PID 1 mounts these before any tmpfiles run, and the root is read-only.
	for name, mode := range map[string]uint32{"dev": 0o755, "proc": 0o555, "run": 0o755, "sys": 0o555, "tmp": 0o1777, "var": 0o755} {
		add("/"+name, tree.NewDir(mode, tree.Origin{Pass: "vendor"}))
	}
	return errors.Join(errs...)
}

// vendorPackage splits the name of a vendor file: "nginx.conf" is ".conf" of
// nginx, "nginx/system/x" is "/system/x" of nginx. Presets belong to no package.
func vendorPackage(name string) (pkg, rest string) {
	if strings.HasSuffix(name, ".preset") {
		return Base, name
	}
	if dir, _, ok := strings.Cut(name, "/"); ok {
		return dir, name[len(dir):]
	}
	pkg = strings.TrimSuffix(name, path.Ext(name))
	return pkg, name[len(pkg):]
}
