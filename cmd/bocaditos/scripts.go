package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/maintscript"
)

func newScripts() *cobra.Command {
	var flags buildFlags
	var unknown bool
	cmd := &cobra.Command{
		Use:   "scripts [RECIPE]",
		Short: "List the maintainer scripts that do not run, and what that means",
		Long: `Scripts lists the maintainer scripts of all packages that the image would have.
None of them ever runs. The verdict says what that means:

  harmless   the image lacks nothing
  replaced   something else does the script's work: a stage of the build,
             configuration that Bocaditos ships, or the package itself
  unknown    nobody looked at these commands: the image may lack something

Like a build it resolves and fetches what is missing. With --json every
command is listed, too.

` + recipeArg,
		Example: "  bocaditos scripts\n  bocaditos scripts --unknown examples/hello",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := flags.options(cmd, args)
			if flags.json {
				o.Report = nil // one object, not events
			}
			all, err := builder.Scripts(cmd.Context(), o)
			if err != nil {
				return err
			}
			listed := []builder.PackageScript{}
			for _, s := range all {
				if !unknown || s.Verdict == maintscript.Unknown {
					listed = append(listed, s)
				}
			}
			if flags.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"scripts": listed})
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 2, 8, 2, ' ', 0)
			for _, s := range listed {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Package, s.Script, s.Verdict, s.Why)
			}
			return t.Flush()
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&unknown, "unknown", false, "list the unknown ones only")
	return cmd
}
