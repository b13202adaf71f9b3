package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// A sample is what one run took.
type sample struct {
	wall, cpu time.Duration
	memory    int64 // bytes, of the largest process: its peak resident set
}

type samples []sample

// measure runs a command and returns what it and all its children took, and
// its standard output.
func measure(ctx context.Context, name string, args ...string) (sample, []byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// Interrupted, it may clean up before it is killed.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	began := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(began)}
	if err != nil {
		return s, nil, fmt.Errorf("run %s: %w\n%s%s", name, err, tail(stdout.Bytes()), tail(stderr.Bytes()))
	}
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = usage.Maxrss << 10
	}
	return s, stdout.Bytes(), nil
}

// tail is the end of an output, where the reason for a failure is.
func tail(b []byte) []byte { return b[max(0, len(b)-4000):] }

func (s samples) min() time.Duration {
	return slices.MinFunc(s, func(a, b sample) int { return int(a.wall - b.wall) }).wall
}

func (s samples) median() time.Duration {
	return median(s, func(s sample) time.Duration { return s.wall })
}
func (s samples) cpu() time.Duration { return median(s, func(s sample) time.Duration { return s.cpu }) }

func (s samples) memory() int64 {
	return slices.MaxFunc(s, func(a, b sample) int { return int(a.memory - b.memory) }).memory
}

// median of an even number of runs is the mean of the two in the middle.
func median(s samples, of func(sample) time.Duration) time.Duration {
	var d []time.Duration
	for _, x := range s {
		d = append(d, of(x))
	}
	slices.Sort(d)
	return (d[(len(d)-1)/2] + d[len(d)/2]) / 2
}
