// Package sysctl holds the sysctl.d(5) files that Bocaditos ships for packages
// that rely on a setting which a maintainer script, or a package that is only
// recommended, would have made.
package sysctl

import (
	"embed"
	"io/fs"
)

//go:embed files
var files embed.FS

// Files are for PREFIX/lib/sysctl.d, one for each package that needs it.
func Files() fs.FS {
	sub, err := fs.Sub(files, "files")
	if err != nil {
		panic(err) // not with a valid constant
	}
	return sub
}
