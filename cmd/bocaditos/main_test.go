package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/internal/archivetest"
	"github.com/bocaditos/bocaditos/internal/sandbox"
)

// scratch is where these tests keep what more than one of them uses. Other
// users may read it.
var scratch string

// keys sign private archives. They are made when a test asks for them.
var (
	keys     = sync.OnceValues(archivetest.MakeKeys)
	usedKeys bool
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "bocaditos-cmd-*"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		// What a killed tool leaves behind becomes a child of this process,
		// where strays finds it.
		if err := errors.Join(os.Chmod(scratch, 0o755), unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		code := m.Run()
		if usedKeys {
			k, _ := keys()
			k.Close()
		}
		return code
	}())
}

// A result is what the tool did.
type result struct {
	args           []string
	code           int
	stdout, stderr string
}

// bocaditos runs the tool in this process, as main does.
func bocaditos(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
	r := result{args, code, stdout.String(), stderr.String()}
	t.Log(r)
	return r
}

func (r result) String() string {
	return fmt.Sprintf("bocaditos %s: %d\n%s%s", strings.Join(r.args, " "), r.code, r.stdout, r.stderr)
}

// wants checks the exit code and what people read, on either stream.
func (r result) wants(t *testing.T, code int, parts ...string) result {
	t.Helper()
	if r.code != code {
		t.Errorf("bocaditos %s: exit code %d, want %d", strings.Join(r.args, " "), r.code, code)
	}
	for _, p := range parts {
		if !strings.Contains(r.stdout+r.stderr, p) {
			t.Errorf("bocaditos %s: the output lacks %q:\n%s%s", strings.Join(r.args, " "), p, r.stdout, r.stderr)
		}
	}
	return r
}

// without checks what people must not read.
func (r result) without(t *testing.T, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(r.stdout+r.stderr, p) {
			t.Errorf("bocaditos %s: the output has %q:\n%s%s", strings.Join(r.args, " "), p, r.stdout, r.stderr)
		}
	}
}

// program is the real tool, built once, where every user can run it.
var program = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "bocaditos")
	out, err := exec.Command("go", "build", "-trimpath", "-o", file, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return file, os.Chmod(file, 0o755)
})

// command is the real tool as a process of its own.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(file, args...)
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r := result{cmd.Args[1:], cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	t.Log(r)
	return r
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	archivetest.Write(t, file, text, 0o644)
}
