//go:build !release

package initrd

import (
	"context"
	"embed"
	"fmt"
)

//go:generate go run mkinit.go

// The source of initrd/init without its tests. A new file must be added here;
// a test watches over it.
//
//go:embed init/console.go init/devmapper.go init/disk.go init/gpt.go init/hex.go init/main.go init/modules.go
//go:embed init/mount.go init/settings.go init/switchroot.go init/sys_amd64.go init/sys_arm64.go init/verity.go
var initSource embed.FS

// InitBinary returns the init program for a GOARCH ("amd64" or "arm64"). It is
// compiled, without cgo and without network, by the go command on PATH, and
// kept in cacheDir. A build of Bocaditos with the tag "release" brings it
// along and needs neither.
func InitBinary(ctx context.Context, goarch, cacheDir string) ([]byte, error) {
	b, err := compileInit(ctx, initSource, goarch, cacheDir)
	if err != nil {
		return nil, fmt.Errorf("compile init of the initrd for %s: %w", goarch, err)
	}
	return b, nil
}
