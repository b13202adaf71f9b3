package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/qemu"
)

type runFlags struct {
	boot, accel, memory, until, cache, tpm string
	cpus                                   int
	forwards, credentials                  []string
	persistent                             bool
	timeout                                time.Duration
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [IMAGE]",
		Short: "Boot an image in QEMU",
		Long: `Run boots a built image in QEMU with its console on this terminal; Ctrl-A X
ends it. IMAGE is the image's directory, its recipe, or the recipe's
directory (default: here). What the guest writes is discarded unless
--persistent is given. KVM is used only where a guest really runs under it.

The guest's machine ID follows from the path of its disk. An image with an
encrypted state partition gets an emulated TPM: a new one, or with
--persistent one beside the disk.

With --until the console is printed, nothing is typed, and QEMU ends as soon
as the pattern has matched.`,
		Example: `  bocaditos run
  bocaditos run out/hello_1 --boot kernel --memory 2G
  bocaditos run --forward 8080:80
  bocaditos run --credential system.hostname=box --credential script=@file`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, m, err := findImage(argOrHere(args))
			if err != nil {
				return err
			}
			machine, err := f.machine(cmd.Context(), dir, m)
			if err != nil {
				return err
			}
			cleanUp, err := f.addTPM(&machine, m)
			if err != nil {
				return err
			}
			defer cleanUp()
			if f.until != "" {
				return f.runUntil(cmd, machine, dir, m)
			}
			in, okIn := cmd.InOrStdin().(*os.File)
			out, okOut := cmd.OutOrStdout().(*os.File)
			if !okIn || !okOut || !isTerminal(in) || !isTerminal(out) {
				return &usageError{errors.New("the console needs a terminal on standard input and output"), "--until PATTERN runs without one"}
			}
			machine.Terminal = &qemu.Terminal{In: in, Out: out}
			fmt.Fprintf(cmd.ErrOrStderr(), "booting %s_%s (%s); Ctrl-A X ends it\n", m.ID, m.Version, machine.Accel)
			r, err := qemu.Start(cmd.Context(), machine)
			if err != nil {
				return err
			}
			return r.Wait()
		},
	}
	cmd.Flags().StringVar(&f.boot, "boot", "uefi", "how to boot: uefi (the disk), or kernel (kernel and initrd directly)")
	cmd.Flags().StringVar(&f.accel, "accel", "auto", "accelerator: auto, kvm or tcg")
	cmd.Flags().StringVarP(&f.memory, "memory", "m", "1G", "memory of the guest")
	cmd.Flags().IntVar(&f.cpus, "cpus", min(2, runtime.NumCPU()), "processors of the guest")
	cmd.Flags().StringArrayVarP(&f.forwards, "forward", "p", nil, "make a guest's port reachable: [HOSTADDR:]HOSTPORT:GUESTPORT[/udp]")
	cmd.Flags().StringArrayVarP(&f.credentials, "credential", "c", nil, "systemd credential: NAME=VALUE or NAME=@FILE")
	cmd.Flags().BoolVar(&f.persistent, "persistent", false, "write what the guest writes into the disk image")
	cmd.Flags().StringVar(&f.tpm, "tpm", "", "emulate a TPM 2.0 whose memory is in this directory")
	cmd.Flags().StringVar(&f.until, "until", "", "print the console until this regular expression matches, then end")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long --until waits")
	for flag, values := range map[string][]string{"boot": {"uefi", "kernel"}, "accel": {"auto", qemu.KVM, qemu.TCG}} {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.Flags().StringVar(&f.cache, "cache", "", "cache directory (default $XDG_CACHE_HOME/bocaditos)")
	return cmd
}

// machine turns flags and manifest into what to start.
func (f *runFlags) machine(ctx context.Context, dir string, m *image.Manifest) (machine qemu.Machine, err error) {
	machine = qemu.Machine{
		Name: m.ID, Arch: map[string]string{"x86-64": "amd64", "arm64": "arm64"}[m.Architecture],
		CPUs: f.cpus, Network: qemu.UserNetwork,
	}
	usage := func(err error) (qemu.Machine, error) { return machine, &usageError{err, "bocaditos run --help"} }
	if f.cpus < 1 {
		return usage(fmt.Errorf("--cpus %d: want at least 1", f.cpus))
	}
	if machine.Memory, err = qemu.ParseMemory(f.memory); err != nil {
		return usage(err)
	}
	for _, s := range f.forwards {
		forward, err := qemu.ParseForward(s)
		if err != nil {
			return usage(err)
		}
		machine.Forwards = append(machine.Forwards, forward)
	}
	for _, s := range f.credentials {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return usage(fmt.Errorf("credential %q: want NAME=VALUE or NAME=@FILE", s))
		}
		c := qemu.Credential{Name: name, Value: []byte(value)}
		if file, ok := strings.CutPrefix(value, "@"); ok {
			c = qemu.Credential{Name: name, File: file}
		}
		machine.Credentials = append(machine.Credentials, c)
	}
	disk, err := m.File(image.Disk)
	if err != nil {
		return machine, err
	}
	machine.Drives = []qemu.Drive{{File: filepath.Join(dir, disk.File), Persistent: f.persistent}}
	switch f.boot {
	case "uefi":
		uefi, err := qemu.FindUEFI(machine.Arch)
		if err != nil {
			return machine, lacking(err)
		}
		machine.UEFI = &uefi
	case "kernel":
		kernel, err := m.File(image.Kernel)
		if err != nil {
			return machine, err
		}
		initrd, err := m.File(image.Initrd)
		if err != nil {
			return machine, err
		}
		machine.Kernel = &qemu.Kernel{File: filepath.Join(dir, kernel.File), Initrd: filepath.Join(dir, initrd.File), Cmdline: m.Boot.CommandLine}
	default:
		return usage(fmt.Errorf("--boot %q: want uefi or kernel", f.boot))
	}
	machine.Accel, err = f.accelerator(ctx, machine.Arch)
	return machine, err
}

// addTPM gives the machine the TPM that is asked for, or that the image needs.
// What the disk keeps can be opened only with the TPM that was there when the
// disk was first booted.
func (f *runFlags) addTPM(machine *qemu.Machine, m *image.Manifest) (cleanUp func(), err error) {
	switch {
	case f.tpm != "":
		machine.TPM = f.tpm
	case m.State.TPM && f.persistent:
		machine.TPM = machine.Drives[0].File + ".tpm"
	case m.State.TPM:
		if machine.TPM, err = os.MkdirTemp("", "bocaditos-tpm-*"); err != nil {
			return nil, err
		}
		return func() { os.RemoveAll(machine.TPM) }, nil
	}
	return func() {}, nil
}

func (f *runFlags) accelerator(ctx context.Context, arch string) (string, error) {
	switch f.accel {
	case qemu.KVM, qemu.TCG:
		return f.accel, nil
	case "auto":
		cache, err := builder.CacheDir(f.cache)
		if err != nil {
			return "", err
		}
		accel, err := qemu.Probe(ctx, arch, cache)
		return accel.Name, lacking(err)
	}
	return "", &usageError{fmt.Errorf("--accel %q: want auto, kvm or tcg", f.accel), "bocaditos run --help"}
}

// lacking classifies an error about what this host does not have.
func lacking(err error) error {
	if err == nil {
		return nil
	}
	return &builder.Failure{Class: builder.Host, Err: err, Tip: "bocaditos doctor says what this machine lacks"}
}

// runUntil boots without a terminal, shows the console and sums up.
func (f *runFlags) runUntil(cmd *cobra.Command, machine qemu.Machine, dir string, m *image.Manifest) error {
	pattern, err := regexp.Compile(f.until)
	if err != nil {
		return &usageError{fmt.Errorf("--until: %w", err), "bocaditos run --help"}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	began := time.Now()
	console := &plainConsole{w: cmd.OutOrStdout()}
	machine.Log = console
	r, err := qemu.Start(ctx, machine)
	if err != nil {
		return err
	}
	defer r.Kill()
	if _, err := r.Console.Expect(ctx, pattern); err != nil {
		return fmt.Errorf("wait for %q on the console: %w", f.until, err)
	}
	took := time.Since(began)
	r.Kill()
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "\n\n%q after %.1f s under %s, booted by %s\n", f.until, took.Seconds(), machine.Accel, f.boot)
	fmt.Fprintf(out, "  kernel     %s\n  root hash  %s\n", m.Boot.Kernel, m.RootFS.Hash)
	for _, kind := range []image.Kind{image.Root, image.Verity, image.Initrd, image.UKI, image.Disk} {
		if a, err := m.File(kind); err == nil {
			fmt.Fprintf(out, "  %-9s  %s\n", kind, builder.FormatBytes(a.Size))
		}
	}
	fmt.Fprintf(out, "To have its console on your terminal: bocaditos run %s\n", dir)
	return nil
}
