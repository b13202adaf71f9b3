package qemu_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/qemu"
)

func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// checkCredentials compares what the guest sees with what it was given.
func checkCredentials(t *testing.T, g guest, want map[string][]byte) {
	t.Helper()
	got := g.run("smbios")
	for _, quoted := range strings.Fields(got) {
		text, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%v in %.200s", err, got)
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(text, "io.systemd.credential.binary:"), "=")
		data, err := base64.StdEncoding.DecodeString(value)
		if w, ok := want[name]; err != nil || !ok || !bytes.Equal(data, w) {
			t.Errorf("credential %s: %d bytes, want %d; %v", name, len(data), len(w), err)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("credential %s did not arrive", name)
	}
}

func TestCredentialsArrive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte{0, 1, 2}, 44<<10/3)
	credentials := []qemu.Credential{
		{Name: "all.bytes", Value: allBytes()},
		{Name: "secret", File: file},
		{Name: "large", Value: large},
		{Name: "empty"},
	}
	want := func() map[string][]byte {
		return map[string][]byte{"all.bytes": allBytes(), "secret": []byte("from a file"), "large": large, "empty": {}}
	}
	firmware, err := qemu.FindUEFI("amd64")
	if err != nil {
		t.Fatal(err)
	}
	for name, u := range map[string]*qemu.UEFI{"direct": nil, "UEFI": &firmware} {
		t.Run(name, func(t *testing.T) {
			k := linux(t, "amd64")
			k.Cmdline += " bocaditos.test=1,2"
			g := boot(t, qemu.Machine{Kernel: k, UEFI: u, Credentials: credentials, Name: "credentials, test"})
			checkCredentials(t, g, want())
			if got := g.run("cmdline"); !strings.Contains(got, k.Cmdline) {
				t.Errorf("command line %q, want %q", got, k.Cmdline)
			}
			args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", g.PID()))
			if err != nil || !bytes.Contains(args, []byte("qemu-system-x86_64")) {
				t.Fatalf("arguments %q, %v", args, err)
			}
			for _, secret := range [][]byte{[]byte("from a file"), allBytes()} {
				if bytes.Contains(args, []byte(base64.StdEncoding.EncodeToString(secret))) || bytes.Contains(args, secret) {
					t.Error("a secret is in the process list")
				}
			}
			g.off()
		})
	}
}

func TestARM64(t *testing.T) {
	firmware, err := qemu.FindUEFI("arm64")
	if err != nil {
		t.Fatal(err)
	}
	g := boot(t, qemu.Machine{Arch: "arm64", Kernel: linux(t, "arm64"), UEFI: &firmware,
		Credentials: []qemu.Credential{{Name: "all", Value: allBytes()}}})
	checkCredentials(t, g, map[string][]byte{"all": allBytes()})
	g.off()
}

func TestDrives(t *testing.T) {
	k := linux(t, "amd64", "drivers/block/virtio_blk")
	for _, tt := range []struct {
		name          string
		drive         qemu.Drive
		device        string
		answer, after string
	}{
		{"virtio", qemu.Drive{}, "/dev/vda", "written", "before"},
		{"virtio persistent", qemu.Drive{Persistent: true}, "/dev/vda", "written", "after!"},
		{"virtio read-only", qemu.Drive{ReadOnly: true}, "/dev/vda", "error: write /dev/vda: operation not permitted", "before"},
		{"nvme", qemu.Drive{Interface: qemu.NVMe, Format: "raw"}, "/dev/nvme0n1", "written", "before"},
		{"nvme persistent", qemu.Drive{Interface: qemu.NVMe, Persistent: true}, "/dev/nvme0n1", "written", "after!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.drive.File = disk(t, "before")
			g := boot(t, qemu.Machine{Kernel: k, Drives: []qemu.Drive{tt.drive}})
			g.mustRun("read "+tt.device, `"before"`)
			g.mustRun("write "+tt.device+" after!", tt.answer)
			g.off()
			if got := firstBytes(t, tt.drive.File, 6); got != tt.after {
				t.Errorf("the file has %q afterwards, want %q", got, tt.after)
			}
		})
	}
}

func TestNetwork(t *testing.T) {
	k := linux(t, "amd64", "net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net")
	host, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	_, port, _ := net.SplitHostPort(host.Addr().String())
	toHost := "10.0.2.2:" + port
	for _, tt := range []struct {
		name    string
		network qemu.Network
		dial    string
	}{
		{"user", qemu.UserNetwork, "connected"},
		{"isolated", qemu.IsolatedNetwork, "error: dial tcp " + toHost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := boot(t, qemu.Machine{Kernel: k, Network: tt.network, Forwards: []qemu.Forward{{GuestPort: 80}}})
			g.mustRun("serve hello", "serving")
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.Forwards[0].HostPort))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got, err := io.ReadAll(c); string(got) != "hello" {
				t.Errorf("the guest said %q, %v", got, err)
			}
			if got := g.run("dial " + toHost); !strings.HasPrefix(got, tt.dial) {
				t.Errorf("guest to host: %s, want %s", got, tt.dial)
			}
		})
	}
}

func TestChannels(t *testing.T) {
	dir := t.TempDir()
	port, serial := filepath.Join(dir, "port"), filepath.Join(dir, "serial")
	g := boot(t, qemu.Machine{
		Kernel: linux(t, "amd64"),
		Channels: []qemu.Channel{
			{Name: "org.example.report", File: port},
			{Socket: serial},
		},
	})
	g.mustRun("write "+g.run("port org.example.report")+" through the port", "written")
	c, err := net.Dial("unix", serial)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(patience))
	g.mustRun("write /dev/ttyS1 through the serial port", "written")
	got := make([]byte, len("through the serial port"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "through the serial port" {
		t.Errorf("socket: %q, %v", got, err)
	}
	g.off()
	if got := firstBytes(t, port, 100); got != "through the port" {
		t.Errorf("file: %q", got)
	}
}

func TestReboot(t *testing.T) {
	k := linux(t, "amd64")
	g := guest{t, start(t, qemu.Machine{Arch: "amd64", Kernel: k})}
	g.expect(`(?m)^= ready$`)
	g.Console.Send("restart\n")
	g.expect(`(?m)^= ready$`)

	g = boot(t, qemu.Machine{Kernel: k}) // without reboots
	g.Console.Send("restart\n")
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
