package disk

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// WriteTo streams the filesystem: Size bytes, or an error.
func (e *ESP) WriteTo(w io.Writer) (int64, error) {
	s := &stream{w: w}
	err := e.write(s)
	if err != nil {
		err = fmt.Errorf("write ESP: %w", err)
	}
	return s.n, err
}

func (e *ESP) write(s *stream) error {
	if err := s.writePadded(e.reserved(), reservedSectors*sectorSize); err != nil {
		return err
	}
	table := e.table()
	for range 2 {
		if err := s.writePadded(table, e.geometry.fatSectors*sectorSize); err != nil {
			return err
		}
	}
	stamp := dosTime(e.opts.Epoch)
	for _, n := range e.nodes {
		room := int64(n.clusters) * e.geometry.clusterSize()
		if n.file == nil {
			if err := s.writePadded(e.directory(n, stamp), room); err != nil {
				return err
			}
		} else if err := s.writeFile(n.file, room); err != nil {
			return fmt.Errorf("file %q: %w", n.file.Path, err)
		}
	}
	return s.zeros(e.Size() - s.n)
}

// used is the number of clusters in use.
func (e *ESP) used() uint32 {
	var used uint32
	for _, n := range e.nodes {
		used += n.clusters
	}
	return used
}

// reserved returns the boot sector, the information sector, an empty third
// boot sector, and their copies.
func (e *ESP) reserved() []byte {
	le := binary.LittleEndian
	b := make([]byte, 2*backupSector*sectorSize)
	copy(b, []byte{0xeb, 0x58, 0x90}) // jump over the parameters; nothing is there to run
	copy(b[3:], "MSWIN4.1")           // the specification recommends it: some drivers look
	le.PutUint16(b[11:], sectorSize)
	b[13] = byte(e.geometry.sectorsPerCluster)
	le.PutUint16(b[14:], reservedSectors)
	b[16] = 2 // FATs
	b[21] = mediaFixed
	le.PutUint16(b[24:], 63)  // sectors per track and
	le.PutUint16(b[26:], 255) // heads, for BIOSes that want some
	le.PutUint32(b[32:], uint32(e.geometry.sectors))
	le.PutUint32(b[36:], uint32(e.geometry.fatSectors))
	le.PutUint32(b[44:], rootCluster)
	le.PutUint16(b[48:], infoSector)
	le.PutUint16(b[50:], backupSector)
	b[64] = 0x80 // drive
	b[66] = 0x29 // the next three fields are there
	le.PutUint32(b[67:], e.opts.VolumeID)
	label := e.opts.Label
	if label == "" {
		label = "NO NAME"
	}
	copy(b[71:82], fmt.Sprintf("%-11s", label))
	copy(b[82:90], "FAT32   ")

	info := b[infoSector*sectorSize:]
	le.PutUint32(info, 0x41615252)
	le.PutUint32(info[484:], 0x61417272)
	free, next := uint32(e.geometry.clusters)-e.used(), rootCluster+e.used()
	if free == 0 {
		next = 0xffffffff // unknown
	}
	le.PutUint32(info[488:], free)
	le.PutUint32(info[492:], next)

	for sector := range 3 {
		le.PutUint16(b[sector*sectorSize+510:], 0xaa55)
	}
	copy(b[backupSector*sectorSize:], b[:3*sectorSize])
	return b
}

// table returns the used part of the file allocation table.
func (e *ESP) table() []byte {
	t := make([]byte, 0, (int(e.used())+rootCluster)*4)
	add := func(v uint32) { t = binary.LittleEndian.AppendUint32(t, v) }
	add(0x0fffff00 | mediaFixed)
	add(endOfChain) // and with its high bits: cleanly unmounted, no errors
	for _, n := range e.nodes {
		for i := uint32(1); i <= n.clusters; i++ {
			if i == n.clusters {
				add(endOfChain)
			} else {
				add(n.first + i)
			}
		}
	}
	return t
}

// directory returns the entries of a directory.
func (e *ESP) directory(n *fatNode, stamp uint32) []byte {
	var b []byte
	switch {
	case n.parent != nil:
		up := n.parent.first
		if n.parent.parent == nil {
			up = 0 // the root is always named so here
		}
		b = appendDirent(b, [11]byte([]byte(".          ")), attrDirectory, n.first, 0, stamp)
		b = appendDirent(b, [11]byte([]byte("..         ")), attrDirectory, up, 0, stamp)
	case e.opts.Label != "":
		b = appendDirent(b, [11]byte(fmt.Appendf(nil, "%-11s", e.opts.Label)), attrVolumeID, 0, 0, stamp)
	}
	for _, c := range n.children {
		if c.long {
			b = appendLongName(b, c.name, c.short)
		}
		if c.file == nil {
			b = appendDirent(b, c.short, attrDirectory, c.first, 0, stamp)
		} else {
			b = appendDirent(b, c.short, attrArchive, c.first, uint32(c.file.Size), stamp)
		}
	}
	return b
}

func appendDirent(b []byte, short [11]byte, attr byte, cluster, size, stamp uint32) []byte {
	le := binary.LittleEndian
	var d [direntSize]byte
	copy(d[:], short[:])
	d[11] = attr
	le.PutUint32(d[14:], stamp)             // created
	le.PutUint16(d[18:], uint16(stamp>>16)) // last accessed, a date
	le.PutUint16(d[20:], uint16(cluster>>16))
	le.PutUint32(d[22:], stamp) // written
	le.PutUint16(d[26:], uint16(cluster))
	le.PutUint32(d[28:], size)
	return append(b, d[:]...)
}

// dosTime returns the date in the high and the time in the low 16 bits.
func dosTime(t time.Time) uint32 {
	first := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	t = t.UTC()
	if t.Before(first) {
		t = first
	} else if t.After(last) {
		t = last
	}
	date := (t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()
	clock := t.Hour()<<11 | t.Minute()<<5 | t.Second()/2
	return uint32(date)<<16 | uint32(clock)
}

// stream counts what it writes.
type stream struct {
	w io.Writer
	n int64
}

// writePadded writes b and zeros up to room bytes.
func (s *stream) writePadded(b []byte, room int64) error {
	n, err := s.w.Write(b)
	s.n += int64(n)
	if err != nil {
		return err
	}
	return s.zeros(room - int64(len(b)))
}

func (s *stream) zeros(n int64) error {
	zero := make([]byte, min(n, 1<<20))
	for n > 0 {
		wrote, err := s.w.Write(zero[:min(n, int64(len(zero)))])
		s.n += int64(wrote)
		n -= int64(wrote)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) writeFile(f *ESPFile, room int64) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := copyExactly(s.w, r, f.Size)
	s.n += n
	if err != nil {
		return err
	}
	return s.zeros(room - f.Size)
}
