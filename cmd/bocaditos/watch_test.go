package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"syscall"
	"testing"

	"github.com/bocaditos/bocaditos/builder"
)

// A watched build is a process of the real tool whose events are read one at
// a time: a test knows how far it has come, whatever the machine's speed.
type watched struct {
	*exec.Cmd
	events *bufio.Scanner
	stderr bytes.Buffer
}

// watch starts a build of the project in a process group of its own, as a
// shell does.
func watch(t *testing.T, p project, args ...string) *watched {
	t.Helper()
	w := &watched{Cmd: command(t, append([]string{"build", "--json", p.dir}, args...)...)}
	w.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	w.Stderr = &w.stderr
	stdout, err := w.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.events = bufio.NewScanner(stdout)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.ProcessState == nil { // the test failed on the way
			w.Process.Kill()
			w.Wait()
		}
	})
	return w
}

// until reads events up to one of that type and stage.
func (w *watched) until(t *testing.T, kind builder.EventType, stage string) {
	t.Helper()
	for w.events.Scan() {
		var e builder.Event
		if err := json.Unmarshal(w.events.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", w.events.Bytes(), err)
		}
		if e.Type == kind && e.Stage == stage {
			return
		}
	}
	code := w.end(t)
	t.Fatalf("the build ended with %d before the %s of %s:\n%s", code, kind, stage, w.stderr.String())
}

// end waits for the end and returns the exit code, -1 after a signal.
func (w *watched) end(t *testing.T) int {
	t.Helper()
	for w.events.Scan() {
	}
	err := w.Wait()
	if w.ProcessState == nil {
		t.Fatal(err)
	}
	return w.ProcessState.ExitCode()
}
