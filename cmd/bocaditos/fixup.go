package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

func newFixup() *cobra.Command {
	var dry, all bool
	var path []string
	cmd := &cobra.Command{
		Use:   "fixup DIR",
		Short: "Give the Exec lines of units in a directory paths that exist there",
		Long: `Fixup looks at every Exec line of the systemd units and D-Bus service files
below DIR, a root filesystem, and writes the absolute path of a program that
exists there where the line would not find one. Every other byte stays. The
report says what was rewritten and what is missing; a missing program (of a
line without "-") makes the exit status 1.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := tree.ReadDir(args[0], tree.Origin{})
			if err != nil {
				return err
			}
			report, err := unitfixup.Fix(t, unitfixup.Options{Path: path})
			if err != nil {
				return err
			}
			if all {
				for _, l := range report.Lines {
					fmt.Fprintln(cmd.OutOrStdout(), l)
				}
			} else {
				fmt.Fprint(cmd.OutOrStdout(), report.Text())
			}
			for _, p := range report.Changed() {
				if dry {
					break
				}
				if err := rewrite(filepath.Join(args[0], p), t.Lookup(p)); err != nil {
					return err
				}
			}
			for _, l := range report.Missing() {
				if !l.Optional {
					return errors.New("programs are missing")
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "report only, change nothing")
	cmd.Flags().BoolVar(&all, "all", false, "report the lines that are fine, too")
	cmd.Flags().StringSliceVar(&path, "path", nil, "directories to look in last, instead of systemd's PATH")
	return cmd
}

// rewrite replaces the content of a file, whole or not at all, and keeps its
// mode and, where the user may, its owner.
func rewrite(file string, n *tree.Node) error {
	content, err := tree.ReadAll(n.Content)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".fixup-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		err = errors.Join(err, f.Chown(int(st.Uid), int(st.Gid)))
	}
	if err := errors.Join(err, f.Chmod(info.Mode()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
