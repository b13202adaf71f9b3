// Package pkgs says what a source of packages is: it solves a request into a
// lock, brings what the lock names into the cache and opens each package as a
// tree. Archives and formats are its subpackages' business; nothing here talks
// to a network.
package pkgs

import (
	"context"

	"github.com/bocaditos/bocaditos/tree"
)

// Package is one package, unpacked in the cache and ready to be merged.
type Package struct {
	Name    string
	Version string
	Arch    string // as the source spells it: "amd64", "all", "x86_64-linux"
	Prefix  string // where it installs: "/usr" for all of Debian, a store path with Nix

	// InPlace is where on the host all that is below Prefix lies as it is in
	// Tree; empty where it is packed.
	InPlace string

	// Depends names what the package directly depends on, in the order it
	// says so: with every alternative and virtual name, so a name need not
	// be in the lock.
	Depends  []string
	Provides []string // virtual names
	Replaces []string // packages whose files it may overwrite

	Scripts []Script // by name

	Tree *tree.Tree
}

// Script is what a package wanted to run when it is installed or removed, and
// never does here.
type Script struct {
	Name string // "preinst", "postinst", "prerm", "postrm", "config", "triggers"
	Text string // of any interpreter, or a binary
}

// Set is packages that are solved together: those of the root, say, or those
// the kernel is taken from.
type Set struct {
	Name    string   `toml:"name"`
	Install []string `toml:"install,multiline"` // package names, or "name=version"; attribute paths with Nix

	// Closure adds all dependencies. Without it the set is just the packages
	// named; one that has no files of its own and only points to others
	// stands for those.
	Closure bool `toml:"closure"`

	// Arch is whose machines the packages are for, where it is not the
	// request's: what runs while building is for the builder's.
	Arch string `toml:"architecture,omitempty"`
}

// Request is what a lock answers.
type Request struct {
	// From is the source and what was chosen of it, without addresses:
	// "debian trixie main". Resolve fills it in when it is empty.
	From string `toml:"from"`
	Arch string `toml:"architecture"` // as in a recipe: "x86-64" or "arm64"
	Sets []Set  `toml:"set"`
}

// Event is how far Fetch has come. The first one tells what the cache had.
type Event struct {
	Packages, TotalPackages int
	Bytes, TotalBytes       int64 // as transferred; what the cache had counts as done
	Retry                   error // not nil: this failed and will be tried again
}

// Progress is told how far Fetch has come; it may be nil. Calls never overlap.
type Progress func(Event)

// Source is where packages come from.
type Source interface {
	// Resolve solves the request against the source as it is now.
	Resolve(context.Context, Request) (*Lock, error)
	// Fetch brings all that the lock names into the cache, verified. It does
	// not need the source for what is there already.
	Fetch(context.Context, *Lock, Progress) error
	// Open reads a package that was fetched. Concurrent calls are fine.
	Open(context.Context, Locked) (*Package, error)
}
