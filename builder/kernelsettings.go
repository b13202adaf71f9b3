package builder

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/kernel/configs"
	"github.com/bocaditos/bocaditos/kernel/kbuild"
	"github.com/bocaditos/bocaditos/kernel/kconfig"
)

// KernelSettings is what is asked of a kernel's configuration, for who runs the
// kernel's make without us, as a derivation does.
type KernelSettings struct {
	Arch      string   // as GOARCH names it
	Fragments []string // names of those that Bocaditos ships, and paths, which have a / or a dot; nil: all that belong to Arch
	Options   []string // SYMBOL=value; they have the last word
}

// Text is what is asked for, merged to one fragment: the KCONFIG_ALLCONFIG of
// the kernel's allnoconfig. Errors are of type *Failure.
func (s KernelSettings) Text() ([]byte, error) {
	settings, err := s.merge("")
	if err != nil {
		return nil, err
	}
	return kconfig.Format(settings), nil
}

// Check compares what is asked for with the whole configuration that make
// wrote from Text, for the kernel whose source is in the directory. Each
// difference is explained. Errors are of type *Failure.
func (s KernelSettings) Check(source string, config []byte) error {
	settings, err := s.merge("")
	if err != nil {
		return err
	}
	return checkKernelConfig(settings, source, s.Arch, config)
}

// merge reads fragments and options and makes one list of them. Errors name
// fragments and options with the prefix: where in the recipe they stand.
func (s KernelSettings) merge(prefix string) ([]kconfig.Setting, error) {
	names := slices.Clone(s.Fragments)
	if names == nil {
		names = configs.Default(s.Arch)
	}
	own := configs.Architecture(s.Arch)
	if own == "" {
		return nil, fail(Recipe, fmt.Errorf("no kernels are configured for the architecture %q", s.Arch), "there is amd64, arm64")
	}
	// A list for both architectures can name neither's own.
	if slices.Contains(names, "base") && !slices.Contains(names, own) {
		names = append(names, own)
	}
	var all [][]kconfig.Setting
	for _, name := range names {
		if other := configs.ArchitectureOf(name); other != "" && other != s.Arch {
			return nil, fail(Recipe, fmt.Errorf("%sfragments: %q is for another architecture, the kernel is for %s", prefix, name, own), "leave it out: with \"base\" comes the right one")
		}
		text, known := configs.Text(name)
		if !recipe.Fragment(name).Shipped() {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, fail(Recipe, fmt.Errorf("%sfragments: %w", prefix, err), "")
			}
			text = string(data)
		} else if !known {
			return nil, fail(Recipe, fmt.Errorf("%sfragments: there is no fragment %q", prefix, name),
				"there is "+strings.Join(configs.Names(), ", ")+"; a file of your own has a path, such as ./"+name+".config")
		}
		fragment, err := kconfig.ParseFragment(name, text)
		if err != nil {
			return nil, fail(Recipe, fmt.Errorf("%sfragments: %w", prefix, err), "")
		}
		all = append(all, fragment)
	}
	var last []kconfig.Setting
	for _, option := range s.Options {
		setting, err := kconfig.ParseOption(option)
		if err != nil {
			return nil, fail(Recipe, fmt.Errorf("%soptions: %w", prefix, err), "")
		}
		setting.File = prefix + "options"
		last = append(last, setting)
	}
	settings, err := kconfig.Merge(all, last)
	if err != nil {
		return nil, fail(Recipe, fmt.Errorf("%sfragments: %w", prefix, err), "leave out one of the fragments, or say in "+prefix+"options which value is meant")
	}
	for _, setting := range settings {
		if setting.Value == "m" || setting.Symbol == "MODULES" && setting.Value != "n" {
			return nil, fail(Recipe, fmt.Errorf("%s asks for %s=%s, but a kernel that is built here has no modules", setting.Where(), setting.Symbol, setting.Value), "build it in: "+setting.Symbol+"=y")
		}
	}
	return settings, nil
}

// checkKernelConfig explains what of the settings a configuration did not take.
func checkKernelConfig(settings []kconfig.Setting, source, arch string, config []byte) error {
	final, err := kconfig.Read(bytes.NewReader(config))
	if err != nil {
		return fail(Content, fmt.Errorf("read the kernel's configuration: %w", err), "")
	}
	language, err := kconfig.Load(source, kbuild.SourceArch(arch))
	if err != nil {
		return fail(Content, fmt.Errorf("read the kernel's Kconfig: %w", err), "")
	}
	var mistakes []error
	for _, p := range language.Check(settings, final) {
		mistakes = append(mistakes, p)
	}
	if mistakes != nil {
		return fail(Recipe, fmt.Errorf("the kernel's configuration is not what was asked for:\n%w", errors.Join(mistakes...)), "")
	}
	return nil
}
