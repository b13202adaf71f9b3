// Package kernel picks the Linux kernel out of a tree, and the modules an
// initrd has to load before it can mount the root.
//
// It reads what the kernel's "make install", "make modules_install" and
// depmod(8) leave behind. It builds no kernel and runs no tool: the packages
// below it do, each a part of that.
package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/bocaditos/bocaditos/kernel/kconfig"
	"github.com/bocaditos/bocaditos/tree"
)

// A Kernel is a bootable image found in a tree.
type Kernel struct {
	Version    string         // what uname -r will say
	Arch       string         // the machine it is for, as GOARCH names it: "amd64" or "arm64"
	ImagePath  string         // where in the tree it was
	Image      tree.Content   // a bzImage, an ARM64 Image or an EFI zboot image
	Config     kconfig.Config // nil when the tree has none
	ConfigFile tree.Content   // what Config was read from
}

// Modular says whether the kernel can load modules: one of unknown
// configuration may.
func (k Kernel) Modular() bool { return k.Config == nil || k.Config.Value("MODULES") == "y" }

// ErrNone is what Find wraps when a tree has no kernel at all.
var ErrNone = errors.New("no kernel (looked for /boot/vmlinuz-VERSION and /usr/lib/modules/VERSION/vmlinuz)")

// Find returns the one kernel of a tree: /boot/vmlinuz-VERSION, where
// distributions put it, or /usr/lib/modules/VERSION/vmlinuz, where systemd's
// kernel-install looks for it. Two places for one version are one kernel.
// Several versions are an error that names them.
func Find(t *tree.Tree) (Kernel, error) {
	found := map[string]string{} // version to path
	if _, boot, err := t.Resolve("/boot"); err == nil {
		for _, name := range boot.Children() {
			if v, ok := strings.CutPrefix(name, "vmlinuz-"); ok && v != "" {
				found[v] = "/boot/" + name
			}
		}
	}
	for _, base := range moduleBases {
		_, dir, err := t.Resolve(base)
		if err != nil {
			continue
		}
		for _, v := range dir.Children() {
			p := path.Join(base, v, "vmlinuz")
			if _, _, err := t.Resolve(p); err == nil {
				found[v] = p
			}
		}
	}
	switch len(found) {
	case 0:
		return Kernel{}, fmt.Errorf("find kernel: %w", ErrNone)
	case 1:
		for v, p := range found {
			return open(t, v, p)
		}
	}
	var paths []string
	for _, p := range found {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	return Kernel{}, fmt.Errorf("find kernel: %d kernels where one is needed: %s", len(found), strings.Join(paths, ", "))
}

func open(t *tree.Tree, version, p string) (Kernel, error) {
	fail := func(err error) (Kernel, error) { return Kernel{}, fmt.Errorf("kernel image %s: %w", p, err) }
	real, n, err := t.Resolve(p)
	if err != nil {
		return fail(err)
	}
	if n.Type != tree.File {
		return fail(fmt.Errorf("is a %s, not a file", n.Type))
	}
	h, err := readHeader(n.Content)
	if err != nil {
		return fail(err)
	}
	if h.version != "" && h.version != version {
		return fail(fmt.Errorf("its header says it is version %s", h.version))
	}
	k := Kernel{Version: version, Arch: h.arch, ImagePath: real, Image: n.Content}
	for _, p := range []string{"/boot/config-" + version, "/usr/lib/modules/" + version + "/config", "/lib/modules/" + version + "/config"} {
		_, n, err := t.Resolve(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && n.Type != tree.File {
			err = fmt.Errorf("is a %s, not a file", n.Type)
		}
		if err == nil {
			k.ConfigFile = n.Content
			k.Config, err = readConfig(n.Content)
		}
		if err != nil {
			return fail(fmt.Errorf("%s: %w", p, err))
		}
		break
	}
	return k, nil
}

func readConfig(c tree.Content) (kconfig.Config, error) {
	r, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return kconfig.Read(r)
}

// readLines returns the lines of a text file in the tree, without blank ones.
func readLines(t *tree.Tree, p string) ([]string, error) {
	_, n, err := t.Resolve(p)
	if err != nil {
		return nil, err
	}
	if n.Type != tree.File {
		return nil, fmt.Errorf("%s is a %s, not a file", p, n.Type)
	}
	r, err := n.Content.Open()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	defer r.Close()
	var lines []string
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20) // modules.dep has lines of several KiB
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	return lines, nil
}
