package qemu_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/qemu"
)

// TestMain lets the test binary also be the parent that gets killed.
func TestMain(m *testing.M) {
	if kernel := os.Getenv("TEST_PARENT_KERNEL"); kernel != "" {
		r, err := qemu.Start(context.Background(), qemu.Machine{Arch: "amd64", Kernel: &qemu.Kernel{File: kernel}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(r.PID())
		select {}
	}
	os.Exit(m.Run())
}

// gone waits until no process has that id (its last parent may still have to
// collect it, so a zombie is gone too).
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, fs.ErrNotExist) || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
}

func TestDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "TEST_PARENT_KERNEL="+halted(t).File)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		parent.Process.Kill()
		t.Fatalf("parent said %q", line)
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Fatalf("QEMU does not run: %v", err)
	}
	parent.Process.Kill()
	parent.Wait()
	gone(t, pid)
}

func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(r *qemu.Running, cancel func()) error
		want string // in the error of Wait; empty: none
	}{
		{"Kill", func(r *qemu.Running, _ func()) error { r.Kill(); r.Kill(); return nil }, "signal: killed"},
		{"Quit", func(r *qemu.Running, _ func()) error { return r.Quit(t.Context()) }, ""},
		{"context", func(r *qemu.Running, cancel func()) error { cancel(); return nil }, "context canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := qemu.Start(ctx, qemu.Machine{Arch: "amd64", Kernel: halted(t)})
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.end(r, cancel); err != nil {
				t.Error(err)
			}
			err = r.Wait()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Wait: %v, want %q", err, tt.want)
			}
			<-r.Done()
			gone(t, r.PID())
			if err := r.PowerDown(t.Context()); err == nil || !strings.Contains(err.Error(), "QEMU has ended") {
				t.Errorf("PowerDown afterwards: %v", err)
			}
		})
	}
}

func TestNothingIsLeftInTempDir(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	u, err := qemu.FindUEFI("amd64")
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, qemu.Machine{Arch: "amd64", UEFI: &u, Drives: []qemu.Drive{{File: disk(t, "")}},
		Credentials: []qemu.Credential{{Name: "secret", Value: []byte("x")}}})
	r.Kill()
	// The kernel's own directories of this test are elsewhere.
	entries, err := os.ReadDir(tmp)
	if err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestQMP(t *testing.T) {
	r := start(t, qemu.Machine{Arch: "amd64", Kernel: halted(t), CPUs: 2, Memory: 256 << 20})
	var memory struct {
		Base int64 `json:"base-memory"`
	}
	if err := r.QMP(t.Context(), "query-memory-size-summary", nil, &memory); err != nil || memory.Base != 256<<20 {
		t.Errorf("memory %d, %v", memory.Base, err)
	}
	var cpus []struct{}
	if err := r.QMP(t.Context(), "query-cpus-fast", nil, &cpus); err != nil || len(cpus) != 2 {
		t.Errorf("%d CPUs, %v", len(cpus), err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.QMP(ended, "query-status", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	var status struct{ Status string }
	if err := r.QMP(t.Context(), "query-status", nil, &status); err != nil || status.Status != "running" {
		t.Errorf("status %q, %v (the answer to the abandoned command?)", status.Status, err)
	}
	err := r.QMP(t.Context(), "eject", map[string]string{"device": "none"}, nil)
	if err == nil || !strings.Contains(err.Error(), "QEMU command eject: Device 'none' not found") {
		t.Errorf("error of QEMU: %v", err)
	}
}
