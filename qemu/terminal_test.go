package qemu_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/qemu"
)

// openTerminal returns the two ends of a new pseudo terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestTerminal(t *testing.T) {
	k := linux(t, "amd64")
	for name, end := range map[string]func(*qemu.Running, *os.File){
		"Ctrl-A X": func(_ *qemu.Running, keys *os.File) { keys.WriteString("\x01x") },
		"Kill":     func(r *qemu.Running, _ *os.File) { r.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			master, slave := openTerminal(t)
			before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			r := start(t, qemu.Machine{Arch: "amd64", Kernel: k, NoReboot: true, Terminal: &qemu.Terminal{In: slave, Out: slave}})
			if r.Console != nil {
				t.Error("a machine with a terminal has a console for programs")
			}
			see(t, master, "= ready")
			master.WriteString("cmdline\r")
			see(t, master, "= "+k.Cmdline)
			during, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil || during.Lflag&(unix.ICANON|unix.ISIG|unix.ECHO) != 0 {
				t.Errorf("the terminal is not raw: flags %o, %v", during.Lflag, err)
			}
			end(r, master)
			<-r.Done()
			after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil || *after != *before {
				t.Errorf("the terminal is not as it was: %+v, %v, want %+v", after, err, before)
			}
		})
	}
}

// see reads from the terminal until text has come.
func see(t *testing.T, master *os.File, text string) {
	t.Helper()
	var seen []byte
	buf := make([]byte, 4096)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if ready, _ := unix.Poll([]unix.PollFd{{Fd: int32(master.Fd()), Events: unix.POLLIN}}, 1000); ready == 0 {
			continue
		}
		n, err := master.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, buf[:n]...); bytes.Contains(seen, []byte(text)) {
			return
		}
	}
	t.Fatalf("no %q on the terminal:\n%s", text, seen)
}
