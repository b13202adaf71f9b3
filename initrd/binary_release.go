//go:build release

package initrd

import (
	"context"
	_ "embed"
	"fmt"
)

// Both are made by "go generate ./initrd" before a release is built.
var (
	//go:embed init.amd64
	initAMD64 []byte
	//go:embed init.arm64
	initARM64 []byte
)

// InitBinary returns the init program for a GOARCH ("amd64" or "arm64") that
// this release brings along.
func InitBinary(_ context.Context, goarch, _ string) ([]byte, error) {
	switch goarch {
	case "amd64":
		return initAMD64, nil
	case "arm64":
		return initARM64, nil
	}
	return nil, fmt.Errorf("no init of the initrd for %s", goarch)
}
