// Command bench measures what a build of examples/hello costs (time, memory,
// size), side by side with mkosi where that is wanted, and runs the benchmarks
// of the packages. It is no test: nothing depends on its numbers. See
// docs/benchmarks.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

type options struct {
	program string // bocaditos
	recipe  string
	runs    int
	mkosi   bool // make a place to run it in, if there is none
	kernel  bool // make a kernel and boot it, instead of measuring builds
	goBench bool
	cache   string // where the benchmark keeps downloads and mkosi
}

func main() {
	var o options
	flag.StringVar(&o.program, "bocaditos", "build/bocaditos", "the program to measure")
	flag.StringVar(&o.recipe, "recipe", "examples/hello/image.toml", "what to build")
	flag.IntVar(&o.runs, "runs", 3, "how often to run each")
	flag.BoolVar(&o.mkosi, "mkosi", false, "install mkosi into a directory of its own, if it is not on PATH")
	flag.BoolVar(&o.kernel, "kernel", false, "compare a kernel made for the image with the distribution's, and nothing else")
	flag.BoolVar(&o.goBench, "go", true, "run the benchmarks of the packages, too")
	flag.Parse()
	// SIGINT ends the children too: their contexts, and their process group.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, w io.Writer) error {
	if o.runs < 1 {
		return errors.New("-runs must be at least 1")
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	o.cache = filepath.Join(base, "bocaditos-bench")
	if o.program, err = filepath.Abs(o.program); err != nil {
		return err
	}
	fmt.Fprintln(w, machine())
	if o.kernel {
		if err := os.MkdirAll(o.cache, 0o777); err != nil {
			return err
		}
		return benchKernels(ctx, o, w)
	}
	ours, err := newOurs(ctx, o)
	if err != nil {
		return err
	}
	defer ours.close()
	theirs, err := newMkosi(ctx, o)
	if err != nil {
		return err
	}
	defer theirs.close()
	// One after the other within each round, so that a busy machine is as
	// bad for both.
	for i := range o.runs {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", i+1, o.runs)
		if err := ours.round(ctx, i); err != nil {
			return err
		}
		if err := theirs.round(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "load %s after\n\n", load())
	printTimes(w, ours, theirs)
	printStages(w, ours)
	if err := printSizes(w, ours, theirs); err != nil {
		return err
	}
	if !o.goBench {
		return nil
	}
	return goBenchmarks(ctx, w)
}

// machine says where the numbers come from.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kernel, _ := exec.Command("uname", "-sr").Output()
	return fmt.Sprintf("%d CPUs (%s), %s, load %s before", runtime.NumCPU(), model, bytes.TrimSpace(kernel), load())
}

// load tells a reader whether the machine had other work.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
