// Command init is the first process of test guests. It obeys commands from
// the console and answers each with one line that starts with "= ".
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	for dir, fs := range map[string]string{"/proc": "proc", "/sys": "sysfs", "/dev": "devtmpfs"} {
		os.MkdirAll(dir, 0o755)
		if err := unix.Mount(fs, dir, fs, 0, ""); err != nil {
			answer("", err)
		}
	}
	modules, _ := filepath.Glob("/modules/*.ko") // sorted
	for _, m := range modules {
		answer("load "+m, load(m))
	}
	answer("ready", nil)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command, arg, _ := strings.Cut(lines.Text(), " ")
		answer(obey(command, arg))
	}
}

func answer(s string, err error) {
	if err != nil {
		s = "error: " + err.Error()
	}
	fmt.Printf("\n= %s\n", s) // firmware may have left a line unfinished
}

func load(module string) error {
	f, err := os.Open(module)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

func obey(command, arg string) (string, error) {
	switch command {
	case "cmdline":
		b, err := os.ReadFile("/proc/cmdline")
		return strings.TrimSpace(string(b)), err
	case "smbios":
		return smbios()
	case "uuid":
		b, err := os.ReadFile("/sys/class/dmi/id/product_uuid")
		return strings.TrimSpace(string(b)), err
	case "tpm":
		return random()
	case "read": // FILE: its first 16 bytes
		f, err := os.Open(arg)
		if err != nil {
			return "", err
		}
		defer f.Close()
		b := make([]byte, 16)
		n, err := f.Read(b)
		return strconv.Quote(strings.TrimRight(string(b[:n]), "\x00")), err
	case "write": // FILE TEXT
		file, text, _ := strings.Cut(arg, " ")
		f, err := os.OpenFile(file, os.O_WRONLY|unix.O_SYNC|unix.O_NOCTTY, 0)
		if err != nil {
			return "", err
		}
		defer f.Close()
		_, err = f.WriteString(text)
		return "written", err
	case "port": // NAME of a virtio port: its device
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, file := range names {
			if b, _ := os.ReadFile(file); strings.TrimSpace(string(b)) == arg {
				return "/dev/" + filepath.Base(filepath.Dir(file)), nil
			}
		}
		return "", fmt.Errorf("no port %s", arg)
	case "serve": // TEXT, to everybody who connects to port 80
		return "serving", serve(arg)
	case "dial": // ADDRESS
		c, err := net.Dial("tcp", arg)
		if err == nil {
			c.Close()
		}
		return "connected", err
	case "off":
		return "", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case "restart":
		return "", unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	}
	return "", fmt.Errorf("unknown command %q", command)
}

// smbios returns the strings of type 11, quoted, in one line.
func smbios() (string, error) {
	files, err := filepath.Glob("/sys/firmware/dmi/entries/11-*/raw")
	var all []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		// The strings follow the fixed part, whose length is the second byte.
		for _, s := range strings.Split(strings.TrimRight(string(raw[raw[1]:]), "\x00"), "\x00") {
			all = append(all, strconv.Quote(s))
		}
	}
	return strings.Join(all, " "), err
}

// random asks the TPM for 8 random bytes (TPM2_GetRandom) and returns its
// answer but for them: a header, success, their number.
func random() (string, error) {
	// Not an os.File: it would not block, and the driver then takes the command
	// and answers a read at once with nothing.
	f, err := unix.Open("/dev/tpm0", unix.O_RDWR, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: "/dev/tpm0", Err: err}
	}
	defer unix.Close(f)
	if _, err := unix.Write(f, []byte("\x80\x01\x00\x00\x00\x0c\x00\x00\x01\x7b\x00\x08")); err != nil {
		return "", err
	}
	answer := make([]byte, 64)
	n, err := unix.Read(f, answer)
	return fmt.Sprintf("%d bytes: %x", n, answer[:min(n, 12)]), err
}

func serve(text string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	ifr, err := unix.NewIfreq("eth0")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		request uint
		addr    []byte
	}{{unix.SIOCSIFADDR, []byte{10, 0, 2, 15}}, {unix.SIOCSIFNETMASK, []byte{255, 255, 255, 0}}} {
		if err := ifr.SetInet4Addr(step.addr); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(s, step.request, ifr); err != nil {
			return err
		}
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr); err != nil {
		return err
	}
	l, err := net.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, text)
			c.Close()
		}
	}()
	return nil
}
