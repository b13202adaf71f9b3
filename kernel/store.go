package kernel

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// storeImages are the names of a kernel's image in a package of Nix, by
// architecture and how it is packed (nixpkgs: kernel.target of a platform).
var storeImages = []string{"bzImage", "Image", "vmlinuz.efi"}

// FromPrefixes arranges a kernel that has a prefix of its own, as nixpkgs
// builds it, as Find and Modules look for one: PREFIX/bzImage and the like as
// /boot/vmlinuz-VERSION, PREFIX/config or the one beside the modules as
// /boot/config-VERSION, PREFIX/lib/modules/VERSION as /lib/modules/VERSION. The
// parts may be in several prefixes. The nodes are those of t.
func FromPrefixes(t *tree.Tree, prefixes []string) (*tree.Tree, error) {
	var image *tree.Node
	var imagePath, modules, version string
	for _, prefix := range prefixes {
		for _, name := range storeImages {
			if at, n, err := t.Resolve(path.Join(prefix, name)); err == nil && n.Type == tree.File && image == nil {
				image, imagePath = n, at
			}
		}
		if at, dir, err := t.Resolve(path.Join(prefix, "lib/modules")); err == nil && dir.Type == tree.Dir {
			for _, v := range dir.Children() {
				if version != "" && v != version {
					return nil, fmt.Errorf("modules of two kernels: %s and %s", version, v)
				}
				version, modules = v, path.Join(at, v)
			}
		}
	}
	if image == nil {
		return nil, fmt.Errorf("%w; and no %s in %s", ErrNone, strings.Join(storeImages, " or "), strings.Join(prefixes, ", "))
	}
	h, err := readHeader(image.Content)
	if err != nil {
		return nil, fmt.Errorf("kernel image %s: %w", imagePath, err)
	}
	if h.version != "" && version == "" {
		version = h.version
	}
	if version == "" {
		return nil, fmt.Errorf("kernel image %s: its version is unknown: it has no header that says it, and no modules", imagePath)
	}
	boot := tree.New()
	if err := boot.Put("/boot/vmlinuz-"+version, image); err != nil {
		return nil, err
	}
	if modules != "" {
		if err := boot.Put("/lib/modules/"+version, t.Lookup(modules)); err != nil {
			return nil, err
		}
	}
	configs := []string{path.Join(modules, "config"), path.Join(modules, "build/.config")}
	for _, prefix := range prefixes {
		configs = append(configs, path.Join(prefix, "config"), path.Join(prefix, "config-"+version), path.Join(prefix, ".config"))
	}
	i := slices.IndexFunc(configs, func(p string) bool {
		_, n, err := t.Resolve(p)
		return err == nil && n.Type == tree.File
	})
	if i < 0 {
		return boot, nil
	}
	_, config, err := t.Resolve(configs[i])
	if err != nil {
		return nil, err
	}
	return boot, boot.Put("/boot/config-"+version, config)
}
