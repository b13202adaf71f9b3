package qemu

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Running is a machine that was started.
type Running struct {
	// Console is the guest's serial console, nil if it has a Terminal.
	Console *Console
	// Forwards is those of the machine, with the host ports that were chosen.
	Forwards []Forward

	process *process
	monitor *monitor
}

// Start starts m and returns once QEMU has accepted it; the guest may not run
// yet. QEMU ends with ctx, with its parent and with Kill, whichever is first.
func Start(ctx context.Context, m Machine) (*Running, error) {
	r, err := start(ctx, m.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("start virtual machine: %w", err)
	}
	return r, nil
}

func start(ctx context.Context, m Machine) (*Running, error) {
	a, binary, err := findBinary(m.Arch)
	if err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if m.Forwards, err = reserve(m.Forwards); err != nil {
		return nil, err
	}
	c, err := m.command(a)
	if err != nil {
		return nil, err
	}
	defer c.close()
	r := &Running{Forwards: m.Forwards}
	if r.monitor, err = newMonitor(c); err != nil {
		return nil, err
	}
	var chip *tpm
	if m.TPM != "" {
		if chip, err = startTPM(ctx, c, a, m.TPM); err != nil {
			r.monitor.close()
			return nil, err
		}
	}
	var restore func()
	p := newProcess(ctx, binary, c)
	if m.Terminal != nil {
		c.add("-chardev", "stdio,id=console,mux=on,signal=off", "-mon", "chardev=console,mode=readline")
		p.cmd.Stdin, p.cmd.Stdout = m.Terminal.In, m.Terminal.Out
		restore = keepTerminal(m.Terminal)
	} else {
		c.add("-chardev", "stdio,id=console,signal=off")
		stdin, err := p.cmd.StdinPipe()
		if err != nil {
			r.monitor.close()
			chip.kill()
			return nil, err
		}
		r.Console = newConsole(stdin, m.Log)
		p.cmd.Stdout = r.Console
	}
	c.add("-serial", "chardev:console")
	p.cmd.Args = append(p.cmd.Args, c.args...)
	p.ended = func() {
		r.monitor.close()
		chip.end()
		if restore != nil {
			restore()
		}
		if r.Console != nil {
			r.Console.end()
		}
	}
	r.process = p
	err = p.start()
	c.close() // who waits for QEMU's end of a connection must not wait for ours
	if err != nil {
		p.ended()
		return nil, err
	}
	if err := r.monitor.greet(ctx); err != nil {
		p.kill()
		ended := p.wait()
		if ended != nil && p.cmd.ProcessState.Exited() {
			err = ended // by itself; why says more than that the monitor is gone
		}
		return nil, chip.explain(err)
	}
	return r, nil
}

// keepTerminal returns a function that gives a terminal back as it is now:
// QEMU does so itself, but not when it is killed.
func keepTerminal(t *Terminal) func() {
	fd := int(t.In.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return func() {} // not a terminal
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return func() {
		term.Restore(fd, state)
		if err == nil {
			unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
		}
	}
}

// PID is the process id of QEMU.
func (r *Running) PID() int { return r.process.cmd.Process.Pid }

// Done is closed when QEMU has ended.
func (r *Running) Done() <-chan struct{} { return r.process.done }

// Wait waits until QEMU has ended. The error is nil if the guest switched
// itself off, or Quit did it.
func (r *Running) Wait() error { return r.process.wait() }

// Kill ends QEMU at once and waits until it is gone. What a guest wrote to
// persistent drives may be lost, as if power failed.
func (r *Running) Kill() {
	r.process.kill()
	r.process.wait()
}

// Quit ends QEMU in order, without asking the guest, and waits for it.
func (r *Running) Quit(ctx context.Context) error {
	if err := r.QMP(ctx, "quit", nil, nil); err != nil {
		return err
	}
	select {
	case <-r.Done():
		return r.Wait()
	case <-ctx.Done():
		return fmt.Errorf("wait for QEMU to quit: %w", ctx.Err())
	}
}

// PowerDown presses the guest's power button. It does not wait for the guest,
// which may also ignore it.
func (r *Running) PowerDown(ctx context.Context) error {
	return r.QMP(ctx, "system_powerdown", nil, nil)
}
