package qemu

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tpm is a TPM 2.0 in a process of its own, swtpm, which QEMU talks to through
// a socket pair.
type tpm struct{ process *process }

// startTPM starts the TPM whose memory is in dir and connects it to the
// machine that c is the command line of.
func startTPM(ctx context.Context, c *command, a arch, dir string) (*tpm, error) {
	binary, err := exec.LookPath("swtpm")
	if err != nil {
		return nil, fmt.Errorf("swtpm not found: install the package swtpm")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the memory of the TPM: %w", err)
	}
	lock, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open the memory of the TPM: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("the TPM in %s is that of another machine, which runs", dir)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("connect to the TPM: %w", err)
	}
	theirs := &command{}
	defer theirs.close()
	fd := theirs.fd(os.NewFile(uintptr(pair[0]), "tpm"))
	c.add("-chardev", fmt.Sprintf("socket,id=tpm,fd=%d", c.fd(os.NewFile(uintptr(pair[1]), "tpm"))),
		"-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", a.tpm+",tpmdev=tpm0")
	// Not bound to ctx: it ends with QEMU, which still talks to it then.
	p := newProcess(context.WithoutCancel(ctx), binary, theirs)
	p.cmd.Dir = dir // its options have no way to write a comma
	p.cmd.Args = append(p.cmd.Args, "socket", "--tpm2", "--tpmstate", "dir=.", "--ctrl", fmt.Sprintf("type=unixio,clientfd=%d", fd), "--terminate")
	p.ended = func() { lock.Close() }
	if err := p.start(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("start the TPM: %w", err)
	}
	return &tpm{p}, nil
}

// end waits until the TPM has seen that QEMU is gone: what it has in memory is
// safe then, and another one can use its directory. There may be no TPM.
func (t *tpm) end() {
	if t == nil {
		return
	}
	select {
	case <-t.process.done:
	case <-time.After(5 * time.Second):
		t.kill()
	}
}

func (t *tpm) kill() {
	if t != nil {
		t.process.kill()
		t.process.wait()
	}
}

// explain adds to an error of QEMU what the TPM, which has ended, has said.
func (t *tpm) explain(err error) error {
	if t == nil {
		return err
	}
	t.process.wait()
	if said := strings.TrimSpace(string(t.process.stderr)); said != "" {
		return fmt.Errorf("%w; swtpm: %s", err, said)
	}
	return err
}
