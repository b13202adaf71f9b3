package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstFD is what the first inherited file is in the child: after the
// standard three.
const firstFD = 3

// command is a command line in the making, with the files it refers to.
type command struct {
	args  []string
	files []*os.File
}

func (c *command) add(args ...string) { c.args = append(c.args, args...) }

// fd passes f on and returns its number in QEMU.
func (c *command) fd(f *os.File) int {
	c.files = append(c.files, f)
	return firstFD + len(c.files) - 1
}

// memory passes data on as a file that exists nowhere but in memory, so it can
// be secret and can never be left behind. It returns its path in QEMU.
func (c *command) memory(data []byte) (string, error) {
	fd, err := unix.MemfdCreate("qemu", unix.MFD_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("create a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memory")
	n := c.fd(f)
	if _, err := f.Write(data); err != nil {
		return "", fmt.Errorf("create a file in memory: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", n), nil
}

func (c *command) close() {
	for _, f := range c.files {
		f.Close()
	}
}

// opt joins options; commas in values are doubled, as QEMU wants it.
func opt(head string, keyValues ...string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; i < len(keyValues); i += 2 {
		b.WriteString("," + keyValues[i] + "=" + strings.ReplaceAll(keyValues[i+1], ",", ",,"))
	}
	return b.String()
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// drivers are the devices of the drive interfaces.
var drivers = map[Interface]string{Virtio: "virtio-blk-pci", NVMe: "nvme"}

// command builds the command line of a checked machine, without the console
// and the monitor.
func (m Machine) command(a arch) (*command, error) {
	c := &command{}
	c.add("-nodefaults", "-no-user-config", "-display", "none",
		"-machine", a.machine, "-accel", m.Accel, "-cpu", a.cpu(m.Accel),
		"-smp", strconv.Itoa(m.CPUs), "-m", fmt.Sprintf("%dM", m.Memory>>20),
		"-object", "rng-builtin,id=rng", "-device", "virtio-rng-pci,rng=rng")
	if m.Name != "" {
		c.add("-name", opt("", "guest", m.Name)[1:])
	}
	if m.UUID != "" {
		c.add("-uuid", m.UUID)
	}
	if m.NoReboot {
		c.add("-no-reboot")
	}
	if m.Screen {
		c.add("-device", "VGA")
	}
	for _, step := range []func(*command) error{m.boot, m.drives, m.network, m.credentials, m.channels} {
		if err := step(c); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (m Machine) boot(c *command) error {
	if m.UEFI != nil {
		template, err := os.ReadFile(m.UEFI.Vars)
		if err != nil {
			return fmt.Errorf("read the firmware's variables: %w", err)
		}
		vars, err := c.memory(template)
		if err != nil {
			return err
		}
		c.add("-drive", opt("if=pflash,unit=0,format=raw,readonly=on", "file", m.UEFI.Code),
			"-drive", "if=pflash,unit=1,format=raw,file="+vars)
	}
	if m.Kernel != nil {
		c.add("-kernel", m.Kernel.File)
		if m.Kernel.Initrd != "" {
			c.add("-initrd", m.Kernel.Initrd)
		}
		cmdline := m.Kernel.Cmdline
		if m.Accel == TCG && m.Arch == "amd64" {
			// On a busy host the emulated timer is late when the kernel tests
			// it, and the kernel panics. Under KVM it does not test.
			cmdline = strings.TrimSpace(cmdline + " no_timer_check")
		}
		if cmdline != "" {
			c.add("-append", cmdline)
		}
	}
	return nil
}

func (m Machine) drives(c *command) error {
	for i, d := range m.Drives {
		file, err := filepath.Abs(d.File) // else "nbd:x" would be a protocol
		if err != nil {
			return err
		}
		if d.Format == "" {
			d.Format = "raw"
		}
		if d.Interface == "" {
			d.Interface = Virtio
		}
		id := fmt.Sprintf("drive%d", i)
		c.add("-drive", opt("if=none,discard=unmap", "id", id, "file", file, "format", d.Format,
			"snapshot", onOff(!d.Persistent && !d.ReadOnly), "readonly", onOff(d.ReadOnly)),
			"-device", opt(drivers[d.Interface], "drive", id, "serial", id, "bootindex", strconv.Itoa(i+1))) // 0 is Kernel's
	}
	return nil
}

func (m Machine) network(c *command) error {
	if m.Network == NoNetwork {
		return nil
	}
	args := []string{"restrict", onOff(m.Network == IsolatedNetwork)}
	for _, f := range m.Forwards {
		args = append(args, "hostfwd", fmt.Sprintf("%s:%s:%d-:%d", f.proto(), f.addr(), f.HostPort, f.GuestPort))
	}
	// Without a ROM the firmware cannot try to boot from the network.
	device := []string{"netdev", "net", "romfile", ""}
	if m.MAC != "" {
		device = append(device, "mac", m.MAC)
	}
	c.add("-netdev", opt("user,id=net", args...), "-device", opt("virtio-net-pci", device...))
	return nil
}

func (m Machine) channels(c *command) error {
	bus, serial := false, 0 // port 0 is the console, although it is added later
	for i, ch := range m.Channels {
		id := fmt.Sprintf("channel%d", i)
		if ch.Socket != "" {
			c.add("-chardev", opt("socket,server=on,wait=off", "id", id, "path", ch.Socket))
		} else {
			c.add("-chardev", opt("file", "id", id, "path", ch.File))
		}
		if ch.Name == "" {
			serial++
			c.add("-device", fmt.Sprintf("isa-serial,chardev=%s,index=%d", id, serial))
			continue
		}
		if !bus {
			c.add("-device", "virtio-serial-pci")
			bus = true
		}
		c.add("-device", opt("virtserialport", "chardev", id, "name", ch.Name))
	}
	return nil
}
