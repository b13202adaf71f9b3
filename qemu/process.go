package qemu

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a QEMU that dies with this one.
type process struct {
	cmd    *exec.Cmd
	stderr tail
	ended  func()
	done   chan struct{}
	err    error // valid when done is closed
}

func newProcess(ctx context.Context, binary string, c *command) *process {
	p := &process{done: make(chan struct{}), ended: func() {}}
	p.cmd = exec.CommandContext(ctx, binary)
	p.cmd.Stderr = &p.stderr
	p.cmd.ExtraFiles = c.files
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// QEMU ends in order on SIGTERM; if it hangs it is killed.
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 5 * time.Second
	return p
}

// start runs the command in a thread of its own: Linux sends the death signal
// when the thread that forked ends, and Go ends threads at will.
func (p *process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this function
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.explain(p.cmd.Wait())
		p.ended()
		close(p.done)
	}()
	return <-started
}

// kill ends the process if it still runs.
func (p *process) kill() { p.cmd.Process.Kill() }

func (p *process) wait() error {
	<-p.done
	return p.err
}

// explain adds what QEMU said to the way it ended.
func (p *process) explain(err error) error {
	if err == nil {
		return nil
	}
	name := filepath.Base(p.cmd.Path)
	said := strings.TrimSpace(string(p.stderr))
	if said == "" {
		return fmt.Errorf("%s: %w", name, err)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return errors.New(said) // it starts with the name, and 1 tells nothing
	}
	return fmt.Errorf("%s: %w: %s", name, err, said)
}

// tail keeps the end of what is written to it.
type tail []byte

const maxTail = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	*t = (*t)[max(0, len(*t)-maxTail):]
	return len(p), nil
}
