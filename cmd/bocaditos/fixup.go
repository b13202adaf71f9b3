package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

// fixupFlags are those of both ways to use fixup.
type fixupFlags struct {
	dry, all      bool
	path          []string
	ignoreMissing []string
	prefixes      []string
	store         string
}

func newFixup() *cobra.Command {
	var flags fixupFlags
	cmd := &cobra.Command{
		Use:   "fixup DIR",
		Short: "Give the Exec lines of units in a directory paths that exist there",
		Long: `Fixup looks at every Exec line of the systemd units and D-Bus service files
below DIR, a root filesystem, and writes the absolute path of a program that
exists there where the line would not find one. Every other byte stays. The
report says what was rewritten and what is missing; a missing program (of a
line without "-") makes the exit status 1.

With --prefix it does so for one package that is being built to be installed
where it is: DIR is one of the package's prefixes, as $out and $bin are in a Nix
build. Programs are taken from these prefixes, then from the directories given
with --path. A path into the store that exists stays, and so do /bin/sh and
/usr/bin/env, which every image has. What was rewritten is recorded in
DIR/` + unitfixup.BuildReport + `, for the report of the images that
the package becomes part of.`,
		Example: `  bocaditos fixup /mnt
  bocaditos fixup --prefix "$out" --prefix "$bin" --path "${HOST_PATH//:/,}"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(flags.prefixes) > 0 {
				return cobra.ExactArgs(0)(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, pattern := range flags.ignoreMissing {
				if _, err := path.Match(pattern, ""); err != nil {
					return &usageError{fmt.Errorf("--ignore-missing %q: %w", pattern, err), cmd.CommandPath() + " --help"}
				}
			}
			if len(flags.prefixes) > 0 {
				return flags.fixPackage(cmd)
			}
			return flags.fixRoot(cmd, args[0])
		},
	}
	cmd.Flags().BoolVarP(&flags.dry, "dry-run", "n", false, "report only, change nothing")
	cmd.Flags().BoolVar(&flags.all, "all", false, "report the lines that are fine, too")
	cmd.Flags().StringSliceVar(&flags.path, "path", nil, "directories to look in last; with DIR instead of systemd's PATH")
	cmd.Flags().StringArrayVar(&flags.ignoreMissing, "ignore-missing", nil, "programs that may be missing, as written in the file or without their directory; * ? [ ] match as in the shell")
	cmd.Flags().StringArrayVar(&flags.prefixes, "prefix", nil, "a prefix of the package to fix, instead of DIR")
	cmd.Flags().StringVar(&flags.store, "store", "", "with --prefix: where all packages are (default $NIX_STORE, then /nix/store)")
	return cmd
}

func (f *fixupFlags) fixRoot(cmd *cobra.Command, dir string) error {
	t, err := tree.ReadDir(dir, tree.Origin{})
	if err != nil {
		return err
	}
	report, err := unitfixup.Fix(t, unitfixup.Options{Path: f.path})
	if err != nil {
		return err
	}
	f.print(cmd, report)
	if !f.dry {
		if err := writeChanged(t, dir, report); err != nil {
			return err
		}
	}
	return f.missing(report)
}

// fixPackage fixes a package where it is: paths in the tree are those of the
// host.
func (f *fixupFlags) fixPackage(cmd *cobra.Command) error {
	t := tree.New()
	var prefixes []string
	for _, dir := range f.prefixes {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		prefixes = append(prefixes, dir)
		sub, err := tree.ReadDir(dir, tree.Origin{Package: packageName(prefixes[0])})
		if err != nil {
			return err
		}
		if err := t.Put(dir, sub.Root()); err != nil {
			return err
		}
	}
	store := f.store
	if store == "" {
		store = os.Getenv("NIX_STORE")
	}
	if store == "" {
		store = "/nix/store"
	}
	dirs := append([]string{}, f.path...) // not nil: no PATH is no PATH
	report, err := unitfixup.Fix(t, unitfixup.Options{
		Path:      dirs,
		Prefixes:  append(slices.Clone(prefixes), append(unitfixup.DefaultPrefixes(), filepath.Join(store, "*"))...),
		Elsewhere: programsBelow(append(append([]string{store}, prefixes...), dirs...)),
	})
	if err != nil {
		return err
	}
	f.print(cmd, report)
	if !f.dry {
		if err := writeChanged(t, "/", report); err != nil {
			return err
		}
		for _, prefix := range prefixes {
			if err := writeBuildReport(report, prefix); err != nil {
				return err
			}
		}
	}
	return f.missing(report)
}

// packageName is that of a store path, HASH-NAME, or of another directory.
func packageName(prefix string) string {
	name := filepath.Base(prefix)
	if hash, rest, ok := strings.Cut(name, "-"); ok && len(hash) == 32 {
		return rest
	}
	return name
}

// programsBelow returns a function that says whether a path on the host is that
// of a program, and will be one in an image: it and what it links to are below
// one of the directories.
func programsBelow(dirs []string) func(string) bool {
	var real []string
	for _, dir := range dirs {
		if dir, err := filepath.EvalSymlinks(dir); err == nil {
			real = append(real, dir+"/")
		}
	}
	return func(p string) bool {
		if p == "/bin/sh" || p == "/usr/bin/env" {
			return true
		}
		p, err := filepath.EvalSymlinks(p)
		if err != nil || !slices.ContainsFunc(real, func(dir string) bool { return strings.HasPrefix(p, dir) }) {
			return false
		}
		info, err := os.Stat(p)
		return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
	}
}

func (f *fixupFlags) print(cmd *cobra.Command, report *unitfixup.Report) {
	if !f.all {
		fmt.Fprint(cmd.OutOrStdout(), report.Text())
		return
	}
	for _, l := range report.Lines {
		fmt.Fprintln(cmd.OutOrStdout(), l)
	}
}

// missing is an error when programs are missing that may not be.
func (f *fixupFlags) missing(report *unitfixup.Report) error {
	for _, l := range report.Missing() {
		if !l.Optional && !f.mayBeMissing(l.Program) {
			return errors.New("programs are missing")
		}
	}
	return nil
}

func (f *fixupFlags) mayBeMissing(program string) bool {
	return slices.ContainsFunc(f.ignoreMissing, func(pattern string) bool {
		whole, _ := path.Match(pattern, program)
		base, _ := path.Match(pattern, path.Base(program))
		return whole || base
	})
}

// writeChanged writes the files of the tree that changed to a directory.
func writeChanged(t *tree.Tree, dir string, report *unitfixup.Report) error {
	for _, p := range report.Changed() {
		if err := rewrite(filepath.Join(dir, p), t.Lookup(p)); err != nil {
			return err
		}
	}
	return nil
}

// writeBuildReport records what was rewritten below a prefix. Nothing to
// record is no file.
func writeBuildReport(report *unitfixup.Report, prefix string) error {
	var text bytes.Buffer
	if err := report.WriteBuilt(&text, prefix); err != nil {
		return err
	}
	file := filepath.Join(prefix, unitfixup.BuildReport)
	switch old, err := os.ReadFile(file); {
	case err == nil && bytes.Equal(old, text.Bytes()), err != nil && text.Len() == 0:
		return nil
	case err == nil:
		if err := inWritable(filepath.Dir(file), func() error { return os.Remove(file) }); err != nil || text.Len() == 0 {
			return err
		}
	}
	err := inWritable(prefix, func() error { return os.MkdirAll(filepath.Dir(file), 0o777) })
	if err != nil {
		return err
	}
	return inWritable(filepath.Dir(file), func() error { return os.WriteFile(file, text.Bytes(), 0o666) })
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
	return inWritable(filepath.Dir(file), func() error {
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
	})
}

// inWritable runs do while the directory may be written to. Packages are
// often copied out of the store with its modes, which are read-only.
func inWritable(dir string, do func() error) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode()&0o200 != 0 {
		return do()
	}
	if err := os.Chmod(dir, info.Mode()|0o200); err != nil {
		return err
	}
	return errors.Join(do(), os.Chmod(dir, info.Mode()))
}
