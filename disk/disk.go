// Package disk writes disk images: a GPT, and partitions whose content is
// copied in or, for the EFI system partition, made on the way (see ESP). It
// reads no disks and makes no other filesystem. The same input gives the same
// bytes.
//
// It follows the UEFI specification, and the UAPI Group's Discoverable
// Partitions Specification for types, attributes and UUIDs.
package disk

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/partition/gpt"
)

const (
	sectorSize    = 512
	alignment     = 1 << 20 // bytes; what sfdisk and systemd-repart use, good for any medium
	maxPartitions = 128     // entries in the table
	maxLabel      = 36      // UTF-16 code units
	maxDisk       = 2 << 40 // bytes; beyond, the protective MBR of the library is wrong
)

// Attributes are the flags of a partition.
type Attributes uint64

// The attributes of the Discoverable Partitions Specification.
const (
	GrowFilesystem Attributes = 1 << 59 // grow the filesystem to the partition when mounting
	ReadOnly       Attributes = 1 << 60
	NoAuto         Attributes = 1 << 63 // don't mount automatically
)

// Partition is one entry of a Layout.
type Partition struct {
	Type       GUID
	UUID       GUID
	Label      string // at most 36 UTF-16 code units
	Size       int64  // bytes, rounded up to 1 MiB; 0 means what Content needs
	Attributes Attributes
	Content    Content // nil leaves the partition empty
}

// Layout is a disk: its GUID and its partitions in order.
type Layout struct {
	ID         GUID
	Partitions []Partition
	Free       int64 // bytes left free behind the last partition, rounded up to 1 MiB
}

// Placed is where a partition ended up, in bytes from the start of the disk.
type Placed struct {
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// Write replaces what f holds by the disk. The layout is checked before
// anything is written; the partition table comes last, so a disk that was not
// finished has none. Zeros become holes. Write does not sync f.
func Write(f *os.File, l Layout) ([]Placed, error) {
	placed, size, err := l.place()
	if err != nil {
		return nil, fmt.Errorf("disk layout: %w", err)
	}
	if err := writeDisk(f, l, placed, size); err != nil {
		return nil, fmt.Errorf("write disk %s: %w", f.Name(), err)
	}
	return placed, nil
}

func writeDisk(f *os.File, l Layout, placed []Placed, size int64) error {
	if err := f.Truncate(0); err != nil { // holes must not show old content
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	for i, p := range l.Partitions {
		if p.Content == nil {
			continue
		}
		w := &window{f: f, off: placed[i].Offset, end: placed[i].Offset + placed[i].Size}
		if _, err := p.Content.WriteTo(w); err != nil {
			return fmt.Errorf("%s: %w", p.name(i), err)
		}
	}
	return writeTable(f, l, placed, size)
}

func writeTable(f *os.File, l Layout, placed []Placed, size int64) error {
	table := gpt.Table{
		LogicalSectorSize:  sectorSize,
		PhysicalSectorSize: sectorSize,
		GUID:               l.ID.String(),
		ProtectiveMBR:      true,
	}
	for i, p := range l.Partitions {
		table.Partitions = append(table.Partitions, &gpt.Partition{
			Index:      i + 1,
			Start:      uint64(placed[i].Offset / sectorSize),
			Size:       uint64(placed[i].Size),
			Type:       gpt.Type(p.Type.String()),
			GUID:       p.UUID.String(),
			Name:       p.Label,
			Attributes: uint64(p.Attributes),
		})
	}
	// The library syncs after each of its writes if it can: right for a disk
	// in use, five times the flushing of a whole image for us.
	noSync := struct{ backend.WritableFile }{f}
	return table.Write(noSync, size)
}

// place checks the layout and returns where its partitions go and how long
// the disk is.
func (l Layout) place() ([]Placed, int64, error) {
	if l.ID == (GUID{}) {
		return nil, 0, errors.New("the disk has no GUID")
	}
	if len(l.Partitions) > maxPartitions {
		return nil, 0, fmt.Errorf("%d partitions are more than %d", len(l.Partitions), maxPartitions)
	}
	var placed []Placed
	uuids, labels := map[GUID]int{}, map[string]int{}
	end := int64(alignment) // the first one is left to the table
	for i, p := range l.Partitions {
		size, err := p.check()
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", p.name(i), err)
		}
		if j, ok := uuids[p.UUID]; ok {
			return nil, 0, fmt.Errorf("%s: UUID %s is also that of %s", p.name(i), p.UUID, l.Partitions[j].name(j))
		}
		if j, ok := labels[p.Label]; ok {
			return nil, 0, fmt.Errorf("%s: has the same label as partition %d", p.name(i), j+1)
		}
		uuids[p.UUID] = i
		// _empty is how systemd-sysupdate knows a free slot: there may be many.
		if p.Label != "" && p.Label != "_empty" {
			labels[p.Label] = i
		}
		placed = append(placed, Placed{Offset: end, Size: size})
		end += size
		if end > maxDisk-alignment {
			return nil, 0, fmt.Errorf("%s: ends beyond 2 TiB", p.name(i))
		}
	}
	if l.Free < 0 || l.Free > maxDisk {
		return nil, 0, fmt.Errorf("free space of %d bytes", l.Free)
	}
	if end += roundUp(l.Free, alignment); end > maxDisk-alignment {
		return nil, 0, errors.New("the free space ends beyond 2 TiB")
	}
	return placed, end + alignment, nil // the backup table has the last one
}

// check returns the final size of the partition.
func (p Partition) check() (int64, error) {
	size, content := p.Size, int64(0)
	if p.Content != nil {
		content = p.Content.Size()
	}
	if size == 0 {
		size = content
	}
	size = roundUp(size, alignment)
	switch {
	case p.Type == GUID{}:
		return 0, errors.New("no type")
	case p.UUID == GUID{}:
		return 0, errors.New("no UUID")
	case !utf8.ValidString(p.Label) || strings.ContainsRune(p.Label, 0):
		return 0, fmt.Errorf("label %q is not text", p.Label)
	case len(utf16.Encode([]rune(p.Label))) > maxLabel:
		return 0, fmt.Errorf("label %q is longer than %d UTF-16 code units", p.Label, maxLabel)
	case size <= 0 || size > maxDisk || content < 0:
		return 0, fmt.Errorf("size of %d bytes with content of %d", p.Size, content)
	case content > size:
		return 0, fmt.Errorf("content of %d bytes does not fit into %d", content, size)
	}
	return size, nil
}

// name is what errors call the partition, counting from 1 as tools do.
func (p Partition) name(index int) string {
	if p.Label == "" {
		return fmt.Sprintf("partition %d", index+1)
	}
	return fmt.Sprintf("partition %d (%s)", index+1, p.Label)
}

func roundUp(n, multiple int64) int64 { return (n + multiple - 1) / multiple * multiple }
