package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bocaditos/bocaditos/builder"
)

// buildFlags are what build, lock and update share.
type buildFlags struct {
	json, quiet bool
	cache       string
}

func (f *buildFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print events as JSON, one object a line, on standard output")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print warnings and errors only")
	cmd.Flags().StringVar(&f.cache, "cache", "", "cache directory (default $XDG_CACHE_HOME/bocaditos)")
}

// options makes the builder's options; progress goes to standard error, so
// that standard output stays for results.
func (f *buildFlags) options(cmd *cobra.Command, args []string) builder.Options {
	file := "image.toml"
	if len(args) == 1 {
		file = args[0]
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			file += "/image.toml"
		}
	}
	var report builder.Reporter
	if f.json {
		report = reporter(cmd.OutOrStdout(), true, false)
	} else {
		report = reporter(cmd.ErrOrStderr(), false, isTerminal(cmd.ErrOrStderr()))
	}
	if f.quiet && !f.json {
		all := report
		report = func(e builder.Event) {
			if e.Type == builder.Warning {
				all(e)
			}
		}
	}
	return builder.Options{Recipe: file, CacheDir: f.cache, Report: report}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

const recipeArg = `The argument is the recipe, or the directory that holds image.toml; the
default is ./image.toml.`

func newBuild() *cobra.Command {
	var flags buildFlags
	var locked, force bool
	var output, closure string
	cmd := &cobra.Command{
		Use:   "build [RECIPE]",
		Short: "Build the image that a recipe describes",
		Long: `Build makes the image that a recipe describes: it resolves packages to
image.lock (where the lock is missing or no longer fits the recipe), fetches
and verifies them, prepares the root with the image's own systemd tools, and
writes OUT/ID_VERSION/ whole or not at all. When nothing changed it says so
and does nothing; else it says which input changed.

SOURCE_DATE_EPOCH in the environment sets the image's one time stamp; the
default is the date of the newest Release in the lock.

` + recipeArg,
		Example: "  bocaditos build\n  bocaditos build examples/hello --locked\n  bocaditos build --json | jq .",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := flags.options(cmd, args)
			if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
				epoch, err := strconv.ParseInt(s, 10, 64)
				if err != nil || epoch < 0 {
					return &usageError{fmt.Errorf("SOURCE_DATE_EPOCH=%q is not a number of seconds", s), "bocaditos build --help"}
				}
				o.Epoch = &epoch
			}
			o.Locked, o.Force, o.Output, o.Closure = locked, force, output, closure
			result, err := builder.Build(cmd.Context(), o)
			if err != nil {
				return err
			}
			if !flags.json && !flags.quiet {
				summary(cmd.OutOrStdout(), result)
			}
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&locked, "locked", false, "fail if image.lock is missing or would change")
	cmd.Flags().BoolVar(&force, "force", false, "build even when nothing changed")
	cmd.Flags().StringVar(&closure, "closure", "", "inside a Nix derivation: the JSON with its inputs, as lib.image of the flake makes it")
	cmd.Flags().StringVarP(&output, "output", "o", "", "output directory, instead of the recipe's output.directory")
	return cmd
}

func summary(w io.Writer, r *builder.Result) {
	m := r.Manifest
	fmt.Fprintf(w, "\n%s\n", r.Dir)
	t := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	for _, a := range m.Artifacts {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", a.Kind, builder.FormatBytes(a.Size), a.File)
	}
	t.Flush()
	fmt.Fprintf(w, "  root hash %s\n", m.RootFS.Hash)
}
