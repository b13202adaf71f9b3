package qemu

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/qemu"
)

// withState makes hello's recipe one with a state partition: the packages that
// it needs, and the lines of [state].
func withState(lines string, packages ...string) func(string) string {
	return func(recipe string) string {
		recipe = strings.Replace(recipe, "install = [", `install = ["`+strings.Join(packages, `", "`)+`",`, 1)
		recipe = strings.Replace(recipe, `root   = "150M"`, `root   = "200M"`, 1)
		return recipe + "\n[state]\n" + lines + "\n"
	}
}

// ownDisk copies the image's disk, which the machine may then write to.
func ownDisk(t *testing.T, b built) string {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "disk.raw")
	command(t, "", "cp", "--sparse=always", b.file(t, image.Disk), disk)
	return disk
}

func enlarge(t *testing.T, disk string, bytes int64) {
	t.Helper()
	info, err := os.Stat(disk)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, info.Size()+bytes); err != nil {
		t.Fatal(err)
	}
}

// stateQuestion asks what a boot found in /var, and leaves something there.
// Services that have run show when: start_time=[…].
const stateQuestion = `
echo "state: $(systemctl is-system-running --wait)"
echo "failed: $(systemctl list-units --failed --plain --no-legend)"
echo "os: $(. /etc/os-release; echo "$IMAGE_ID $IMAGE_VERSION")"
echo "id: $(cat /etc/machine-id)"
echo "var: $(findmnt -no SOURCE,FSTYPE,OPTIONS /var)"
echo "size: $(findmnt -bno SIZE /var)"
echo "tmp: $(findmnt -no FSTYPE,OPTIONS /tmp)"
kept=$(cat /var/kept)
echo "kept: $kept"
echo "seed: $(stat -c '%s bytes, born %W' /var/lib/systemd/random-seed)"
echo "other: $(udevadm info --query=symlink /dev/vdb4 2>&1)"
echo "boots: $(journalctl --list-boots --no-pager --quiet | wc -l)"
echo "before: $(journalctl -b -1 --no-pager --quiet -o cat -t question | wc -l)"
systemctl show --all --no-pager -p ExecStart -p ExecStartPre '*.service'
[ -e /var/kept ] || head -c 16 /dev/urandom | sha256sum > /var/kept
echo "left: $(cat /var/kept)"
echo asked | systemd-cat -t question
`

// off is for the end of a question: what was written is on the disk then. The
// answer ends before, because who switches off may not get to say more.
const off = "\necho; echo DONE; systemctl --no-block poweroff\n"

// bootState boots the machine, which ends by itself, and returns its answer.
func bootState(t *testing.T, m qemu.Machine, question string) string {
	t.Helper()
	answer := ask(t, &m, question)
	g := start(t, m)
	g.waitAnswer(answer)
	g.ends()
	got := answer() // with that of a second boot
	expectFields(t, got, map[string]string{"state": "running", "failed": ""})
	return got
}

func expectFields(t *testing.T, answer string, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := field(answer, name); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
}

func expectMatch(t *testing.T, answer, name, pattern string) {
	t.Helper()
	if got := field(answer, name); !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("%s: got %q, want %s", name, got, pattern)
	}
}

func number(t *testing.T, answer, name string) int {
	t.Helper()
	n, err := strconv.Atoi(field(answer, name))
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return n
}

// leftToScripts are the programs of package scripts: what they make is in the
// image, and nothing may have to make it at run time.
var leftToScripts = regexp.MustCompile(`(?m)^ExecStart(?:Pre)?=\{ path=(\S*/(?:ldconfig|depmod|update-\S+|systemd-hwdb)) ;.* start_time=\[([^]]+)\]`)

func TestState(t *testing.T) {
	b := build(t, "hello", withState(`size = "200M"`, "systemd-repart", "e2fsprogs"))
	m := b.machine(t, false)
	disk := ownDisk(t, b)
	m.Drives = []qemu.Drive{{File: disk, Persistent: true}}

	first := bootState(t, m, stateQuestion+off)
	expectFields(t, first, map[string]string{"os": b.ID + " " + b.Version, "kept": "", "boots": "1", "before": "0"})
	expectMatch(t, first, "id", `^[0-9a-f]{32}$`)
	expectMatch(t, first, "var", `^/dev/vda4 +ext4 +rw,nosuid,nodev,`)
	expectMatch(t, first, "tmp", `^tmpfs +rw,nosuid,nodev`)
	expectMatch(t, first, "seed", `^32 bytes`)
	if regexp.MustCompile(`path=\S*/systemd-random-seed ;.* start_time=\[n/a\]`).MatchString(first) || !strings.Contains(first, "/ldconfig ;") {
		t.Errorf("the times of services are not what this test thinks:\n%s", first)
	}
	for _, found := range leftToScripts.FindAllStringSubmatch(first, -1) {
		if found[2] != "n/a" {
			t.Errorf("%s ran at run time: %s", found[1], found[2])
		}
	}

	// The disk has become larger, and there is another one with such a
	// partition: a copy.
	other := filepath.Join(t.TempDir(), "other.raw")
	command(t, "", "cp", "--sparse=always", disk, other)
	enlarge(t, disk, 300<<20)
	m.Drives = append(m.Drives, qemu.Drive{File: other})
	second := bootState(t, m, stateQuestion+off)
	expectFields(t, second, map[string]string{
		"kept": field(first, "left"), "id": field(first, "id"), "seed": field(first, "seed"), "boots": "2", "before": "1",
	})
	expectMatch(t, second, "var", `^/dev/vda4 +ext4 `)
	if links := field(second, "other"); strings.Contains(links, "bocaditos/state") || !strings.Contains(links, "disk/by-partlabel/state") {
		t.Errorf("the partition of the other disk is known as %s", links)
	}
	if grown := number(t, second, "size") - number(t, first, "size"); grown < 250<<20 {
		t.Errorf("the disk grew by 300 MiB, the filesystem by %d bytes", grown)
	}

	m.Drives = m.Drives[:1]
	m.Kernel.Cmdline += " systemd.factory_reset"
	reset := bootState(t, m, stateQuestion+off)
	expectFields(t, reset, map[string]string{"kept": "", "boots": "1", "id": field(first, "id")})
	expectMatch(t, reset, "var", `^/dev/vda4 +ext4 `)
	if field(reset, "left") == field(first, "left") {
		t.Error("what was reset is not random")
	}
}

// resetOnce asks for a factory reset, which reboots, where something was kept.
const resetOnce = `
echo; echo "BOOT"
` + stateQuestion + `
echo "variable: $(ls /sys/firmware/efi/efivars | while read -r f; do case $f in FactoryReset*) echo "$f"; esac; done)"
echo "crypt: $(lsblk -no TYPE,FSTYPE /dev/mapper/state)"
echo; echo DONE
if [ -n "$kept" ]; then systemctl start --no-block factory-reset.target; else systemctl --no-block poweroff; fi
`

func TestEncryptedState(t *testing.T) {
	b := build(t, "hello", withState("size = \"300M\"\nformat = \"btrfs\"\nencrypt = \"tpm\"",
		"systemd-repart", "btrfs-progs", "systemd-cryptsetup",
		"libtss2-esys-3.0.2-0t64", "libtss2-mu-4.0.1-0t64", "libtss2-rc0t64", "libtss2-tcti-device0t64"))
	m := b.machine(t, true)
	disk := ownDisk(t, b)
	m.Drives = []qemu.Drive{{File: disk, Persistent: true}}
	m.TPM = filepath.Join(t.TempDir(), "tpm")

	first := bootState(t, m, resetOnce)
	expectFields(t, first, map[string]string{"kept": "", "boots": "1"})
	expectMatch(t, first, "var", `^/dev/mapper/state +btrfs +rw,nosuid,nodev,`)
	expectMatch(t, first, "crypt", `^crypt +btrfs$`)

	other := m
	other.TPM = filepath.Join(t.TempDir(), "other tpm")
	other.Drives = []qemu.Drive{{File: disk}} // not persistent
	g := start(t, other)
	g.expect(`Failed to start .*systemd-cryptsetup`)
	g.expect(`/var, the state partition of this machine, cannot be mounted: another TPM`)
	g.expect(`Press Enter to continue`)
	g.Kill()

	enlarge(t, disk, 200<<20)
	m.NoReboot = false
	both := bootState(t, m, resetOnce) // two boots, one after the other, in one machine
	boots := strings.Split(both, "\nBOOT\n")
	if len(boots) != 3 { // one of them empty, before the first
		t.Fatalf("the machine has booted %d times, not twice", len(boots)-1)
	}
	second, reset := boots[1], boots[2]
	expectFields(t, second, map[string]string{"kept": field(first, "left"), "id": field(first, "id"), "boots": "2", "variable": ""})
	if grown := number(t, second, "size") - number(t, first, "size"); grown < 150<<20 {
		t.Errorf("the disk grew by 200 MiB, the filesystem by %d bytes", grown)
	}
	expectFields(t, reset, map[string]string{"state": "running", "failed": "", "kept": "", "id": field(first, "id"), "boots": "1", "variable": ""})
	expectMatch(t, reset, "var", `^/dev/mapper/state +btrfs `)
}
