package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stack is the overlay's layers, in the work directory: "lower" is the
// unpacked tree, below it "points", above it one upper for each command.
// All paths are relative: mount options cannot hold arbitrary ones.
type stack struct {
	epoch    int64
	inMemory bool
	mounts   []Mount
	inPlace  []InPlace
	output   io.Writer // nil: nobody listens
	layers   []string  // top first
}

// base unpacks the tree from r and prepares the directory for the uppers.
func (s *stack) base(r io.Reader) error {
	if err := makeDirs(0o755, "lower", "points", "root", "upper"); err != nil {
		return fmt.Errorf("prepare the root: %w", err)
	}
	for _, name := range mountPoints {
		if err := makeDirs(0o755, filepath.Join("points", name)); err != nil {
			return fmt.Errorf("prepare the root: %w", err)
		}
	}
	for _, m := range s.mounts {
		if err := makeDirs(0o755, filepath.Join("points", m.Name)); err != nil {
			return fmt.Errorf("prepare the root: %w", err)
		}
	}
	if s.inMemory {
		if err := unix.Mount("tmpfs", "lower", "tmpfs", noPowers, "mode=0755"); err != nil {
			return fmt.Errorf("prepare the root: %w", err)
		}
	}
	if err := unpack(r, "lower", s.epoch); err != nil {
		return fmt.Errorf("unpack the root: %w", err)
	}
	s.layers = []string{"lower", "points"}
	err := canBeUpper("upper")
	if err == nil {
		return nil
	}
	// The host's root may be an overlay itself, or a network filesystem.
	if e := unix.Mount("tmpfs", "upper", "tmpfs", noPowers, "mode=0700"); e != nil {
		return fmt.Errorf("prepare the root: %w", e)
	}
	if e := canBeUpper("upper"); e != nil {
		return fmt.Errorf("neither the build directory's filesystem (%w) nor tmpfs (%w) can hold an overlay's changes", err, e)
	}
	return nil
}

// run runs the i-th command in a new layer and archives what it changed.
func (s *stack) run(i int, c Command) (Result, error) {
	upper := filepath.Join("upper", fmt.Sprint(i))
	if err := makeDirs(0o700, upper, upper+"-work"); err != nil {
		return Result{}, err
	}
	// The top layer's directory is the root's: it starts as the last one was.
	if err := copyMetadata(s.layers[0], upper); err != nil {
		return Result{}, err
	}
	r, err := s.exec(c, "lowerdir="+strings.Join(s.layers, ":")+",upperdir="+upper+",workdir="+upper+"-work")
	if err != nil {
		return r, err
	}
	s.layers = append([]string{upper}, s.layers...)
	if err := archive(upper, filepath.Join("..", changesName(i))); err != nil {
		return r, fmt.Errorf("collect changes: %w", err)
	}
	return r, nil
}

func (s *stack) exec(c Command, layers string) (r Result, err error) {
	statusR, statusW, err := os.Pipe()
	if err != nil {
		return r, err
	}
	defer statusR.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return r, err
	}
	defer outR.Close()
	handoverR, handoverW, err := os.Pipe()
	if err != nil {
		return r, err
	}
	defer handoverR.Close()
	job, err := json.Marshal(view{layers, s.mounts})
	if err != nil {
		return r, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{argv0, "exec", string(job)}, c.Args...)
	cmd.Env = c.Env
	cmd.Stdout, cmd.Stderr = outW, outW
	cmd.ExtraFiles = []*os.File{handoverR, statusW} // they become handoverFD and statusFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Setsid: true}
	err = cmd.Start()
	statusW.Close()
	outW.Close()
	go func() {
		defer handoverW.Close()
		json.NewEncoder(handoverW).Encode(handover{c.Credentials, s.inPlace})
	}()
	if err != nil {
		return r, fmt.Errorf("start: %w", err)
	}
	output := make(chan firstBytes)
	go func() {
		var first firstBytes
		if s.output != nil {
			io.Copy(io.MultiWriter(&first, s.output), outR)
		}
		io.Copy(&first, outR)
		output <- first
	}()
	setup, _ := io.ReadAll(statusR) // ends with the program's execve
	cmd.Wait()
	killRest()
	r.Output = <-output
	if len(setup) > 0 {
		return r, errors.New(strings.TrimSpace(string(setup)))
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	r.ExitCode = ws.ExitStatus()
	if ws.Signaled() {
		r.ExitCode = 128 + int(ws.Signal())
	}
	return r, nil
}

// firstBytes keeps the first MaxOutput of what is written to it.
type firstBytes []byte

func (b *firstBytes) Write(p []byte) (int, error) {
	*b = append(*b, p[:min(len(p), MaxOutput-len(*b))]...)
	return len(p), nil
}

// killRest ends what the command left running, which could go on writing.
func killRest() {
	syscall.Kill(-1, syscall.SIGKILL) // all of this PID namespace but us
	for {
		_, err := syscall.Wait4(-1, nil, 0, nil)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// makeDirs makes directories with exactly this mode.
func makeDirs(mode os.FileMode, dirs ...string) error {
	for _, d := range dirs {
		if err := os.Mkdir(d, mode); err != nil {
			return err
		}
	}
	return nil
}
