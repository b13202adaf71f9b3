// Package unit holds the units, drop-ins and network files that Bocaditos ships
// for packages whose own ones rely on what a maintainer script would have done,
// or on a root that can be written to.
package unit

import "embed"

// Files are, below "files", by package: files/PACKAGE is for PREFIX/lib/systemd where that
// package is installed. @PREFIX@ in them stands for the prefix.
//
//go:embed files
var Files embed.FS
