package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/image"
)

func newWhy() *cobra.Command {
	var in string
	cmd := &cobra.Command{
		Use:   "why PATH",
		Short: "Tell where a path of the image came from",
		Long: `Why tells, for a path of a built image, which package or which pass and rule
put it there, and what changed it afterwards. Symbolic links are followed and
each one is explained. Of what was left out of the image it tells that, and why.`,
		Example: "  bocaditos why /etc/passwd\n  bocaditos why --image out/hello_1 /bin/sh",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, m, err := findImage(in)
			if err != nil {
				return err
			}
			a, err := m.File(image.Origins)
			if err != nil {
				return err
			}
			found, err := builder.Why(filepath.Join(dir, a.File), args[0])
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return fmt.Errorf("%s is not in %s_%s", args[0], m.ID, m.Version)
			}
			for _, o := range found {
				fmt.Fprintln(cmd.OutOrStdout(), o)
				for _, h := range o.History {
					fmt.Fprintf(cmd.OutOrStdout(), "    %s\n", h)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&in, "image", ".", imageFlag)
	return cmd
}
