package disk

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestLayoutRefuses(t *testing.T) {
	types := rootTypes(t)
	good := Partition{Type: types.Root, UUID: GUID{1}, Label: "a", Size: 1}
	with := func(change func(p *Partition)) []Partition {
		p := good
		p.UUID, p.Label = GUID{2}, "b"
		change(&p)
		return []Partition{good, p}
	}
	long := strings.Repeat("x", 36)
	for free, want := range map[int64]string{-1: "free space of -1 bytes", 3 << 40: "free space of 3298534883328 bytes", 2<<40 - 2<<20: "the free space ends beyond 2 TiB"} {
		_, err := Write(newFile(t), Layout{ID: testDisk, Partitions: []Partition{good}, Free: free})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("free space of %d bytes: error %v, want %s", free, err, want)
		}
	}
	tests := []struct {
		partitions []Partition
		want       string // "" if it is fine
	}{
		{with(func(p *Partition) {}), ""},
		{with(func(p *Partition) { p.Label = long }), ""},
		{with(func(p *Partition) { p.Label = long + "x" }), `partition 2 (` + long + `x): label "` + long + `x" is longer than 36 UTF-16 code units`},
		{with(func(p *Partition) { p.Label = strings.Repeat("𝕏", 18) }), ""},
		{with(func(p *Partition) { p.Label = strings.Repeat("𝕏", 19) }), `is longer than 36 UTF-16 code units`},
		{with(func(p *Partition) { p.Label = "a\xff" }), `is not text`},
		{with(func(p *Partition) { p.Label = "a\x00b" }), `is not text`},
		{with(func(p *Partition) { p.Label = "a" }), "partition 2 (a): has the same label as partition 1"},
		{with(func(p *Partition) { p.UUID = GUID{1} }), "partition 2 (b): UUID 01000000-0000-0000-0000-000000000000 is also that of partition 1 (a)"},
		{with(func(p *Partition) { p.UUID = GUID{} }), "partition 2 (b): no UUID"},
		{with(func(p *Partition) { p.Type = GUID{} }), "partition 2 (b): no type"},
		{with(func(p *Partition) { p.Size = 0 }), "partition 2 (b): size of 0 bytes with content of 0"},
		{with(func(p *Partition) { p.Size = -1 }), "partition 2 (b): size of -1 bytes with content of 0"},
		{with(func(p *Partition) { p.Size = 3 << 40 }), "partition 2 (b): size of 3298534883328 bytes with content of 0"},
		{with(func(p *Partition) { p.Size = 2<<40 - 1<<20 }), "partition 2 (b): ends beyond 2 TiB"},
		{with(func(p *Partition) { p.Content = Reader(nil, 1<<20+1) }), "partition 2 (b): content of 1048577 bytes does not fit into 1048576"},
		{[]Partition{{Type: types.Root, UUID: GUID{1}, Size: 1}, {Type: types.Root, UUID: GUID{2}, Size: 1}}, ""},
		{[]Partition{{Type: types.Root, UUID: GUID{1}, Size: 1, Label: "_empty"}, {Type: types.Root, UUID: GUID{2}, Size: 1, Label: "_empty"}}, ""},
		{make([]Partition, 129), "129 partitions are more than 128"},
	}
	for i, tt := range tests {
		f := newFile(t)
		if err := os.WriteFile(f.Name(), []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Write(f, Layout{ID: testDisk, Partitions: tt.partitions})
		if tt.want == "" {
			if err != nil {
				t.Errorf("case %d: %v", i, err)
			}
			continue
		}
		if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("case %d: error %v\nwant %s", i, err, tt.want)
		}
		if b, _ := os.ReadFile(f.Name()); string(b) != "before" {
			t.Errorf("case %d: something was written", i)
		}
	}
	if _, err := Write(newFile(t), Layout{}); err == nil {
		t.Error("a disk without GUID was written")
	}
}

// overlong promises less than it writes.
type overlong struct{}

func (overlong) Size() int64 { return 1 }
func (overlong) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(make([]byte, 1<<20+1))
	return int64(n), err
}

func TestContentThatIsNotWhatItPromised(t *testing.T) {
	tests := map[string]Content{
		"ended after 10 of 20 bytes":         Reader(bytes.NewReader(make([]byte, 10)), 20),
		"content is longer than 5 bytes":     Reader(bytes.NewReader(make([]byte, 10)), 5),
		"does not fit into the partition":    overlong{},
		"partition 1 (root): read /dev/full": Reader(failing{}, 5),
	}
	for want, content := range tests {
		f := newFile(t)
		_, err := Write(f, Layout{ID: testDisk, Partitions: []Partition{
			{Type: rootTypes(t).Root, UUID: GUID{1}, Label: "root", Content: content},
		}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if b, _ := os.ReadFile(f.Name()); bytes.Contains(b, []byte("EFI PART")) {
			t.Errorf("%s: the disk has a partition table", want)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("read /dev/full") }
