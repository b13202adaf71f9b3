// Package sysctl holds the sysctl.d(5) files that Bocaditos ships for packages
// that rely on a setting which a maintainer script, or a package that is only
// recommended, would have made.
package sysctl

import "embed"

// Files are, below "files", for PREFIX/lib/sysctl.d, one for each package that needs it.
//
//go:embed files
var Files embed.FS
