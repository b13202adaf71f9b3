// Package udev holds the udev(7) rules that Bocaditos ships for units of its own.
package udev

import (
	"embed"
	"io/fs"
)

//go:embed files
var files embed.FS

// Files are for PREFIX/lib/udev/rules.d, one for each package that needs it.
func Files() fs.FS {
	sub, err := fs.Sub(files, "files")
	if err != nil {
		panic(err) // not with a valid constant
	}
	return sub
}
