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
	event  builder.Event // the last one
	stderr bytes.Buffer
}

// watch starts a build of the project.
func watch(t *testing.T, p project, args ...string) *watched {
	t.Helper()
	w := watchCommand(t, append([]string{"build", "--json", p.dir}, args...)...)
	w.begin(t)
	return w
}

// watchCommand prepares the tool to be watched.
func watchCommand(t *testing.T, args ...string) *watched {
	t.Helper()
	return &watched{Cmd: command(t, args...)}
}

// begin starts the process in a process group of its own, as a shell does.
func (w *watched) begin(t *testing.T) {
	t.Helper()
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
}

// next reads one event, and says whether there was one.
func (w *watched) next(t *testing.T) bool {
	t.Helper()
	if !w.events.Scan() {
		return false
	}
	w.event = builder.Event{}
	if err := json.Unmarshal(w.events.Bytes(), &w.event); err != nil {
		t.Fatalf("%s: %v", w.events.Bytes(), err)
	}
	return true
}

// until reads events up to one of that type and stage.
func (w *watched) until(t *testing.T, kind builder.EventType, stage string) {
	t.Helper()
	for w.next(t) {
		if w.event.Type == kind && w.event.Stage == stage {
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
