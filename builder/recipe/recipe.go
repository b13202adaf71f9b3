// Package recipe reads image.toml, the description of an image: its types,
// defaults and rules, and the reference and JSON Schema that follow from them.
// It builds nothing and looks at no file but the recipe itself. The values of
// a Recipe that Read or Parse returned are valid.
package recipe

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// FileName is what a recipe is called.
const FileName = "image.toml"

// A Recipe is a whole image.toml, with the defaults filled in. What the keys
// mean is in docs, from which the reference is made.
type Recipe struct {
	ID           ID        `toml:"id,required"`
	Version      Version   `toml:"version,required"`
	Architecture Arch      `toml:"architecture"`
	Packages     Packages  `toml:"packages"`
	Debian       Debian    `toml:"debian"`
	Nix          Nix       `toml:"nix"`
	Kernel       Kernel    `toml:"kernel"`
	System       System    `toml:"system"`
	Users        []User    `toml:"users"`
	Groups       []Group   `toml:"groups"`
	Networks     []Network `toml:"networks"`
	Units        Units     `toml:"units"`
	Files        []File    `toml:"files"`
	Root         Root      `toml:"root"`
	State        State     `toml:"state"`
	Boot         Boot      `toml:"boot"`
	Initrd       Initrd    `toml:"initrd"`
	Output       Output    `toml:"output"`
	Budget       Budget    `toml:"budget"`

	dir string // the directory the recipe's relative paths start from
}

// Packages is what is installed, and where it comes from.
type Packages struct {
	Source          Source        `toml:"source"`
	Install         []PackageName `toml:"install,required,nonempty"`
	Strict          bool          `toml:"strict"`
	ScriptsReplaced []PackageName `toml:"scripts_replaced"`
}

// Debian is which of Debian's archives is used, for [SourceDebian].
type Debian struct {
	Release    Suite       `toml:"release"`
	Mirror     URL         `toml:"mirror"`  // empty: as the host's apt is configured
	Keyring    HostPath    `toml:"keyring"` // empty: the host's
	Components []Component `toml:"components,nonempty"`
	MaxAgeDays Days        `toml:"max_age_days"`
}

// Units says what systemd starts beyond, or in spite of, the packages' presets.
type Units struct {
	Enable  []UnitName `toml:"enable"`
	Disable []UnitName `toml:"disable"`
	Mask    []UnitName `toml:"mask"`
}

// A File is put into the root after the packages. Exactly one of Source,
// Content, Symlink and Directory says what it is.
type File struct {
	Path      Path     `toml:"path,required"`
	Source    HostPath `toml:"source"`    // a file or a whole directory on the host
	Content   *string  `toml:"content"`   // nil: not given
	Symlink   Target   `toml:"symlink"`   // empty: not given
	Directory bool     `toml:"directory"` // an empty directory
	Mode      *Mode    `toml:"mode"`      // nil: not given
	UID       Owner    `toml:"uid"`
	GID       Owner    `toml:"gid"`
	Replace   bool     `toml:"replace"` // may replace what a package ships

	Capabilities []Capability `toml:"capabilities"` // what whoever runs it may do
}

// TOMLType says which keys a file must have.
func (File) TOMLType() (string, map[string]any) {
	has := func(key string) map[string]any { return map[string]any{"required": []string{key}} }
	directory := has("directory")
	directory["properties"] = map[string]any{"directory": map[string]any{"const": true}}
	link := has("symlink")
	link["not"] = has("mode")
	return "table", map[string]any{"oneOf": []any{has("source"), has("content"), link, directory}}
}

// Root is the root filesystem.
type Root struct {
	Format  RootFormat `toml:"format"`
	Exclude []Pattern  `toml:"exclude"`
	Keep    []Pattern  `toml:"keep"`
}

// State is the partition for what outlives a boot, mounted at /var. Without the
// table there is none: Size is 0.
type State struct {
	Size    Size        `toml:"size"`
	MaxSize Size        `toml:"max_size"` // 0: all the space there is
	Format  StateFormat `toml:"format"`
	Encrypt Encryption  `toml:"encrypt"` // empty: not at all
}

// Boot is how the image is started.
type Boot struct {
	Form         BootForm     `toml:"form"`
	OnCorruption OnCorruption `toml:"on_corruption"`
}

// Initrd is what the initrd has beyond what the kernel needs to open the root.
type Initrd struct {
	Modules []ModuleName `toml:"modules"`
}

// Output is what is written, and where.
type Output struct {
	Directory HostPath `toml:"directory"`
	Kinds     []Kind   `toml:"kinds,nonempty"`
}

// Budget is the size that a part may have, in bytes; 0 is no limit.
type Budget struct {
	Root   Size `toml:"root"`
	Initrd Size `toml:"initrd"`
	UKI    Size `toml:"uki"`
}

// defaults is the recipe that an empty file would be, but for what depends on
// other keys.
func defaults() *Recipe {
	return &Recipe{
		Packages: Packages{Source: SourceDebian},
		Debian:   Debian{Release: "trixie", Components: []Component{"main"}, MaxAgeDays: 400},
		Root:     Root{Format: EROFS},
		State:    State{Format: Ext4},
		Boot:     Boot{Form: Partitions, OnCorruption: Reboot},
		Output:   Output{Directory: "out", Kinds: []Kind{Disk, UKI, RootImage, Verity, KernelFiles}},
	}
}

// Read reads the recipe in file. Mistakes in it come back as [Errors], all of
// them.
func Read(file string) (*Recipe, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err // it names the file and what was done
	}
	return Parse(file, data)
}

// Parse reads a recipe that was or could be in file: errors name it, and
// relative paths start from its directory.
func Parse(file string, data []byte) (*Recipe, error) {
	r := defaults()
	r.dir = filepath.Dir(file)
	doc := stricttoml.Decode(file, data, r, docs())
	r.complete(doc)
	r.check(doc)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	r.sort()
	return r, nil
}

// sort brings lists whose order means nothing into one order, so that nothing
// downstream depends on how a recipe was written. Only the kernel's command
// line, networks, overlays and caches have an order.
func (r *Recipe) sort() {
	slices.Sort(r.Packages.Install)
	slices.Sort(r.Packages.ScriptsReplaced)
	slices.Sort(r.Debian.Components)
	slices.Sort(r.Nix.TrustedKeys)
	slices.Sort(r.Kernel.Build.Options)
	slices.Sort(r.Kernel.Build.Tools)
	slices.Sort(r.Units.Enable)
	slices.Sort(r.Units.Disable)
	slices.Sort(r.Units.Mask)
	slices.Sort(r.Root.Exclude)
	slices.Sort(r.Root.Keep)
	slices.Sort(r.Initrd.Modules)
	slices.Sort(r.Output.Kinds)
	slices.SortFunc(r.Groups, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Users, func(a, b User) int { return cmp.Compare(a.Name, b.Name) })
	for _, u := range r.Users {
		slices.Sort(u.Groups)
	}
	slices.SortFunc(r.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
}

// Errors is what Read and Parse return for a recipe with mistakes; its text is
// for terminals.
type Errors = stricttoml.Errors

// An Error is one mistake in a recipe.
type Error = stricttoml.Error

// Resolve returns where a path of the recipe is: relative paths start from the
// recipe's directory.
func (r *Recipe) Resolve(p HostPath) string {
	if filepath.IsAbs(string(p)) {
		return filepath.Clean(string(p))
	}
	return filepath.Join(r.dir, string(p))
}

// OutputDir is the directory of this version of the image: ID_VERSION in
// output.directory.
func (r *Recipe) OutputDir() string {
	return filepath.Join(r.Resolve(r.Output.Directory), string(r.ID)+"_"+string(r.Version))
}
