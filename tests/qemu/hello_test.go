package qemu

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/qemu"
)

// question asks a booted system what the issue tracker of every distribution
// is full of.
const question = `
echo "state: $(systemctl is-system-running --wait)"
echo "failed: $(systemctl list-units --failed --plain --no-legend)"
echo "root: $(findmnt -no SOURCE,FSTYPE,OPTIONS /)"
echo "dm: $(cat /sys/class/block/dm-0/dm/name) ro=$(cat /sys/class/block/dm-0/ro)"
echo "write: $(touch /usr/x /etc/x 2>&1)"
echo "sum: $(sha256sum < /dev/dm-0)"
echo "os: $(. /etc/os-release; echo "$IMAGE_ID $IMAGE_VERSION")"
echo "id: $(cat /etc/machine-id)"
echo "maker: $(command -v gcc ld dpkg apt)"
dmesg
`

// field is a line "name: value" of an answer.
func field(answer, name string) string {
	m := regexp.MustCompile(`(?m)^` + name + `: (.*)$`).FindStringSubmatch(answer)
	if m == nil {
		return "(not in the answer)"
	}
	return strings.TrimSpace(m[1])
}

func TestHello(t *testing.T) {
	hello := build(t, "hello", nil)
	root, err := hello.File(image.Root)
	if err != nil {
		t.Fatal(err)
	}

	id := "" // of the machine, which is the same one each time
	for _, boot := range []struct {
		name string
		uefi bool
	}{{"kernel", false}, {"uefi", true}} {
		t.Run("boots by "+boot.name, func(t *testing.T) {
			m := hello.machine(t, boot.uefi)
			script := question + journal
			if !boot.uefi { // one boot is enough
				script += seedQuestion
			}
			answer := ask(t, &m, script)
			g := start(t, m)
			g.expect(`login: `)
			got := g.waitAnswer(answer)
			t.Logf("answer:\n%s", withoutJournal(got))
			quiet(t, got)
			if !boot.uefi {
				seed(t, hello, got)
			}
			for name, want := range map[string]string{
				"state":  "running",
				"failed": "",
				"dm":     "root ro=1",
				"os":     hello.ID + " " + hello.Version,
				"maker":  "",
				"sum":    root.SHA256 + "  -", // all of it was read through dm-verity
			} {
				if got := field(got, name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			if before := id; before != "" && field(got, "id") != before {
				t.Errorf("machine ID %s, at the boot before it was %s", field(got, "id"), before)
			}
			if id = field(got, "id"); !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
				t.Errorf("machine ID %q", id)
			}
			if !strings.Contains(got, "bocaditos: root hash "+hello.RootFS.Hash+" on /dev/vda2") {
				t.Error("the kernel's log does not have the manifest's root hash")
			}
			if got := field(got, "root"); !regexp.MustCompile(`^/dev/(dm-0|mapper/root) +erofs +ro,`).MatchString(got) {
				t.Errorf("root is mounted as %q", got)
			}
			for _, p := range []string{"/usr/x", "/etc/x"} {
				if !strings.Contains(got, p+"': Read-only file system") {
					t.Errorf("%s can be written to", p)
				}
			}
		})
	}

	data, tree := partition(t, hello, image.Root), partition(t, hello, image.Verity)
	read := "cat /dev/dm-0 > /dev/null; echo served"
	for _, c := range []struct {
		name   string
		offset int64
		says   string
	}{
		{"data that systemd needs", data + 1024 + 8, `verity.*data block 0 is corrupted`}, // EROFS superblock
		{"data that nobody needs to boot", data + root.Size - 4096, `verity.*data block \d+ is corrupted`},
		{"tree", tree + 2*4096 + 7, `verity.*metadata block \d+ is corrupted`},
		{"superblock", tree + 40, `bocaditos: check verity superblock`},
	} {
		t.Run("refuses a flipped byte in "+c.name, func(t *testing.T) {
			m := hello.machine(t, false)
			m.Drives = []qemu.Drive{{File: flip(t, hello.file(t, image.Disk), c.offset)}}
			answer := ask(t, &m, read)
			g := start(t, m)
			g.expect(c.says)
			g.ends() // on_corruption = "reboot"
			if strings.Contains(answer(), "served") {
				t.Error("the tampered block was served")
			}
		})
	}
}

func TestHaltOnCorruption(t *testing.T) {
	hello := build(t, "hello", func(recipe string) string {
		return recipe + "\n[boot]\non_corruption = \"halt\"\n"
	})
	m := hello.machine(t, false)
	m.Drives = []qemu.Drive{{File: flip(t, hello.file(t, image.Disk), partition(t, hello, image.Root)+1024)}}
	g := start(t, m)
	g.expect(`verity.*data block 0 is corrupted`)
	g.expect(`Kernel panic - not syncing: dm-verity device corrupted`)
	select {
	case <-g.Done():
		t.Error("the machine did not halt, it ended")
	default:
	}
}

// A disk whose partitions belong to another root hash is not this image's.
func TestDiskOfAnotherImage(t *testing.T) {
	hello := build(t, "hello", nil)
	other := build(t, "hello", func(recipe string) string {
		return strings.Replace(recipe, `version = "1"`, `version = "2"`, 1)
	})
	if hello.RootFS.Hash == other.RootFS.Hash {
		t.Fatal("two versions have one root hash")
	}
	m := hello.machine(t, false)
	m.Drives = []qemu.Drive{{File: other.file(t, image.Disk)}}
	g := start(t, m)
	g.expect(`bocaditos: find root: .*` + hello.RootFS.RootPartUUID)
	g.ends()
}

func TestArtifactsAgree(t *testing.T) {
	hello := build(t, "hello", nil)
	if err := hello.Check(hello.dir); err != nil {
		t.Error(err)
	}
	hash, err := os.ReadFile(hello.file(t, image.RootHash))
	if err != nil || strings.TrimSpace(string(hash)) != hello.RootFS.Hash {
		t.Errorf("roothash file: %q, %v", hash, err)
	}
	sums := command(t, hello.dir, "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
	if sums != "" {
		t.Errorf("sha256sum: %s", sums)
	}
	command(t, hello.dir, "veritysetup", "verify", hello.file(t, image.Root), hello.file(t, image.Verity), hello.RootFS.Hash)
	command(t, hello.dir, "fsck.erofs", hello.file(t, image.Root))
	command(t, hello.dir, "sfdisk", "--verify", hello.file(t, image.Disk))
	dissected := command(t, hello.dir, "systemd-dissect", "--no-pager", hello.file(t, image.Disk))
	if !regexp.MustCompile(`(?m)^ro root .*` + hello.RootFS.RootPartUUID + `.* erofs +x86-64 +yes `).MatchString(dissected) {
		t.Errorf("systemd-dissect does not see the verified root:\n%s", dissected)
	}
}
