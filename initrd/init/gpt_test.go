package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const diskSize = 4 << 20

// sfdiskDisk is a disk of three partitions, the second of which has number 5.
func sfdiskDisk(t testing.TB) (file string, disk []byte) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, diskSize), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sfdisk", "--quiet", file)
	cmd.Stdin = strings.NewReader("label: gpt\n1: start=2048, size=1024, type=uefi\n" +
		"5: start=3072, size=8, type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, uuid=01234567-89ab-cdef-0123-456789abcdef, name=root\n" +
		"128: start=4096, size=100\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v (is it installed? make test does that)\n%s", err, out)
	}
	disk, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return file, disk
}

func TestReadGPTAgreesWithSfdisk(t *testing.T) {
	file, disk := sfdiskDisk(t)
	out, err := exec.Command("sfdisk", "--json", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirs struct {
		PartitionTable struct {
			Partitions []struct {
				Node, Type, UUID string
				Start, Size      uint64
			}
		}
	}
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatal(err)
	}
	ours, err := readGPT(bytes.NewReader(disk), diskSize, 512)
	if err != nil {
		t.Fatal(err)
	}
	if len(ours) != 3 || len(theirs.PartitionTable.Partitions) != 3 {
		t.Fatalf("we have %d partitions, sfdisk has %d, want 3", len(ours), len(theirs.PartitionTable.Partitions))
	}
	for i, p := range theirs.PartitionTable.Partitions {
		want := partition{[]int{1, 5, 128}[i], strings.ToLower(p.Type), strings.ToLower(p.UUID), p.Start, p.Size}
		if ours[i] != want {
			t.Errorf("partition %s: have %+v, sfdisk says %+v", p.Node, ours[i], want)
		}
	}
	if p, err := choose(ours, "01234567-89ab-cdef-0123-456789abcdef", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"); err != nil || p.number != 5 {
		t.Errorf("choose by UUID gave partition %d (%v), want 5", p.number, err)
	}
}

func TestReadGPTDamaged(t *testing.T) {
	_, good := sfdiskDisk(t)
	const primary, backup = 512, diskSize - 512
	le := binary.LittleEndian
	// set changes a field of the primary header and makes its checksum right again.
	set := func(at int, value uint32) func([]byte) {
		return func(d []byte) {
			h := d[primary : primary+headerSize]
			le.PutUint32(h[at:], value)
			le.PutUint32(h[16:], 0)
			le.PutUint32(h[16:], crc32.ChecksumIEEE(h))
		}
	}
	tests := []struct {
		name   string
		change func(d []byte)
		backup bool // leave it
		want   string
	}{
		{name: "primary header", change: func(d []byte) { d[primary+60]++ }, backup: true},
		{name: "primary entries", change: func(d []byte) { d[1024]++ }, backup: true},
		{name: "primary gone", change: func(d []byte) { clear(d[:1<<20]) }, backup: true},
		{name: "both headers", change: func(d []byte) { d[primary+60]++ }, want: "GPT header with wrong checksum"},
		{name: "no GPT", change: func(d []byte) { clear(d) }, want: "no GPT"},
		{name: "entries", change: func(d []byte) { d[1024]++ }, want: "GPT entries with wrong checksum"},
		{name: "length 0", change: func(d []byte) { le.PutUint32(d[primary+12:], 0) }, want: "GPT header of impossible length"},
		{name: "length beyond block", change: func(d []byte) { le.PutUint32(d[primary+12:], 513) }, want: "GPT header of impossible length"},
		{name: "copied from elsewhere", change: set(24, 7), want: "GPT header of another version or from another place"},
		{name: "revision 2", change: set(8, 0x20000), want: "GPT header of another version or from another place"},
		{name: "entries of 127 bytes", change: set(84, 127), want: "GPT with entries of impossible size or number"},
		{name: "entries of 0 bytes", change: set(84, 0), want: "GPT with entries of impossible size or number"},
		{name: "a billion entries", change: set(80, 1<<30), want: "GPT with entries of impossible size or number"},
		{name: "entries at block 0", change: set(72, 0), want: "GPT entries beyond the end of the disk"},
		{name: "entries at the end", change: set(72, diskSize/512-1), want: "GPT entries beyond the end of the disk"},
		{name: "entries far away", change: set(76, 1<<31), want: "GPT entries beyond the end of the disk"},
	}
	for _, test := range tests {
		d := bytes.Clone(good)
		test.change(d)
		if !test.backup {
			clear(d[backup:])
		}
		parts, err := readGPT(bytes.NewReader(d), diskSize, 512)
		switch {
		case test.want == "" && (err != nil || len(parts) != 3):
			t.Errorf("%s: got %d partitions and error %v, want 3", test.name, len(parts), err)
		case test.want != "" && (err == nil || err.Error() != test.want):
			t.Errorf("%s: got error %v, want %s", test.name, err, test.want)
		}
	}
	for _, size := range []int64{0, 512, 1024, -1} {
		if _, err := readGPT(bytes.NewReader(good), size, 512); !errors.Is(err, errNoGPT) {
			t.Errorf("disk of %d bytes: got error %v", size, err)
		}
	}
}

// FuzzReadGPT puts any header and any entries on a disk, with checksums that
// fit, since no fuzzer would find those.
func FuzzReadGPT(f *testing.F) {
	_, disk := sfdiskDisk(f)
	f.Add(disk[512:512+headerSize], disk[1024:1024+5*128])
	f.Fuzz(func(t *testing.T, header, table []byte) {
		d := make([]byte, 64<<10)
		copy(d[1024:], table)
		h := d[512:1024]
		copy(h, header)
		copy(h, "EFI PART\x00\x00\x01\x00")
		le := binary.LittleEndian
		le.PutUint64(h[24:], 1)
		at, n := le.Uint64(h[72:]), uint64(le.Uint32(h[80:]))*uint64(le.Uint32(h[84:]))
		if at < 128 && at*512+n <= uint64(len(d)) && at > 1 {
			le.PutUint32(h[88:], crc32.ChecksumIEEE(d[at*512:at*512+n]))
		}
		if length := le.Uint32(h[12:]); length <= 512 {
			clear(h[16:20])
			le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:length]))
		}
		parts, err := readGPT(bytes.NewReader(d), int64(len(d)), 512)
		if err != nil && parts != nil {
			t.Errorf("partitions beside error %v", err)
		}
		last := 0
		for _, p := range parts {
			if p.number <= last || p.size == 0 || p.first >= 128 || p.size > 128-p.first || !isUUID(p.typ) || !isUUID(p.uuid) {
				t.Errorf("impossible partition %+v", p)
			}
			last = p.number
		}
	})
}
