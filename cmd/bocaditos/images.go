package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/image"
)

const imageFlag = "the image: its directory, its recipe, or the directory of its recipe"

// findImage opens the built image that the user means with at: a directory
// with a manifest, a recipe, or a directory with a recipe.
func findImage(at string) (dir string, m *image.Manifest, err error) {
	if m, err := image.Read(at); err == nil || !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return at, m, err
	}
	file := at
	if info, err := os.Stat(at); err != nil {
		return "", nil, err
	} else if info.IsDir() {
		file = filepath.Join(at, "image.toml")
	}
	if _, err := os.Stat(file); err != nil {
		return "", nil, fmt.Errorf("%s holds neither a built image (%s) nor a recipe (image.toml)", at, image.FileName)
	}
	r, err := recipe.Read(file)
	if err != nil {
		return "", nil, err
	}
	dir = r.OutputDir()
	m, err = image.Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, &hintError{fmt.Errorf("%s has not been built yet: %s is not there", file, dir), "bocaditos build " + file}
	}
	return dir, m, err
}

// argOrHere is the one optional argument, or the current directory.
func argOrHere(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

func isNotDir(err error) bool { return strings.Contains(err.Error(), "not a directory") }

// hintError is an error with a way out.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
func (e *hintError) Hint() string  { return e.hint }

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check [IMAGE]",
		Short: "Check a built image against its manifest, byte by byte",
		Long: `Check reads every file of a built image and compares it with the manifest.
The argument is the image's directory, its recipe, or the recipe's directory.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, m, err := findImage(argOrHere(args))
			if err != nil {
				return err
			}
			if err := m.Check(dir); err != nil {
				return fmt.Errorf("check %s:\n%w", dir, err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s_%s: %d files as they were built\n", m.ID, m.Version, len(m.Artifacts))
			return nil
		},
	}
}
