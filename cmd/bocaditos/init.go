package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/builder/recipe"
)

func newInit() *cobra.Command {
	var id, arch string
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a commented recipe, image.toml, that builds",
		Long: `Init writes image.toml into DIR (default: here). It never overwrites a file.
The image's id is the directory's name unless --id says otherwise.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := argOrHere(args)
			if id == "" {
				id = idFrom(dir)
			}
			text := recipe.Template(recipe.ID(id), recipe.Arch(arch))
			file := filepath.Join(dir, recipe.FileName)
			if err := recipe.ID(id).Validate(); err != nil {
				return &usageError{fmt.Errorf("--id: %w", err), "bocaditos init --help"}
			}
			if !slices.Contains(recipe.Arch("").Enum(), arch) {
				return &usageError{fmt.Errorf("--arch %q: want %s", arch, strings.Join(recipe.Arch("").Enum(), " or ")), "bocaditos init --help"}
			}
			if _, err := recipe.Parse(file, []byte(text)); err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
			f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
			if errors.Is(err, fs.ErrExist) {
				return &hintError{fmt.Errorf("%s is there already and stays as it is", file), "edit it, or choose another directory"}
			}
			if err != nil {
				return err
			}
			_, err = f.WriteString(text)
			if err := errors.Join(err, f.Close()); err != nil {
				os.Remove(file)
				return err
			}
			next := "bocaditos build"
			if dir != "." {
				next += " " + dir
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; next: %s\n", file, next)
			return nil
		},
	}
	cmd.Flags().StringVar(&id, "id", "", "the image's id")
	cmd.Flags().StringVar(&arch, "arch", string(recipe.HostArch()), "architecture of the image: x86-64 or arm64")
	cmd.RegisterFlagCompletionFunc("arch", cobra.FixedCompletions(recipe.Arch("").Enum(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// idFrom makes an image id of a directory's name.
func idFrom(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "image"
	}
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, filepath.Base(abs))
	if id = strings.Trim(id, "._-"); id == "" {
		return "image"
	}
	return id
}
