package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/initrd"
	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/qemu"
	"github.com/bocaditos/bocaditos/tree"
)

// A check is one thing that the host has or lacks.
type check struct {
	name, need string // need: what does not work without it
	try        func(ctx context.Context, cache string) (detail string, err error)
	fix        string // a command or an advice; an error's own hint comes first
}

var checks = []check{
	{"apt", "build", checkApt, "packages come from Debian's archive through apt: use a Debian host or container"},
	{"init", "build", checkInit, "install Go from go.dev/dl, or use a released bocaditos, which carries its init"},
	{"sandbox", "build", checkSandbox, ""},
	{"disk space", "build", checkSpace, "free some space, or set XDG_CACHE_HOME to a larger disk"},
	{"qemu", "run", checkQEMU, "sudo apt install qemu-system-x86"},
	{"firmware", "run", checkFirmware, "sudo apt install ovmf"},
	{"accelerator", "run", checkAccelerator, ""},
}

func newDoctor() *cobra.Command {
	var cache string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine lacks, and the command that fixes it",
		Long: `Doctor tries what building and running images needs of this machine: not
whether a file is there, but whether the thing works. Its exit status is 7
if images cannot be built here.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := builder.CacheDir(cache)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
			return examine(cmd, dir)
		},
	}
	cmd.Flags().StringVar(&cache, "cache", "", "cache directory (default $XDG_CACHE_HOME/bocaditos)")
	return cmd
}

func examine(cmd *cobra.Command, cache string) error {
	out := cmd.OutOrStdout()
	broken := false
	for _, c := range checks {
		detail, err := c.try(cmd.Context(), cache)
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		if err == nil {
			fmt.Fprintf(out, "ok       %-12s %s\n", c.name, detail)
			continue
		}
		fmt.Fprintf(out, "missing  %-12s %v\n", c.name, err)
		fix := c.fix
		var hinted interface{ Hint() string }
		if errors.As(err, &hinted) && hinted.Hint() != "" {
			fix = hinted.Hint()
		}
		if fix != "" {
			fmt.Fprintf(out, "         %-12s → %s\n", "", fix)
		}
		broken = broken || c.need == "build"
	}
	if broken {
		return &builder.Failure{Class: builder.Host, Err: errors.New("images cannot be built on this machine as it is")}
	}
	return nil
}

func checkApt(ctx context.Context, _ string) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "--version").Output()
	if err != nil {
		return "", err
	}
	version, _, _ := bytes.Cut(out, []byte("\n"))
	return string(version), nil
}

func checkInit(ctx context.Context, cache string) (string, error) {
	program, err := initrd.InitBinary(ctx, runtime.GOARCH, cache)
	return fmt.Sprintf("the initrd's program, %s", builder.FormatBytes(int64(len(program)))), err
}

// checkSandbox runs a program in the sandbox: the init, which is static, and
// which refuses to work as anything but process 1.
func checkSandbox(ctx context.Context, cache string) (string, error) {
	program, err := initrd.InitBinary(ctx, runtime.GOARCH, cache)
	if err != nil {
		return "", fmt.Errorf("not tried: %w", err)
	}
	dir, err := os.MkdirTemp(cache, "doctor-*")
	if err != nil {
		return "", err
	}
	defer sandbox.Remove(dir)
	t := tree.New()
	if err := t.Put("/init", tree.NewFile(0o755, tree.Bytes(program), tree.Origin{})); err != nil {
		return "", err
	}
	results, err := sandbox.Run(ctx, t, []sandbox.Command{{Name: "probe", Args: []string{"/init"}}}, sandbox.Options{Dir: dir})
	if err != nil {
		return "", err
	}
	if r := results[0]; r.ExitCode != 1 || !bytes.Contains(r.Output, []byte("process 1")) {
		return "", fmt.Errorf("a program in it ended with %d: %s", r.ExitCode, r.Output)
	}
	if os.Geteuid() == 0 {
		return "namespaces and overlay work", nil
	}
	return "namespaces, subordinate ids and overlay work without root", nil
}

// needSpace is about what the first build of a small image takes.
const needSpace = 2 << 30

func checkSpace(_ context.Context, cache string) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(cache, &s); err != nil {
		return "", err
	}
	free := int64(s.Bavail) * s.Bsize
	if free < needSpace {
		return "", fmt.Errorf("only %s free in %s", builder.FormatBytes(free), cache)
	}
	return fmt.Sprintf("%s free in %s", builder.FormatBytes(free), cache), nil
}

func checkQEMU(ctx context.Context, _ string) (string, error) {
	name := map[string]string{"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}[runtime.GOARCH]
	out, err := exec.CommandContext(ctx, name, "--version").Output()
	if err != nil {
		return "", err
	}
	version, _, _ := bytes.Cut(out, []byte("\n"))
	return string(version), nil
}

func checkFirmware(context.Context, string) (string, error) {
	uefi, err := qemu.FindUEFI(runtime.GOARCH)
	return uefi.Code, err
}

func checkAccelerator(ctx context.Context, cache string) (string, error) {
	accel, err := qemu.Probe(ctx, runtime.GOARCH, cache)
	why, _, _ := strings.Cut(accel.Why, "\n")
	if accel.Name == qemu.TCG {
		return "emulation (tcg), which is slow: " + why, err
	}
	return accel.Name + ": " + why, err
}
