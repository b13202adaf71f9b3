// Package kbuild configures and compiles Linux with the kernel's own make
// (Documentation/kbuild), offline in the sandbox, with the programs of a tree of
// packages. The host's compiler is not used, so one source, one set of tools
// and one configuration give the same bytes on every host.
//
// It knows nothing of where source and tools come from, and chooses no option.
package kbuild

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/tree"
)

// A Job is a kernel to make.
type Job struct {
	Source  string // directory on the host with a clean source tree; only read
	Objects string // existing directory on the host, this job's alone. What is compiled stays there, and another Job of the same source, tools and configuration goes on from it.
	Scratch string // existing directory on the host for the tools while they run

	Tools    *tree.Tree // a root with make, a compiler and what Tools lists
	Machine  string     // what Tools runs on, as GOARCH names it
	Arch     string     // what the kernel is for: "amd64" or "arm64"
	Compiler string     // "gcc", or a version of it: "gcc-13"

	Output io.Writer // gets make's output as it comes; may be nil
}

// port is what an architecture is called where.
type port struct {
	arch   string // make's ARCH
	source string // its directory below arch/
	cross  string // the prefix of the names of cross compilers
	image  string // the make target
	file   string // what that makes, below the objects
}

var ports = map[string]port{
	"amd64": {"x86_64", "x86", "x86_64-linux-gnu-", "bzImage", "arch/x86/boot/bzImage"},
	"arm64": {"arm64", "arm64", "aarch64-linux-gnu-", "Image", "arch/arm64/boot/Image"},
}

// SourceArch is the name of the kernel's directory below arch/ for a GOARCH, or
// "" if Bocaditos builds no kernel for it.
func SourceArch(goarch string) string { return ports[goarch].source }

// Packages are Debian's packages with what making a kernel takes, for a Job
// with this Compiler, Machine and Arch.
func Packages(compiler, machine, arch string) []string {
	all := []string{
		compiler,
		"make", "bc", "flex", "bison", "perl", "libc6-dev", "libelf-dev", "libssl-dev",
		"base-files", "bash", "dash", "coreutils", "diffutils", "findutils", "grep", "mawk", "sed",
		"gzip", "zstd", // compress the kernel and the copy of its configuration
	}
	if machine != arch {
		all = append(all, compiler+"-"+map[string]string{"amd64": "x86-64-linux-gnu", "arm64": "aarch64-linux-gnu"}[arch])
	}
	return all
}

// Configure writes the configuration that follows from settings, in the format
// of a fragment, and returns it. Every option that settings does not name is
// off, or what the kernel's authors say it must be. The caller must check that
// what was asked for came true.
func (j Job) Configure(ctx context.Context, settings []byte) ([]byte, error) {
	if err := os.WriteFile(filepath.Join(j.Objects, settingsFile), settings, 0o666); err != nil {
		return nil, err
	}
	if err := j.make(ctx, "allnoconfig", "KCONFIG_ALLCONFIG=/"+objectsName+"/"+settingsFile); err != nil {
		return nil, fmt.Errorf("configure the kernel: %w", err)
	}
	return os.ReadFile(filepath.Join(j.Objects, ".config"))
}

// Compile makes the kernel after Configure and returns the file it is in.
func (j Job) Compile(ctx context.Context) (string, error) {
	if err := j.make(ctx, ports[j.Arch].image); err != nil {
		return "", fmt.Errorf("compile the kernel: %w", err)
	}
	return filepath.Join(j.Objects, ports[j.Arch].file), nil
}

// Names of the directories in the sandbox, and of the file that configures.
const (
	sourceName   = "src"
	objectsName  = "objects"
	settingsFile = "settings.config"
)

// Flags are the arguments of make that decide about bytes of the kernel:
// whoever keeps kernels must know them by these, too.
func (j Job) Flags() []string {
	p := ports[j.Arch]
	flags := []string{
		"ARCH=" + p.arch,
		// What would tell one build from the next.
		"KBUILD_BUILD_USER=bocaditos", "KBUILD_BUILD_HOST=bocaditos", "KBUILD_BUILD_VERSION=1",
		"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
		"LOCALVERSION=", // else a "+" where the source is a git checkout
	}
	if j.Machine != j.Arch {
		return append(flags, "CROSS_COMPILE="+p.cross, "CC="+p.cross+j.Compiler)
	}
	return append(flags, "CC="+j.Compiler, "HOSTCC="+j.Compiler)
}

func (j Job) make(ctx context.Context, args ...string) error {
	if ports[j.Arch] == (port{}) {
		return fmt.Errorf("no kernels are built for %q", j.Arch)
	}
	tools := j.Tools.Clone()
	// Debian leaves this link to a maintainer script.
	if tools.Lookup("/usr/bin/awk") == nil && tools.Lookup("/usr/bin/mawk") != nil {
		if err := tools.Put("/usr/bin/awk", tree.NewSymlink("mawk", tree.Origin{})); err != nil {
			return err
		}
	}
	argv := []string{"make", "-C", "/" + sourceName, "O=/" + objectsName, fmt.Sprintf("-j%d", runtime.GOMAXPROCS(0)), "--output-sync=target", "--no-print-directory"}
	argv = append(append(argv, j.Flags()...), args...)
	var log tail
	output := io.Writer(&log)
	if j.Output != nil {
		output = io.MultiWriter(&log, j.Output)
	}
	results, err := sandbox.Run(ctx, tools, []sandbox.Command{{Name: "make", Args: argv}}, sandbox.Options{
		Dir: j.Scratch, Output: output,
		Mounts: []sandbox.Mount{{Source: j.Source, Name: sourceName, ReadOnly: true}, {Source: j.Objects, Name: objectsName}},
	})
	if err != nil {
		return err
	}
	os.RemoveAll(filepath.Dir(results[0].Changes)) // nothing but what make needs to run
	if results[0].ExitCode == 0 {
		return nil
	}
	return explain(log.String(), results[0].ExitCode)
}

// tail keeps the end of what is written to it, enough to hold the first error of
// as many compilers as run at once.
type tail struct{ bytes.Buffer }

const tailSize = 4 << 20

func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Buffer.Write(p)
	if t.Len() > 2*tailSize {
		t.Next(t.Len() - tailSize)
	}
	return n, err
}
