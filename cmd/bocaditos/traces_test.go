package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// noTraces fails the test if mounts, loop devices or processes are left.
func noTraces(t *testing.T, dir string) {
	t.Helper()
	mounts := read(t, "/proc/self/mountinfo")
	for line := range strings.Lines(mounts) {
		if strings.Contains(line, dir) || strings.Contains(line, scratch) {
			t.Errorf("still mounted: %s", line)
		}
	}
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, loop := range loops {
		if file, err := os.ReadFile(loop); err == nil && (strings.HasPrefix(string(file), dir) || strings.HasPrefix(string(file), scratch)) {
			t.Errorf("still attached: %s to %s", file, loop)
		}
	}
	// The kernel takes a moment to end what a killed process leaves. The
	// deadline bounds a hang, it measures nothing.
	left := strays()
	for end := time.Now().Add(time.Minute); len(left) > 0 && time.Now().Before(end); left = strays() {
		time.Sleep(10 * time.Millisecond)
	}
	for _, p := range left {
		t.Errorf("still running: %s", p)
	}
}

// strays are all descendants of this process but gpg's agent. The ended ones
// among its own children, which nobody waits for, are done with first.
func strays() []string {
	parents, names := map[int]int{}, map[int]string{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range all {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		head, tail, ok := cutLast(string(data), ")") // the name in parentheses may hold anything
		if fields := strings.Fields(tail); ok && len(fields) > 1 {
			parents[pid], _ = strconv.Atoi(fields[1])
			names[pid] = fmt.Sprintf("%s) %s", head, fields[0])
		}
	}
	var found []string
	for pid := range parents {
		if parents[pid] == os.Getpid() {
			if ended, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); ended == pid || errors.Is(err, syscall.ECHILD) {
				continue
			}
		}
		for p := parents[pid]; p > 1; p = parents[p] {
			if p == os.Getpid() && !strings.Contains(names[pid], "(gpg-agent)") {
				found = append(found, names[pid])
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

// What noTraces looks for, it finds.
func TestStrays(t *testing.T) {
	if err := exec.Command("sh", "-c", "sleep 1000 &").Run(); err != nil {
		t.Fatal(err)
	}
	found := strays()
	if len(found) != 1 || !strings.Contains(found[0], "(sleep)") && !strings.Contains(found[0], "(sh)") {
		t.Fatalf("found %q", found)
	}
	pid, _, _ := strings.Cut(found[0], " ")
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	noTraces(t, t.TempDir())
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
