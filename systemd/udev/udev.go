// Package udev holds the udev(7) rules that Bocaditos ships for units of its own.
package udev

import "embed"

// Files are, below "files", for PREFIX/lib/udev/rules.d, one for each package that needs it.
//
//go:embed files
var Files embed.FS
