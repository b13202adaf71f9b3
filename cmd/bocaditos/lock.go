package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/pkgs"
)

func newLock() *cobra.Command {
	return lockCommand("lock [RECIPE]", "Write image.lock where it is missing or no longer fits the recipe",
		`Lock resolves the recipe's packages and writes their exact versions beside the
recipe. A lock that fits the recipe stays as it is; see update.`, builder.Lock)
}

func newUpdate() *cobra.Command {
	return lockCommand("update [RECIPE]", "Renew image.lock to the newest versions and show what changed",
		`Update resolves the recipe's packages to the newest versions that the archive
has, and writes them to the lock beside the recipe.`, builder.Update)
}

func lockCommand(use, short, long string, write func(context.Context, builder.Options) ([]pkgs.Change, error)) *cobra.Command {
	var flags buildFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long + "\n\n" + recipeArg,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := write(cmd.Context(), flags.options(cmd, args))
			if err != nil {
				return err
			}
			if flags.json {
				if changes == nil {
					changes = []pkgs.Change{} // "[]", not "null"
				}
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"changes": changes})
			}
			for _, c := range changes {
				fmt.Fprintln(cmd.OutOrStdout(), c)
			}
			if len(changes) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no package changed")
			}
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}
