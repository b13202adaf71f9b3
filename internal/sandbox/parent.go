package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/bocaditos/bocaditos/tree"
)

// argv0 tells Init that this process is a child of the sandbox.
const argv0 = "bocaditos-sandbox"

// File descriptors of the child. Its end of control reads EOF when the parent
// is gone, however it died; the child is PID 1 of its namespace, so when it
// exits the kernel kills the rest. PR_SET_PDEATHSIG cannot do this: it follows
// one thread of the parent, and execve resets it when it grants capabilities.
const (
	controlFD = 3 + iota // the parent's request
	statusFD             // the child's results
	outputFD             // the commands' output as it comes, unless nobody listens
)

// handoverFD is where the last stage reads its handover.
const handoverFD = controlFD

// child is the parent's view of the process in the namespaces.
type child struct {
	cmd     *exec.Cmd
	control *os.File
	stdin   io.WriteCloser
	status  *os.File
	output  chan struct{} // closed when all output has come; nil without a listener
	stderr  bytes.Buffer
}

// start begins the child in new namespaces, with user and group IDs mapped, in
// the directory dir, to do the job that Init knows by this name. output, unless
// it is nil, gets what the job's commands write.
func start(ctx context.Context, dir, job string, output io.Writer) (*child, error) {
	controlR, controlW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	defer controlR.Close()
	statusR, statusW, err := os.Pipe()
	if err != nil {
		controlW.Close()
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	defer statusW.Close()

	c := &child{cmd: exec.CommandContext(ctx, "/proc/self/exe"), control: controlW, status: statusR}
	c.cmd.Args = []string{argv0, "wait", job}
	c.cmd.Env = []string{"LANG=C.UTF-8"}
	c.cmd.Dir = dir
	c.cmd.ExtraFiles = []*os.File{controlR, statusW}
	if output != nil {
		outputR, outputW, err := os.Pipe()
		if err != nil {
			controlW.Close()
			statusR.Close()
			return nil, fmt.Errorf("sandbox: %w", err)
		}
		defer outputW.Close()
		c.cmd.ExtraFiles = append(c.cmd.ExtraFiles, outputW)
		c.output = make(chan struct{})
		go func() {
			defer close(c.output)
			defer outputR.Close()
			io.Copy(output, outputR)
			io.Copy(io.Discard, outputR) // a listener that fails must not stop the commands
		}()
	}
	c.cmd.Stderr = &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Setpgid: true, // Ctrl-C is for the caller, who ends ctx
		// Where the caller may gain no privileges (PR_SET_NO_NEW_PRIVS, as in a
		// build of Nix), an execve as user 0 gives back no capabilities that the one
		// before took away; these it does not take away.
		AmbientCaps: capabilities(),
	}
	c.stdin, err = c.cmd.StdinPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		controlW.Close()
		statusR.Close()
		return nil, fmt.Errorf("sandbox: create namespaces: %w", withHint(err))
	}
	err = mapIDs(c.cmd.Process.Pid)
	if err == nil {
		_, err = controlW.WriteString("\n") // white space to the JSON that follows
	}
	if err != nil {
		c.cmd.Process.Kill()
		c.wait()
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return c, nil
}

// capabilities lists all that the kernel knows (capabilities(7)).
func capabilities() []uintptr {
	var all []uintptr
	last, err := strconv.Atoi(sysctl("kernel/cap_last_cap"))
	for c := 0; err == nil && c <= last; c++ {
		all = append(all, uintptr(c))
	}
	return all
}

// converse sends the request and the tree, collects a result for each command
// and waits for the child's end.
func (c *child) converse(t *tree.Tree, req request) ([]Result, error) {
	sent := make(chan error, 1)
	go func() {
		err := json.NewEncoder(c.control).Encode(req)
		if err == nil {
			err = t.WriteTar(c.stdin)
		}
		if err != nil {
			c.cmd.Process.Kill() // it must not run an incomplete root
		}
		c.stdin.Close()
		sent <- err
	}()
	var results []Result
	replies := json.NewDecoder(c.status)
	for range req.Commands {
		var r Result
		if replies.Decode(&r) != nil {
			break // the child has died or is about to: wait says why
		}
		results = append(results, r)
	}
	sendErr := <-sent
	err := c.wait()
	if sendErr != nil && !errors.Is(sendErr, syscall.EPIPE) {
		return nil, fmt.Errorf("sandbox: copy the root: %w", sendErr)
	}
	if err == nil && len(results) < len(req.Commands) {
		err = errors.New("sandbox: the child ended early")
	}
	return results, err
}

// wait waits for the child's end. What the child wrote to stderr is its error.
func (c *child) wait() error {
	err := c.cmd.Wait()
	if c.output != nil {
		<-c.output
	}
	c.control.Close()
	c.status.Close()
	if s := strings.TrimSpace(c.stderr.String()); s != "" {
		return errors.New("sandbox: " + s)
	}
	if err != nil {
		return fmt.Errorf("sandbox: child: %w", err)
	}
	return nil
}
