package qemu

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/qemu"
)

// applianceQuestion asks for what only a kernel of one's own has, or has not.
// Every kind of feature that a fragment is for is tried, not looked up.
const applianceQuestion = question + `
echo "modules: $(ls /proc/modules /usr/lib/modules 2>&1)"
echo "release: $(uname -r)"
echo "version: $(cat /proc/version)"
echo "config: $(base64 -w0 /proc/config.gz)"
echo "userns: $(unshare --user --map-root-user id -u)"
echo "netns: $(unshare --net ip -o link | wc -l)"
echo "cgroups: $(cat /sys/fs/cgroup/cgroup.controllers)"
mkdir -p /run/o/l /run/o/u /run/o/w /run/o/m && mount -t overlay overlay -o lowerdir=/run/o/l,upperdir=/run/o/u,workdir=/run/o/w /run/o/m
echo "overlay: $(touch /run/o/m/x && ls /run/o/u)"
echo "seccomp: $(systemd-run --quiet --wait --pipe -p SystemCallFilter=~uname -p SystemCallErrorNumber=EHOSTDOWN sh -c 'uname; true' 2>&1)"
echo "bpf: $(systemd-run --quiet --wait --pipe -p DeviceAllow=/dev/null -p DevicePolicy=strict sh -c 'cat /dev/zero | head -c1' 2>&1)"
`

func TestAppliance(t *testing.T) {
	appliance := build(t, "appliance", nil)
	made := appliance.Boot.KernelBuild
	if !strings.HasPrefix(made.Source, "linux-source-") || !strings.Contains(made.Compiler, "gcc") || len(made.Settings) < 100 {
		t.Errorf("the manifest says of the kernel: %+v", made)
	}
	initrd := appliance.file(t, image.Initrd)
	if got, want := listInitrd(t, initrd), "dev dev/null etc etc/bocaditos etc/bocaditos/root init"; got != want {
		t.Errorf("the initrd has %s, want %s", got, want)
	}
	if info, err := os.Stat(initrd); err != nil || info.Size() > 1200_000 {
		t.Errorf("the initrd has %d bytes, %v", info.Size(), err)
	}
	config, err := os.ReadFile(appliance.file(t, image.Config))
	if err != nil {
		t.Fatal(err)
	}
	root, err := appliance.File(image.Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, boot := range []struct {
		name string
		uefi bool
	}{{"kernel", false}, {"uefi", true}} {
		t.Run("boots by "+boot.name, func(t *testing.T) {
			m := appliance.machine(t, boot.uefi)
			answer := ask(t, &m, applianceQuestion+journal)
			g := start(t, m)
			g.expect(`login: `)
			got := g.waitAnswer(answer)
			t.Logf("answer:\n%s", withoutJournal(got))
			quiet(t, got)
			for name, want := range map[string]string{
				"state":   "running",
				"failed":  "",
				"dm":      "root ro=1",
				"sum":     root.SHA256 + "  -",
				"release": appliance.Boot.Kernel,
				"userns":  "0",
				"netns":   "1",
				"overlay": "x",
			} {
				if got := field(got, name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			if running := gunzip(t, field(got, "config")); running != string(config) {
				t.Errorf("/proc/config.gz is not %s", appliance.file(t, image.Config))
			}
			if !strings.Contains(got, "cannot access '/proc/modules'") || !strings.Contains(got, "cannot access '/usr/lib/modules'") {
				t.Errorf("modules: %s", field(got, "modules"))
			}
			if s := field(got, "version"); !strings.Contains(s, "(bocaditos@bocaditos)") || !strings.Contains(s, "Thu Jan  1 00:00:00 UTC 1970") {
				t.Errorf("version: %s", s)
			}
			for _, c := range []string{"cpu", "memory", "io", "pids"} {
				if !strings.Contains(" "+field(got, "cgroups")+" ", " "+c+" ") {
					t.Errorf("no cgroup controller %s", c)
				}
			}
			if s := field(got, "seccomp"); !strings.Contains(s, "Host is down") {
				t.Errorf("a forbidden system call was made: %s", s)
			}
			if s := field(got, "bpf"); !strings.Contains(s, "Operation not permitted") {
				t.Errorf("a forbidden device was read: %q", s)
			}
			if !strings.Contains(got, "bocaditos: root hash "+appliance.RootFS.Hash) || strings.Contains(got, "modules loaded") {
				t.Error("the kernel's log does not have the manifest's root hash, or init loaded modules")
			}
		})
	}
	t.Run("refuses a flipped byte", func(t *testing.T) {
		m := appliance.machine(t, false)
		m.Drives = []qemu.Drive{{File: flip(t, appliance.file(t, image.Disk), partition(t, appliance, image.Root)+1024+8)}}
		g := start(t, m)
		g.expect(`verity.*data block 0 is corrupted`)
		g.ends()
	})
}

// gunzip decodes base64 and gzip.
func gunzip(t *testing.T, text string) string {
	t.Helper()
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// listInitrd returns the names in an initrd.
func listInitrd(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	cpio := exec.Command("cpio", "--quiet", "-t")
	cpio.Stdin = bytes.NewReader(plain)
	out, err := cpio.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}
