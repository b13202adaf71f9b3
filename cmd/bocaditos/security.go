package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/image"
)

func newSecurity() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "security [IMAGE]",
		Short: "Tell how exposed the services of a built image are",
		Long: `Security lists the services that the image starts by itself, the most exposed
first, as the image's own systemd-analyze(1) rated them during the build: from
0.0 to 10.0 by what their units allow them. The rating says nothing about the
programs. "systemd-analyze security UNIT" in the image tells what would improve
a unit; a drop-in from [[files]] changes it.

The argument is the image's directory, its recipe, or the recipe's directory.`,
		Example: "  bocaditos security\n  bocaditos security out/hello_1 --json | jq '.units[] | select(.exposure > 9)'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, m, err := findImage(argOrHere(args))
			if err != nil {
				return err
			}
			if asJSON {
				units := m.Units
				if units == nil {
					units = []image.Unit{} // "[]", not "null"
				}
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"units": units})
			}
			if len(m.Units) == 0 {
				return errors.New("the manifest rates no service: the image has no systemd-analyze")
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 2, 8, 2, ' ', 0)
			fmt.Fprintln(t, "SERVICE\tEXPOSURE\tRATING\tPACKAGE")
			for _, u := range m.Units {
				fmt.Fprintf(t, "%s\t%.1f\t%s\t%s\n", u.Name, u.Exposure, u.Rating, u.Package)
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
