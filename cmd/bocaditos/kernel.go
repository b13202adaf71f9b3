package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
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
	cmd.AddCommand(newKernelConfig(), newKernelBuild(), newKernelCheck(), newKernelFragments(), newKernelSettings())
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

func newKernelSettings() *cobra.Command {
	asked := builder.KernelSettings{}
	var source, config string
	cmd := &cobra.Command{
		Use:   "settings",
		Short: "Merge fragments and options, without a recipe",
		Long: `Settings prints what fragments and options ask for, merged, for who runs the
kernel's make himself, as a Nix derivation does. Then, with --source and
--config, it says which of that the kernel did not grant, and why.`,
		Example: `  bocaditos kernel settings --fragment base,erofs --option NR_CPUS=8 >asked
  make -C linux KCONFIG_ALLCONFIG=$PWD/asked allnoconfig
  bocaditos kernel settings --fragment base,erofs --option NR_CPUS=8 --source linux --config linux/.config`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("fragment") {
				asked.Fragments = nil // not an empty list, which asks for nothing
			}
			if source == "" && config == "" {
				text, err := asked.Text()
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			if source == "" || config == "" {
				return &usageError{errors.New("--source and --config need each other"), cmd.CommandPath() + " --help"}
			}
			text, err := os.ReadFile(config)
			if err != nil {
				return err
			}
			return asked.Check(source, text)
		},
	}
	cmd.Flags().StringVar(&asked.Arch, "arch", runtime.GOARCH, "what the kernel is for: amd64 or arm64")
	cmd.Flags().StringSliceVar(&asked.Fragments, "fragment", nil, "names of fragments, and paths, which have a / or a dot; none means all that belong to the architecture")
	cmd.Flags().StringArrayVar(&asked.Options, "option", nil, "SYMBOL=value; it has the last word")
	cmd.Flags().StringVar(&source, "source", "", "the kernel's source, to check --config")
	cmd.Flags().StringVar(&config, "config", "", "the configuration that make wrote")
	return cmd
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
