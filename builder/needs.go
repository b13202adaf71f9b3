package builder

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/kernel/needs"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/systemd/state"
	"github.com/bocaditos/bocaditos/tree"
)

// checkKernel refuses a kernel that cannot boot the image or that fails one of
// its units, and warns of settings that have no effect with it. Notes are for
// those who ask (CheckKernel): with a distribution's kernel they are many.
func (b *build) checkKernel(root *tree.Tree, k kernel.Kernel) error {
	if k.Config == nil {
		b.Report(Event{Type: Note, Text: "the kernel package has no configuration, so what it lacks is not known"})
		return nil
	}
	var refused []string
	for _, f := range b.kernelLacks(root, k) {
		switch f.Level {
		case needs.Error:
			refused = append(refused, f.String())
		case needs.Warning:
			b.warn("kernel configuration: %s", f)
		}
	}
	if refused == nil {
		return nil
	}
	tip := "choose another kernel.package"
	if b.recipe.Kernel.Build.Wanted() {
		tip = "kernel.build.fragments and kernel.build.options say what is on; bocaditos kernel fragments lists what there is"
	}
	return fail(Content, errors.New("the kernel is not configured as the image needs it:\n  "+strings.Join(refused, "\n  ")), tip)
}

// kernelLacks compares the kernel with what the image needs, the worst first.
func (b *build) kernelLacks(root *tree.Tree, k kernel.Kernel) []needs.Finding {
	c, wanted := b.state()
	if !wanted {
		c = state.Config{}
	}
	return needs.Check(k.Config, b.kernelUse(root, k, strings.Fields(b.cmdline()), c))
}

// kernelUse describes the image as package needs wants it.
func (b *build) kernelUse(root *tree.Tree, k kernel.Kernel, commandLine []string, s state.Config) needs.Image {
	in := needs.Image{
		Arch: k.Arch, CommandLine: commandLine, State: s.Format, StateTPM: s.TPM,
		Modules: k.Modular() && hasFile(root, path.Join(b.prefix, "lib/modules", k.Version, "modules.dep")),
	}
	xattrs := map[string]bool{}
	root.Walk(func(_ string, n *tree.Node) error {
		for name := range n.Xattrs {
			xattrs[name] = true
		}
		return nil
	})
	in.Xattrs = slices.Sorted(maps.Keys(xattrs))
	settings := systemd.EnabledSettings(root, b.prefix, "default.target")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		u := needs.Unit{Name: name}
		for _, s := range settings[name] {
			u.Settings = append(u.Settings, needs.Setting(s))
		}
		in.Units = append(in.Units, u)
	}
	return in
}
