package initrd_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/initrd"
)

const hundred = 100 // a number of bytes to overwrite, or an offset inside a header

// TestBoot boots Debian's kernel with our initrd in QEMU, on good disks and on
// bad ones.
func TestBoot(t *testing.T) {
	img := buildRoot(t)
	image, modules := debianKernel(t)
	good := initrd.Config{
		Init:    initBinary(t, "amd64"),
		Modules: modules,
		Root: initrd.Root{
			Hash: img.hash, Superblock: img.superblock, DataType: typeRoot, HashType: typeVerity,
			OnCorruption: initrd.Reboot, Wait: 3 * time.Minute, Name: "root", Next: "/sbin/init",
		},
	}
	dataAt := int64(bytes.Index(read(t, img.data), []byte(marker+marker)))
	if dataAt < 0 {
		t.Fatal("the data is not in the image as it is")
	}
	damage := bytes.Repeat([]byte{0xff}, hundred)
	virtio := []string{"-device", "virtio-blk-pci,drive=disk"}
	arrived := []string{
		`guest: pid 1 args ["/sbin/init"]`,
		"guest: mount / erofs ro\n", "guest: mount /dev devtmpfs rw\n", "guest: mount /proc proc rw\n",
		"guest: mount /sys sysfs rw\n", "guest: mount /run tmpfs rw\n",
		"guest: fd 0 character device true", "guest: fd 2 character device true",
		"guest: data 4194304 bytes <nil>",
	}
	tests := []struct {
		name    string
		sector  int64
		disk    func(*testing.T, diskFile) // does something to the disk
		config  func(*initrd.Config)
		cmdline string
		machine []string
		noDisk  bool
		until   string
		want    []string
		never   string
	}{
		{
			name:    "virtio",
			machine: virtio,
			// Neither may change what is booted; words the kernel does not know are for the next init.
			cmdline: "root=/dev/sda9 init=/bin/sh rd.break systemd.verity=no greeting=hello",
			want: append([]string{
				"bocaditos: root hash " + hex.EncodeToString(img.hash) + " on /dev/vda2, verity on /dev/vda3",
				"bocaditos: root mounted from /dev/dm-0, starting /sbin/init",
				`"greeting=hello"`,
			}, arrived...),
			never: "load module", // an absent driver's hardware is no news
		},
		{name: "SCSI", machine: []string{"-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk"}, want: arrived},
		{name: "SATA", machine: []string{"-device", "ahci,id=sata", "-device", "ide-hd,bus=sata.0,drive=disk"}, want: arrived},
		{name: "NVMe", machine: []string{"-device", "nvme,serial=1,drive=disk"}, want: append([]string{"on /dev/nvme0n1p2, verity on /dev/nvme0n1p3"}, arrived...)},
		{
			name:    "sectors of 4096 bytes",
			sector:  4096,
			machine: []string{"-device", "virtio-blk-pci,drive=disk,logical_block_size=4096,physical_block_size=4096"},
			want:    arrived,
		},
		{
			name:    "damaged primary GPT",
			machine: virtio,
			cmdline: "gpt", // without it the kernel does not show the backup's partitions
			disk:    func(t *testing.T, d diskFile) { d.write(t, d.sector+hundred/5, damage[:4]) },
			want:    arrived,
		},
		{
			name:    "no console",
			machine: virtio,
			cmdline: "console=ttyS3 serial",
			want:    []string{`guest: pid 1 args ["/sbin/init" "serial"]`, "guest: fd 0 character device true", "guest: data 4194304 bytes <nil>"},
		},
		{
			name:    "changed data",
			machine: virtio,
			disk:    func(t *testing.T, d diskFile) { d.write(t, d.data+dataAt+1<<20, damage) },
			want:    []string{"guest: pid 1", "is corrupted", "reboot: Restarting system"},
			never:   "guest: data",
		},
		{
			name:    "changed data and halt",
			machine: virtio,
			config:  func(c *initrd.Config) { c.Root.OnCorruption = initrd.Halt },
			disk:    func(t *testing.T, d diskFile) { d.write(t, d.data+dataAt+1<<20, damage) },
			until:   "end Kernel panic",
			want:    []string{"guest: pid 1", "is corrupted", "Kernel panic - not syncing: dm-verity device corrupted"},
			never:   "guest: data",
		},
		{
			name:    "changed hash tree",
			machine: virtio,
			disk:    func(t *testing.T, d diskFile) { d.write(t, d.tree+4096, damage) },
			want:    []string{"is corrupted", "reboot: Restarting system"},
			never:   "guest:",
		},
		{
			name:    "changed superblock",
			machine: virtio,
			disk:    func(t *testing.T, d diskFile) { d.write(t, d.tree+hundred, damage[:1]) },
			want: []string{
				"bocaditos: check verity superblock of /dev/vda3: refused: it differs from the one this initrd was built with",
				"bocaditos: rebooting in 5s", "reboot: Restarting system",
			},
			never: "guest:",
		},
		{
			name:    "changed superblock and halt",
			machine: virtio,
			config:  func(c *initrd.Config) { c.Root.OnCorruption = initrd.Halt },
			disk:    func(t *testing.T, d diskFile) { d.write(t, d.tree+hundred, damage[:1]) },
			cmdline: "quiet",
			until:   "bocaditos: halting",
			want:    []string{"bocaditos: check verity superblock of /dev/vda3: refused"},
			never:   "guest:",
		},
		{
			name:    "another root hash",
			machine: virtio,
			config: func(c *initrd.Config) {
				c.Root.Hash = bytes.Repeat([]byte{0xab}, 32)
				c.Root.Wait = 3 * time.Second
			},
			want: []string{
				"bocaditos: waiting for a disk with partitions abababab-abab-abab-abab-abababababab (root)",
				"bocaditos: find root: no disk with partitions abababab-abab-abab-abab-abababababab (root) and " +
					"abababab-abab-abab-abab-abababababab (verity) within 3s; disks: " +
					"vda (partition abababab-abab-abab-abab-abababababab not among its 3)",
			},
			never: "guest:",
		},
		{
			name:    "root hash of another length",
			machine: virtio,
			config: func(c *initrd.Config) {
				// A hash of 64 bytes has bits that are in no UUID: only verity can refuse them.
				c.Root.Hash = append(append(bytes.Clone(img.hash[:16]), make([]byte, 32)...), img.hash[16:]...)
			},
			want:  []string{"bocaditos: open verity of /dev/vda2: load verity table: invalid argument"},
			never: "guest:",
		},
		{
			name:    "partitions of another type",
			machine: virtio,
			config: func(c *initrd.Config) {
				c.Root.DataType, c.Root.Wait = strings.Replace(typeRoot, "4f", "5f", 1), time.Second
			},
			want:  []string{"vda (partition 2 has type " + typeRoot + ", not 5f68bce3-"},
			never: "guest:",
		},
		{
			name:   "no disk",
			noDisk: true,
			config: func(c *initrd.Config) { c.Root.Wait = time.Second },
			want:   []string{"within 1s; disks: none", "reboot: Restarting system"},
		},
		{
			name:    "no such program in the root",
			machine: virtio,
			config:  func(c *initrd.Config) { c.Root.Next = "/usr/lib/systemd/systemd" },
			want:    []string{"bocaditos: look for /usr/lib/systemd/systemd in the root: no such file or directory", "reboot: Restarting system"},
			never:   "guest:",
		},
		{
			name:    "required module that is none",
			machine: virtio,
			config: func(c *initrd.Config) {
				c.Modules = []initrd.Module{{Name: "nonsense", Data: []byte("nonsense"), Required: true}}
			},
			want:  []string{"bocaditos: load module /lib/modules/nonsense.ko: exec format error"},
			never: "guest:",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := good
			if test.config != nil {
				test.config(&config)
			}
			var initrdBytes bytes.Buffer
			if err := initrd.Write(&initrdBytes, config); err != nil {
				t.Fatal(err)
			}
			g := guest{kernel: image, initrd: filepath.Join(t.TempDir(), "initrd"), machine: test.machine, until: test.until}
			if err := os.WriteFile(g.initrd, initrdBytes.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			g.cmdline = test.cmdline
			if !strings.Contains(test.cmdline, "console=") {
				g.cmdline = "console=ttyS0 " + g.cmdline
			}
			if test.until == "" {
				g.cmdline = "panic=-1 " + g.cmdline // what ends by itself also does so when it fails
			}
			if !test.noDisk {
				d := buildDisk(t, img, max(test.sector, 512))
				if test.disk != nil {
					test.disk(t, d)
				}
				g.machine = append([]string{"-drive", "if=none,id=disk,format=raw,file=" + d.file}, g.machine...)
			}
			out := g.boot(t)
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("the machine did not say %q", want)
				}
			}
			if test.never != "" && strings.Contains(out, test.never) {
				t.Errorf("the machine said %q", test.never)
			}
			if t.Failed() {
				t.Logf("the machine said:\n%s", out)
			}
		})
	}
}
