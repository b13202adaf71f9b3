package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Init must be the first statement of main, and of TestMain where tests call
// Run: a process that was started as the sandbox's child does that work there
// and exits. In any other process Init returns at once.
func Init() {
	if len(os.Args) < 3 || os.Args[0] != argv0 {
		return
	}
	var err error
	switch job := os.Args[2]; os.Args[1] {
	case "wait":
		err = waitForIDs(job)
	case "work":
		err = asRoot(job)
	case "exec":
		err = enter(job, os.Args[3:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// waitForIDs is the child's first stage. Its IDs are not mapped yet, so it has
// no capabilities but ambient ones; the execve at its end, as user 0, gives it
// all.
func waitForIDs(job string) error {
	var b [1]byte
	if n, _ := syscall.Read(controlFD, b[:]); n != 1 {
		return errors.New("the parent is gone")
	}
	// The capabilities of a thread are its own: this one must be who calls.
	runtime.LockOSThread()
	if err := keepForOneExec(); err != nil {
		return fmt.Errorf("start as root of the namespace: %w", err)
	}
	err := syscall.Exec("/proc/self/exe", []string{argv0, "work", job}, os.Environ())
	return fmt.Errorf("start as root of the namespace: %w", withHint(err))
}

// keepForOneExec leaves the thread its capabilities, and makes none of them go
// on to programs by themselves: what is not inheritable is not ambient, either.
func keepForOneExec() error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // 32 capabilities each
	if err := unix.Capget(&h, &sets[0]); err != nil {
		return err
	}
	sets[0].Inheritable, sets[1].Inheritable = 0, 0
	return unix.Capset(&h, &sets[0])
}

// asRoot is the child's second stage: PID 1 and root of the namespaces, in
// the work directory.
func asRoot(job string) error {
	syscall.CloseOnExec(controlFD)
	syscall.CloseOnExec(statusFD)
	control := bufio.NewReader(os.NewFile(controlFD, "control"))
	if job == "remove" {
		go dieWithParent(control)
		return removeEntries(".")
	}
	line, err := control.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	go dieWithParent(control)
	var req request
	if err := json.Unmarshal(line, &req); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if err := unix.Sethostname([]byte("localhost")); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", withHint(err))
	}
	syscall.Umask(0)
	s := stack{epoch: req.Epoch, inMemory: req.InMemory, mounts: req.Mounts, inPlace: req.InPlace}
	if req.Listening {
		syscall.CloseOnExec(outputFD)
		s.output = os.NewFile(outputFD, "output")
	}
	if err := s.base(os.Stdin); err != nil {
		return err
	}
	status := json.NewEncoder(os.NewFile(statusFD, "status"))
	for i, c := range req.Commands {
		r, err := s.run(i, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		if err := status.Encode(r); err != nil {
			return fmt.Errorf("%s: report: %w", c.Name, err)
		}
	}
	return nil
}

func dieWithParent(control io.Reader) {
	io.Copy(io.Discard, control)
	os.Exit(1)
}

func removeEntries(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// view is the root that a command gets, in JSON on the last stage's command line.
type view struct {
	Layers string // the data of an overlay mount
	Mounts []Mount
}

// handover is what the last stage gets and a command line must not have, or
// cannot hold.
type handover struct {
	Credentials map[string]string
	InPlace     []InPlace
}

// enter is the last stage, in a mount namespace of its own: it makes the view
// the root and becomes the program.
func enter(job string, argv []string) error {
	syscall.CloseOnExec(statusFD)
	// Errors go to the sandbox, not into the program's output.
	os.Stderr = os.NewFile(statusFD, "status")
	var v view
	if err := json.Unmarshal([]byte(job), &v); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	in := os.NewFile(handoverFD, "handover")
	var h handover
	err := json.NewDecoder(in).Decode(&h)
	in.Close()
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if err := mountRoot("root", v, h.InPlace); err != nil {
		return err
	}
	if err := putCredentials("root"+credentialsDir, h.Credentials); err != nil {
		return fmt.Errorf("hand over credentials: %w", err)
	}
	if err := pivot("root"); err != nil {
		return err
	}
	// Whatever else the caller of the whole program left open stays outside.
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("close files: %w", err)
	}
	// Without it no program can change the mounts.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil {
		return fmt.Errorf("drop CAP_SYS_ADMIN: %w", err)
	}
	syscall.Umask(0o022)
	program, err := lookPath(argv[0])
	if err != nil {
		return err
	}
	err = syscall.Exec(program, argv, os.Environ())
	if errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("%s: its interpreter or dynamic loader is not in the image", program)
	}
	return fmt.Errorf("%s: %w", program, err)
}

// credentialsDir is where systemd has those of a service: /run is a tmpfs.
const credentialsDir = "/run/credentials"

func putCredentials(dir string, credentials map[string]string) error {
	if len(credentials) == 0 {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, value := range credentials {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o400); err != nil {
			return err
		}
	}
	return os.Setenv("CREDENTIALS_DIRECTORY", credentialsDir)
}

// lookPath finds the program; the root and PATH are already the image's.
func lookPath(name string) (string, error) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, c := range candidates {
		if info, err := os.Stat(c); err == nil && info.Mode().IsRegular() {
			return c, nil
		}
	}
	return "", fmt.Errorf("%s: no such program in the image", name)
}
