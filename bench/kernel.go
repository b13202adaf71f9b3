package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

// kernels compares the distribution's kernel with that of examples/appliance,
// under the root of examples/hello.
type kernels struct {
	program, dir, cache string

	made, cached sample // making the kernel: nothing but downloads in the cache, and again
	boots        [2]boots
}

// boots are the times from the start of QEMU to the initrd's program, and to a
// system that is up.
type boots struct {
	name         string
	init, system samples
}

// marks are what the console shows when they are reached.
var marks = [2]*regexp.Regexp{
	regexp.MustCompile(`bocaditos: root hash`), // the init has found the disk
	regexp.MustCompile(`Reached target.*[Mm]ulti-[Uu]ser`),
}

func benchKernels(ctx context.Context, o options, w io.Writer) error {
	dir, err := os.MkdirTemp(o.cache, "work-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	k := &kernels{program: o.program, dir: dir, cache: filepath.Join(o.cache, "kernel-cache")}
	text, err := os.ReadFile(o.recipe)
	if err != nil {
		return err
	}
	// The marks must be seen.
	recipe := strings.Replace(string(text), `"quiet", `, "", 1)
	table, err := kernelTable("examples/appliance/image.toml")
	if err != nil {
		return err
	}
	for i, add := range []string{"", "\n" + table} {
		k.boots[i].name = []string{"distribution", "ours"}[i]
		if err := os.MkdirAll(filepath.Join(dir, k.boots[i].name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(k.recipe(i), []byte(recipe+add), 0o666); err != nil {
			return err
		}
	}
	if err := k.make(ctx); err != nil {
		return err
	}
	for i := range k.boots {
		if _, _, err := measure(ctx, k.program, "build", "--quiet", "--cache", k.cache, k.recipe(i)); err != nil {
			return err
		}
	}
	for range o.runs {
		for i := range k.boots { // in turns, so that a busy machine is as bad for both
			if err := k.boot(ctx, i); err != nil {
				return err
			}
		}
	}
	return k.print(w)
}

// kernelTable is the table [kernel.build] of a recipe.
func kernelTable(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?ms)^\[kernel\.build\]\n.*?^$`).Find(text)
	if m == nil {
		return "", fmt.Errorf("%s has no [kernel.build]", file)
	}
	return string(m), nil
}

func (k *kernels) recipe(i int) string { return filepath.Join(k.dir, k.boots[i].name, "image.toml") }

// make measures making the kernel from downloads, and with a full cache.
func (k *kernels) make(ctx context.Context) error {
	args := []string{"kernel", "build", "--quiet", "--cache", k.cache, k.recipe(1)}
	// The first one downloads; it configures, and compiles nothing.
	if _, _, err := measure(ctx, k.program, "kernel", "config", "--quiet", "--cache", k.cache, k.recipe(1)); err != nil {
		return err
	}
	for _, name := range []string{"kernels", "kernel-source", "unpacked"} {
		if err := os.RemoveAll(filepath.Join(k.cache, name)); err != nil {
			return err
		}
	}
	var err error
	if k.made, _, err = measure(ctx, k.program, args...); err != nil {
		return err
	}
	k.cached, _, err = measure(ctx, k.program, args...)
	return err
}

// boot starts one of the images and times the marks on its console.
func (k *kernels) boot(ctx context.Context, i int) error {
	cmd := exec.CommandContext(ctx, k.program, "run", "--boot", "kernel", "--until", "login: ", filepath.Dir(k.recipe(i)))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	console, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	var reached [len(marks)]sample
	for lines := bufio.NewScanner(console); lines.Scan(); {
		for j, mark := range marks {
			if reached[j].wall == 0 && mark.Match(lines.Bytes()) {
				reached[j].wall = time.Since(began)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("boot %s: %w\n%s", k.boots[i].name, err, tail(stderr.Bytes()))
	}
	if reached[0].wall == 0 || reached[1].wall == 0 {
		return errors.New("boot " + k.boots[i].name + ": the console did not show when it was up")
	}
	k.boots[i].init = append(k.boots[i].init, reached[0])
	k.boots[i].system = append(k.boots[i].system, reached[1])
	return nil
}

func (k *kernels) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 2, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%d boots\t%s\t%s\tratio\t\n", len(k.boots[0].init), k.boots[0].name, k.boots[1].name)
	a, b := k.boots[0], k.boots[1]
	row := func(name string, x, y samples) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f ×\t\n", name, seconds(x.median()), seconds(y.median()), x.median().Seconds()/y.median().Seconds())
	}
	row("QEMU's start to the root's disk found", a.init, b.init)
	row("QEMU's start to multi-user.target", a.system, b.system)
	for _, kind := range []string{"vmlinuz", "initrd", "efi"} {
		var size [2]string
		for i := range k.boots {
			found, err := filepath.Glob(filepath.Join(filepath.Dir(k.recipe(i)), "out", "*", "*."+kind))
			if err != nil || len(found) != 1 {
				return fmt.Errorf("%d files *.%s of the image with the kernel of %s", len(found), kind, k.boots[i].name)
			}
			size[i], _ = sizes(found[0])
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t\t\n", kind, size[0], size[1])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "made in %s (CPU time %s, downloads in the cache), found in the cache in %s\n\n", seconds(k.made.wall), seconds(k.made.cpu), seconds(k.cached.wall))
	return nil
}
