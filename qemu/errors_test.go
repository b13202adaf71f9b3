package qemu_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/qemu"
)

func TestStartRefuses(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := uint16(l.Addr().(*net.TCPAddr).Port)
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	takenUDP := uint16(u.LocalAddr().(*net.UDPAddr).Port)
	forward := func(f ...qemu.Forward) func(*qemu.Machine) {
		return func(m *qemu.Machine) { m.Network, m.Forwards = qemu.UserNetwork, f }
	}
	credentials := func(c ...qemu.Credential) func(*qemu.Machine) {
		return func(m *qemu.Machine) { m.Credentials = c }
	}
	const notValid = "not a valid name"
	for _, tt := range []struct {
		name   string
		change func(*qemu.Machine)
		want   string
	}{
		{"no architecture", func(m *qemu.Machine) { m.Arch = "" }, `no machine of architecture "" is known: amd64, arm64`},
		{"nothing to boot", func(m *qemu.Machine) { m.Kernel = nil }, "nothing to boot"},
		{"accelerator", func(m *qemu.Machine) { m.Accel = "hvf" }, `unknown accelerator "hvf"`},
		{"CPUs", func(m *qemu.Machine) { m.CPUs = -1 }, "-1 CPUs are too few"},
		{"memory", func(m *qemu.Machine) { m.Memory = 1000 }, "memory of 1000 bytes is not in whole MiB"},
		{"missing kernel", func(m *qemu.Machine) { m.Kernel = &qemu.Kernel{File: "/nowhere"} }, "qemu: could not open kernel file '/nowhere': No such file"},
		{"missing drive", func(m *qemu.Machine) { m.Drives = []qemu.Drive{{File: "/nowhere"}} }, "Could not open '/nowhere': No such file"},
		{"missing firmware", func(m *qemu.Machine) { m.UEFI = &qemu.UEFI{Code: "/nowhere", Vars: "/nowhere"} }, "read the firmware's variables: open /nowhere"},
		{"drive interface", func(m *qemu.Machine) { m.Drives = []qemu.Drive{{File: "x", Interface: "floppy"}} }, `drive x: unknown interface "floppy"`},
		{"drive contradiction", func(m *qemu.Machine) { m.Drives = []qemu.Drive{{File: "x", Persistent: true, ReadOnly: true}} }, "drive x is to be persistent and read-only"},
		{"channel to nowhere", func(m *qemu.Machine) { m.Channels = []qemu.Channel{{Name: "x"}} }, `channel "x" needs a file or a socket`},
		{"channel name", func(m *qemu.Machine) { m.Channels = []qemu.Channel{{Name: "a/b", File: "x"}} }, `channel "a/b": not a name`},
		{"arm64 credentials", func(m *qemu.Machine) { m.Arch = "arm64"; m.Credentials = []qemu.Credential{{Name: "x"}} }, "only through UEFI firmware"},
		{"arm64 serial port", func(m *qemu.Machine) { m.Arch = "arm64"; m.Channels = []qemu.Channel{{File: "x"}} }, "arm64 machines have one serial port"},
		{"arm64 screen", func(m *qemu.Machine) { m.Arch, m.Screen = "arm64", true }, "arm64 machines have no VGA screen"},

		{"forward without network", func(m *qemu.Machine) { m.Forwards = []qemu.Forward{{HostPort: 1, GuestPort: 1}} }, "cannot forward port 1: the machine has no network"},
		{"taken port", forward(qemu.Forward{HostPort: taken, GuestPort: 80}), fmt.Sprintf("cannot forward tcp port %d of 127.0.0.1: it is taken", taken)},
		{"taken UDP port", forward(qemu.Forward{Proto: "udp", HostPort: takenUDP, GuestPort: 80}), fmt.Sprintf("cannot forward udp port %d of 127.0.0.1: it is taken", takenUDP)},
		{"port twice", forward(qemu.Forward{HostPort: 61234, GuestPort: 80}, qemu.Forward{HostPort: 61234, GuestPort: 81}), "cannot forward tcp port 61234 of 127.0.0.1: it is taken"},
		{"foreign address", forward(qemu.Forward{HostAddr: netip.MustParseAddr("192.0.2.1"), HostPort: 61234, GuestPort: 80}), "cannot forward tcp port 61234 of 192.0.2.1: "},
		{"IPv6", forward(qemu.Forward{HostAddr: netip.IPv6Loopback(), GuestPort: 80}), "only from IPv4 addresses"},
		{"guest port", forward(qemu.Forward{HostPort: 61234}), "cannot forward to port 0 of the guest"},

		{"no credential name", credentials(qemu.Credential{}), notValid},
		{"credential name with slash", credentials(qemu.Credential{Name: "a/b"}), notValid},
		{"credential name with colon", credentials(qemu.Credential{Name: "a:b"}), notValid},
		{"credential name with equals", credentials(qemu.Credential{Name: "a=b"}), notValid},
		{"credential name ..", credentials(qemu.Credential{Name: ".."}), notValid},
		{"credential name not ASCII", credentials(qemu.Credential{Name: "ä"}), notValid},
		{"long credential name", credentials(qemu.Credential{Name: strings.Repeat("a", 256)}), notValid},
		{"credential twice", credentials(qemu.Credential{Name: "a"}, qemu.Credential{Name: "a"}), `credential "a" is there twice`},
		{"credential from both", credentials(qemu.Credential{Name: "a", File: "f", Value: []byte("v")}), "has both a value and a file"},
		{"credential from nowhere", credentials(qemu.Credential{Name: "a", File: "/nowhere"}), `credential "a": open /nowhere`},
		{"large credential", credentials(qemu.Credential{Name: "a", Value: make([]byte, 48<<10)}), `credential "a": all together are too long: 65568 bytes as base64`},
		{"large credentials", credentials(qemu.Credential{Name: "a", Value: make([]byte, 30<<10)}, qemu.Credential{Name: "b", Value: make([]byte, 30<<10)}), `credential "b": all together are too long`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := qemu.Machine{Arch: "amd64", Kernel: halted(t)}
			tt.change(&m)
			r, err := qemu.Start(deadline(t), m)
			if err == nil {
				r.Kill()
			}
			if err == nil || !strings.Contains(err.Error(), "start virtual machine: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// What just fits must not make QEMU complain.
func TestLargestCredentials(t *testing.T) {
	start(t, qemu.Machine{Arch: "amd64", Kernel: halted(t), CPUs: 8, Memory: 2 << 30, Credentials: []qemu.Credential{
		{Name: "a", Value: bytes.Repeat([]byte("a"), 23000)},
		{Name: "b", Value: bytes.Repeat([]byte("b"), 23000)},
	}})
}

func TestMissingQEMU(t *testing.T) {
	k := halted(t)
	t.Setenv("PATH", t.TempDir())
	for arch, pkg := range map[string]string{"amd64": "qemu-system-x86", "arm64": "qemu-system-arm"} {
		_, err := qemu.Start(t.Context(), qemu.Machine{Arch: arch, Kernel: k})
		if err == nil || !strings.HasSuffix(err.Error(), "not found: install the package "+pkg) {
			t.Errorf("%s: error %v", arch, err)
		}
	}
}

func TestParseForward(t *testing.T) {
	for in, want := range map[string]qemu.Forward{
		"8080:80":         {HostPort: 8080, GuestPort: 80},
		"0:22":            {GuestPort: 22},
		"8080:80/tcp":     {Proto: "tcp", HostPort: 8080, GuestPort: 80},
		"5353:53/udp":     {Proto: "udp", HostPort: 5353, GuestPort: 53},
		"0.0.0.0:8080:80": {HostAddr: netip.IPv4Unspecified(), HostPort: 8080, GuestPort: 80},
	} {
		if got, err := qemu.ParseForward(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "80", "a:80", "80:", "65536:80", "-1:80", "80:0", "x:80:80", "::1:80:80", "80:80/icmp", "1.2.3.4:5:6:7"} {
		if got, err := qemu.ParseForward(in); err == nil {
			t.Errorf("%q gives %v", in, got)
		}
	}
}

func TestParseMemory(t *testing.T) {
	for in, want := range map[string]int64{"512M": 512 << 20, "2G": 2 << 30, "1T": 1 << 40, "4096K": 4 << 20} {
		if got, err := qemu.ParseMemory(in); err != nil || got != want {
			t.Errorf("%s: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "G", "2", "2g", "2GB", "-1G", "0G", "1.5G", "8388608T"} {
		if got, err := qemu.ParseMemory(in); err == nil {
			t.Errorf("%q gives %d", in, got)
		}
	}
}
