//go:build ignore

// This command compiles the init programs that a build of Bocaditos with the
// tag "release" embeds, init.amd64 and init.arm64, into this directory. Run it
// with "go generate ./initrd" before such a build.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/bocaditos/bocaditos/initrd"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mkinit:", err)
		os.Exit(1)
	}
}

func run() error {
	work, err := os.MkdirTemp("", "mkinit-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, goarch := range []string{"amd64", "arm64"} {
		b, err := initrd.InitBinary(context.Background(), goarch, work)
		if err != nil {
			return err
		}
		if err := os.WriteFile("init."+goarch, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
