package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/kernel/configs"
	"github.com/bocaditos/bocaditos/kernel/needs"
)

func newKernel() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kernel",
		Short: "Configure, build and check the kernel that a recipe describes",
		Long: `Kernel does alone what build does of the kernel: with [kernel.build] in the
recipe the kernel is made for the image, without modules, from fragments of
configuration. docs/kernel.md tells more.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKernelConfig(), newKernelBuild(), newKernelCheck(), newKernelFragments())
	return cmd
}

func newKernelConfig() *cobra.Command {
	var flags buildFlags
	cmd := &cobra.Command{
		Use:   "config [RECIPE]",
		Short: "Print the configuration that follows from fragments and options",
		Long: `Config merges the recipe's fragments and options, lets the kernel's own make
configure the source with them, and prints the whole configuration. An option
that did not end up as asked for is an error that says why. Nothing is compiled.
For a kernel from a package it prints that one's configuration.

` + recipeArg,
		Example: "  bocaditos kernel config > config\n  bocaditos kernel config examples/appliance | grep EROFS",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := builder.KernelConfig(cmd.Context(), flags.options(cmd, args))
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	flags.add(cmd)
	return cmd
}

func newKernelBuild() *cobra.Command {
	var flags buildFlags
	cmd := &cobra.Command{
		Use:   "build [RECIPE]",
		Short: "Build the kernel alone, into the cache",
		Long: `Build makes the kernel that the recipe describes, unless the cache has it, and
prints the directory that has it: vmlinuz, config, release and build.log. A
build that was killed or failed goes on where it was.

` + recipeArg,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := builder.BuildKernel(cmd.Context(), flags.options(cmd, args))
			if err != nil {
				return err
			}
			if !flags.json {
				fmt.Fprintln(cmd.OutOrStdout(), dir)
			}
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}

func newKernelCheck() *cobra.Command {
	var flags buildFlags
	var config string
	cmd := &cobra.Command{
		Use:   "check [RECIPE]",
		Short: "Say what the image needs of its kernel and does not get",
		Long: `Check assembles the root and compares what Bocaditos, systemd and each enabled
unit need with the kernel's configuration: that of the recipe's kernel, made or
taken from a package, or the file given with --config. What is a module there
counts only if the recipe's kernel is a package's. Errors make the exit status
5; build makes the same check. Nothing is compiled.

` + recipeArg,
		Example: "  bocaditos kernel check\n  bocaditos kernel check --config /boot/config-6.12.30",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			findings, err := builder.CheckKernel(cmd.Context(), flags.options(cmd, args), config)
			if err != nil {
				return err
			}
			return printFindings(cmd.OutOrStdout(), flags.json, findings)
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&config, "config", "", "a kernel's configuration to check, instead of the recipe's kernel")
	return cmd
}

func newKernelFragments() *cobra.Command {
	return &cobra.Command{
		Use:   "fragments [NAME]",
		Short: "List the fragments of configuration that Bocaditos ships, or print one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				text, ok := configs.Text(args[0])
				if !ok {
					return &usageError{fmt.Errorf("there is no fragment %q", args[0]), "bocaditos kernel fragments"}
				}
				_, err := io.WriteString(cmd.OutOrStdout(), text)
				return err
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 2, 8, 2, ' ', 0)
			for _, name := range configs.Names() {
				fmt.Fprintf(t, "%s\t%s\n", name, configs.Purpose(name))
			}
			return t.Flush()
		},
	}
}

// printFindings prints what a kernel lacks; errors among that are an error.
func printFindings(w io.Writer, asJSON bool, findings []needs.Finding) error {
	errs := 0
	for _, f := range findings {
		if f.Level == needs.Error {
			errs++
		}
		if !asJSON {
			fmt.Fprintf(w, "%-8s %s\n", f.Level, f)
		}
	}
	if asJSON {
		if err := json.NewEncoder(w).Encode(map[string]any{"findings": append([]needs.Finding{}, findings...)}); err != nil {
			return err
		}
	}
	if errs > 0 {
		return &builder.Failure{Class: builder.Content, Err: fmt.Errorf("the image does not work with this kernel: errors above: %d", errs)}
	}
	if !asJSON && len(findings) == 0 {
		fmt.Fprintln(w, "the kernel has all that the image needs")
	}
	return nil
}
