// Command bocaditos builds from-scratch, verified Linux images from a recipe
// and boots them. Each verb is a file of its own: flags in, a library call,
// words for a person out.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/internal/sandbox"
)

// version is set by `make release`; a build from a checkout says so.
var version = "(development)"

func main() {
	sandbox.Init()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes beside those of builder.Class. docs/exit-codes.md lists them all.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// run is the whole tool with its streams injected, and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if isTerminal(stderr) {
		fmt.Fprint(stderr, "\r\x1b[K") // over a bar or an echoed ^C
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bocaditos: interrupted; nothing was left behind")
		return exitInterrupted
	}
	fmt.Fprintf(stderr, "bocaditos: %v\n", err)
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		fmt.Fprintf(stderr, "  hint: %s\n", hinted.Hint())
	}
	var failure *builder.Failure
	var usage *usageError
	switch {
	case errors.As(err, &failure):
		return int(failure.Class)
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailure
}

// usageError is a mistake in the command line, with the command that explains
// how it is meant.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }
func (e *usageError) Hint() string  { return e.hint }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bocaditos",
		Short: "Build from-scratch, verified Linux images, and boot them",
		Long: `Bocaditos builds a Linux system from a list of packages: an EROFS root under
dm-verity, a minimal initrd, a unified kernel image, a GPT disk. systemd's own
tools prepare the root offline; no maintainer script is ever run.

  bocaditos init             write a recipe, image.toml
  bocaditos build            build the image it describes
  bocaditos run              boot the image in QEMU`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			err := fmt.Errorf("unknown command %q", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				err = fmt.Errorf("unknown command %q, did you mean %q?", args[0], near[0])
			}
			return &usageError{err, "bocaditos --help"}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{err, cmd.CommandPath() + " --help"} })
	root.AddCommand(
		newBuild(), newRun(), newInit(), newLock(), newUpdate(), newKernel(), newScripts(),
		newWhy(), newSecurity(), newCheck(), newFixup(), newDoctor(), newMan(), newSchema(),
	)
	explainUsage(root)
	return root
}

// explainUsage makes wrong arguments of the commands below c errors that say
// what is right.
func explainUsage(c *cobra.Command) {
	for _, c := range c.Commands() {
		explainUsage(c)
		check := c.Args
		if check == nil {
			continue
		}
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{fmt.Errorf("%w, want %s", err, cmd.UseLine()), cmd.CommandPath() + " --help"}
			}
			return nil
		}
	}
}
