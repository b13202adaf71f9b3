package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/diskfs/go-diskfs"
	"github.com/diskfs/go-diskfs/partition/gpt"
)

var testDisk = GUID{0xd1, 0x5c, 15: 1}

// tool runs a program and returns what it printed. All of them come with the
// packages that `make test` asks for.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name // not in everybody's PATH
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MTOOLS_SKIP_CHECK=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// randomBytes returns the same bytes for the same length.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

func bytesContent(b []byte) Content { return Reader(bytes.NewReader(b), int64(len(b))) }

func newFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk.raw"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func rootTypes(t testing.TB) RootTypes {
	t.Helper()
	types, err := RootTypesFor("amd64")
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// erofsAndVerity makes a small root filesystem and its hash image with the
// reference tools, and returns their files and the root hash.
func erofsAndVerity(t *testing.T) (root, hash string, rootHash [32]byte) {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(filepath.Join(tree, "usr/lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	release := "ID=bocaditos\nNAME=Bocaditos\nPRETTY_NAME=\"A small bite\"\nVERSION_ID=7\n"
	if err := os.WriteFile(filepath.Join(tree, "usr/lib/os-release"), []byte(release), 0o644); err != nil {
		t.Fatal(err)
	}
	root, hash = filepath.Join(dir, "root"), filepath.Join(dir, "hash")
	tool(t, "mkfs.erofs", root, tree)
	for line := range strings.Lines(tool(t, "veritysetup", "format", root, hash)) {
		if s, ok := strings.CutPrefix(line, "Root hash:"); ok {
			hex.Decode(rootHash[:], []byte(strings.TrimSpace(s)))
		}
	}
	return root, hash, rootHash
}

func fileContent(t *testing.T, name string) Content {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return Reader(f, fi.Size())
}

// verifiedDisk writes a disk of the kind that Bocaditos is for.
func verifiedDisk(t *testing.T) (*os.File, Layout, []Placed) {
	t.Helper()
	types := rootTypes(t)
	root, hash, rootHash := erofsAndVerity(t)
	rootUUID, verityUUID := RootPartitions(rootHash)
	esp, err := NewESP([]ESPFile{espFile("EFI/Linux/bocaditos_7.efi", randomBytes(1<<20))}, ESPOptions{Label: "ESP"})
	if err != nil {
		t.Fatal(err)
	}
	l := Layout{ID: testDisk, Partitions: []Partition{
		{Type: TypeESP, UUID: GUID{1}, Label: "esp", Content: esp},
		{Type: types.Root, UUID: rootUUID, Label: "bocaditos_7", Attributes: ReadOnly, Content: fileContent(t, root)},
		{Type: types.Verity, UUID: verityUUID, Label: "bocaditos_7_verity", Attributes: ReadOnly, Content: fileContent(t, hash)},
		{Type: testDisk, UUID: GUID{2}, Label: "wëiteres 𝕏", Attributes: GrowFilesystem | NoAuto, Size: 16384},
	}}
	f := newFile(t)
	placed, err := Write(f, l)
	if err != nil {
		t.Fatal(err)
	}
	return f, l, placed
}

func TestToolsAcceptTheTable(t *testing.T) {
	f, l, placed := verifiedDisk(t)

	var got struct {
		Table struct {
			Label, ID  string
			Partitions []struct {
				Start, Size             int64
				Type, UUID, Name, Attrs string
			}
		} `json:"partitiontable"`
	}
	if err := json.Unmarshal([]byte(tool(t, "sfdisk", "--json", f.Name())), &got); err != nil {
		t.Fatal(err)
	}
	if got.Table.Label != "gpt" || !strings.EqualFold(got.Table.ID, testDisk.String()) || len(got.Table.Partitions) != len(l.Partitions) {
		t.Fatalf("sfdisk reads %+v", got)
	}
	attrs := []string{"", "GUID:60", "GUID:60", "GUID:59,63"}
	for i, p := range got.Table.Partitions {
		want := l.Partitions[i]
		if !strings.EqualFold(p.Type, want.Type.String()) || !strings.EqualFold(p.UUID, want.UUID.String()) || p.Name != want.Label || p.Attrs != attrs[i] {
			t.Errorf("partition %d: sfdisk reads %+v", i+1, p)
		}
		if p.Start*512 != placed[i].Offset || p.Size*512 != placed[i].Size || placed[i].Offset%(1<<20) != 0 || placed[i].Size%(1<<20) != 0 {
			t.Errorf("partition %d: sfdisk reads %+v, Write returned %+v", i+1, p, placed[i])
		}
	}
	if out := tool(t, "sfdisk", "--verify", f.Name()); !strings.Contains(out, "No errors detected") {
		t.Errorf("sfdisk --verify: %s", out)
	}
	if out := tool(t, "sgdisk", "-v", f.Name()); !strings.Contains(out, "No problems found") {
		t.Errorf("sgdisk -v: %s", out)
	}
	if mbr := tool(t, "fdisk", "-l", "-t", "dos", f.Name()); !strings.Contains(mbr, " ee GPT") {
		t.Errorf("protective MBR: %s", mbr)
	}
}

// TestSystemdDissect gives systemd the root hash only: it must find the
// partitions by their types and UUIDs, and the filesystem in the root.
func TestSystemdDissect(t *testing.T) {
	f, l, _ := verifiedDisk(t)
	root, verity := l.Partitions[1].UUID, l.Partitions[2].UUID
	out := tool(t, "systemd-dissect", "--json=short", "--root-hash="+hex.EncodeToString(append(root[:], verity[:]...)), f.Name())
	var got struct {
		Release []string `json:"osRelease"`
		Mounts  []struct {
			Designator string `json:"designator"`
			UUID       string `json:"partition_uuid"`
			Filesystem string `json:"fstype"`
			RW         string `json:"rw"`
			Verity     string `json:"verity"`
		} `json:"mounts"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	var lines []string
	for _, m := range got.Mounts {
		lines = append(lines, strings.Join([]string{m.Designator, m.UUID, m.Filesystem, m.RW, m.Verity}, " "))
	}
	want := []string{
		"root " + root.String() + " erofs ro yes",
		"esp " + l.Partitions[0].UUID.String() + " vfat rw ",
		"root-verity " + verity.String() + " DM_verity_hash ro ",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") || !slices.Contains(got.Release, "ID=bocaditos") {
		t.Errorf("systemd-dissect finds %s", out)
	}
}

func TestGoDiskfsReadsItBack(t *testing.T) {
	f, l, placed := verifiedDisk(t)
	d, err := diskfs.Open(f.Name(), diskfs.WithOpenMode(diskfs.ReadOnly))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	table, ok := d.Table.(*gpt.Table)
	if !ok || !table.ProtectiveMBR || len(table.Partitions) != len(l.Partitions) {
		t.Fatalf("table %+v", d.Table)
	}
	if err := table.Verify(f, uint64(d.Size)); err != nil {
		t.Error(err)
	}
	for i, p := range table.Partitions {
		if p.Name != l.Partitions[i].Label || p.GetStart() != placed[i].Offset || p.GetSize() != placed[i].Size {
			t.Errorf("partition %d is %+v", i+1, p)
		}
	}
	fs, err := d.GetFilesystem(1)
	if err != nil {
		t.Fatal(err)
	}
	file, err := fs.OpenFile("/EFI/Linux/bocaditos_7.efi", os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(file); err != nil || !bytes.Equal(b, randomBytes(1<<20)) {
		t.Errorf("file comes back as %d bytes, %v", len(b), err)
	}
}

// TestRootPartitionsAreSystemdReparts lets systemd-repart make a disk with
// verity, which reports the root hash and the UUIDs that it derived.
func TestRootPartitionsAreSystemdReparts(t *testing.T) {
	dir := t.TempDir()
	root, _, _ := erofsAndVerity(t)
	for name, text := range map[string]string{
		"1.conf": "[Partition]\nType=root\nVerity=data\nVerityMatchKey=root\nCopyBlocks=" + root + "\n",
		"2.conf": "[Partition]\nType=root-verity\nVerity=hash\nVerityMatchKey=root\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := tool(t, "systemd-repart", "--empty=create", "--size=auto", "--dry-run=no", "--json=short",
		"--definitions="+dir, filepath.Join(dir, "disk.raw"))
	var parts []struct {
		UUID     string `json:"uuid"`
		RootHash string `json:"roothash"`
	}
	if err := json.Unmarshal([]byte(out), &parts); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(parts) != 2 {
		t.Fatalf("systemd-repart made %s", out)
	}
	var rootHash [32]byte
	if _, err := hex.Decode(rootHash[:], []byte(parts[1].RootHash)); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	rootUUID, verityUUID := RootPartitions(rootHash)
	if rootUUID.String() != parts[0].UUID || verityUUID.String() != parts[1].UUID {
		t.Errorf("got %s and %s, systemd-repart has %s and %s", rootUUID, verityUUID, parts[0].UUID, parts[1].UUID)
	}
}

// Tools must see the free space, and it must cost nothing.
func TestFreeSpace(t *testing.T) {
	types := rootTypes(t)
	f := newFile(t)
	placed, err := Write(f, Layout{ID: testDisk, Free: 100<<20 + 1, Partitions: []Partition{
		{Type: types.Root, UUID: GUID{1}, Content: bytesContent(randomBytes(1 << 20))},
	}})
	if err != nil {
		t.Fatal(err)
	}
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if want := placed[0].Offset + placed[0].Size + 101<<20 + 1<<20; fi.Size() != want {
		t.Errorf("disk of %d bytes, want %d", fi.Size(), want)
	}
	if used := fi.Sys().(*syscall.Stat_t).Blocks * 512; used > 2<<20 {
		t.Errorf("disk with 1 MiB of content takes %d bytes", used)
	}
	if out := tool(t, "sfdisk", "--verify", f.Name()); !strings.Contains(out, "No errors detected") {
		t.Errorf("sfdisk --verify: %s", out)
	}
	free := tool(t, "sfdisk", "--bytes", "--list-free", f.Name())
	if !strings.Contains(free, ": 101.98 MiB,") { // 1 MiB of it is for the backup table's alignment
		t.Errorf("sfdisk --list-free: %s", free)
	}
}

func TestContentIsWhereItWasPlaced(t *testing.T) {
	types := rootTypes(t)
	a, b := randomBytes(3<<20+1), randomBytes(1<<20)
	name := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l := Layout{ID: testDisk, Partitions: []Partition{
		{Type: types.Root, UUID: GUID{1}, Content: bytesContent(a)},
		{Type: types.Root, UUID: GUID{2}, Size: 60 << 20},
		{Type: types.Root, UUID: GUID{3}, Content: fileContent(t, name)},
		{Type: types.Root, UUID: GUID{4}, Content: bytesContent(make([]byte, 50<<20))},
	}}
	f := newFile(t)
	if err := os.WriteFile(f.Name(), bytes.Repeat([]byte{0xff}, 8<<20), 0o600); err != nil { // must not shine through
		t.Fatal(err)
	}
	placed, err := Write(f, l)
	if err != nil {
		t.Fatal(err)
	}
	want := []Placed{{1 << 20, 4 << 20}, {5 << 20, 60 << 20}, {65 << 20, 1 << 20}, {66 << 20, 50 << 20}}
	for i, p := range placed {
		if p != want[i] {
			t.Errorf("partition %d is at %+v, want %+v", i+1, p, want[i])
		}
	}
	disk, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if len(disk) != 117<<20 {
		t.Fatalf("disk of %d bytes", len(disk))
	}
	if !bytes.Equal(disk[1<<20:][:len(a)], a) || !bytes.Equal(disk[65<<20:][:len(b)], b) {
		t.Error("content differs")
	}
	if !isZero(disk[1<<20+len(a):65<<20]) || !isZero(disk[66<<20:116<<20]) {
		t.Error("empty space is not zero")
	}
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if used := fi.Sys().(*syscall.Stat_t).Blocks * 512; used > 6<<20 {
		t.Errorf("disk with 4 MiB of content takes %d bytes", used)
	}
}

// TestSameBytes holds a whole disk against its digest: whatever changes the
// bytes, a clock, a zone, a library, changes every image that users have.
func TestSameBytes(t *testing.T) {
	const want = "af14741f4c8986dd2781a5f6fe595f1bf559ca84bf79898d952d57d85ef9e515"
	defer func(l *time.Location) { time.Local = l }(time.Local)
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("far east", 14*3600)} {
		time.Local = zone
		files := []ESPFile{
			espFile("EFI/BOOT/BOOTX64.EFI", randomBytes(100000)),
			espFile("loader/entries.srel", []byte("type1\n")),
		}
		if zone != time.UTC {
			files[0], files[1] = files[1], files[0]
		}
		esp, err := NewESP(files, ESPOptions{VolumeID: 7, Label: "ESP", Epoch: time.Unix(1700000000, 0)})
		if err != nil {
			t.Fatal(err)
		}
		f := newFile(t)
		if _, err := Write(f, Layout{ID: testDisk, Partitions: []Partition{
			{Type: TypeESP, UUID: GUID{1}, Label: "esp", Content: esp},
			{Type: rootTypes(t).Root, UUID: GUID{2}, Label: "root", Content: bytesContent(randomBytes(5000))},
		}}); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("in zone %s the disk is %x, want %s", zone, sum, want)
		}
	}
}

func TestGUID(t *testing.T) {
	g, err := ParseGUID("4F68BCE3-e8cd-4db1-96e7-fbcaf984b709")
	if err != nil || g.String() != "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" || g[0] != 0x4f {
		t.Errorf("parsed as %s, %v", g, err)
	}
	for _, bad := range []string{"", "4f68bce3e8cd4db196e7fbcaf984b709", "{4f68bce3-e8cd-4db1-96e7-fbcaf984b709}", "4f68bce3-e8cd-4db1-96e7-fbcaf984b70g", "4f68bce3-e8cd-4db1-96e7-fbcaf984b70900"} {
		if _, err := ParseGUID(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := RootTypesFor("vax"); err == nil {
		t.Error("vax has partition types")
	}
}

// BenchmarkWrite makes a disk of a 200 MB root and a 40 MB UKI, both files.
func BenchmarkWrite(b *testing.B) {
	dir := b.TempDir()
	root, uki := filepath.Join(dir, "root"), filepath.Join(dir, "uki")
	for name, size := range map[string]int{root: 200 << 20, uki: 40 << 20} {
		if err := os.WriteFile(name, randomBytes(size), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	f := newFile(b)
	b.SetBytes(240 << 20)
	for b.Loop() {
		r, err := os.Open(root)
		if err != nil {
			b.Fatal(err)
		}
		esp, err := NewESP([]ESPFile{{Path: "EFI/BOOT/BOOTX64.EFI", Size: 40 << 20, Open: func() (io.ReadCloser, error) { return os.Open(uki) }}}, ESPOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Write(f, Layout{ID: testDisk, Partitions: []Partition{
			{Type: TypeESP, UUID: GUID{1}, Content: esp},
			{Type: rootTypes(b).Root, UUID: GUID{2}, Content: Reader(r, 200<<20)},
		}}); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
