package uki

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/bocaditos/bocaditos/tree"
)

func alignUp(n, to uint64) uint64 { return (n + to - 1) / to * to }

// header returns all that comes before the first section's data, with the
// section headers of the payloads added.
func (p *plan) header() ([]byte, error) {
	stub, opt := p.stub, p.stub.opt
	first := stub.Sections[0].Offset
	table := stub.optional + int(stub.SizeOfOptionalHeader)
	size := min(alignUp(uint64(opt.SizeOfHeaders), uint64(opt.FileAlignment)), uint64(first))
	room := max(0, (int(size)-table)/sectionHeaderSize-len(stub.Sections))
	if len(p.appended) > room {
		return nil, fmt.Errorf("stub: has room for %d more section headers, %d are needed", room, len(p.appended))
	}
	added, total, err := p.place()
	if err != nil {
		return nil, err
	}

	head := bytes.Clone(stub.data[:first])
	if err := p.resizeSBAT(head[table:]); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	for _, h := range added {
		binary.Write(&buf, binary.LittleEndian, h) // into memory, of a fixed size: cannot fail
	}
	copy(head[table+len(stub.Sections)*sectionHeaderSize:], buf.Bytes())

	le := binary.LittleEndian
	le.PutUint16(head[stub.optional-peOptional+peNumberOfSections:], uint16(len(stub.Sections)+len(added)))
	le.PutUint32(head[stub.optional+optInitializedData:], total.initialized)
	le.PutUint32(head[stub.optional+optSizeOfImage:], total.image)
	le.PutUint32(head[stub.optional+optSizeOfHeaders:], uint32(size))
	// Firmware ignores the checksum, and signing tools change it.
	le.PutUint32(head[stub.optional+optCheckSum:], 0)
	if !p.nx {
		// Firmware that enforces it for the stub would enforce it for a kernel
		// that is not made for it.
		le.PutUint16(head[stub.optional+optCharacteristics:], opt.DllCharacteristics&^nxCompat)
	}
	return head, nil
}

type totals struct{ initialized, image uint32 }

// place gives each appended section its place in the file and in memory.
func (p *plan) place() ([]pe.SectionHeader32, totals, error) {
	opt := p.stub.opt
	inFile, inMemory := uint64(opt.FileAlignment), uint64(opt.SectionAlignment)
	last := p.stub.Sections[len(p.stub.Sections)-1]
	address := alignUp(uint64(last.VirtualAddress)+uint64(last.VirtualSize), inMemory)
	offset := uint64(len(p.stub.data))
	initialized := uint64(opt.SizeOfInitializedData)
	var headers []pe.SectionHeader32
	for _, s := range p.appended {
		size := uint64(s.Data.Size())
		h := pe.SectionHeader32{
			VirtualSize:      uint32(size), // without padding: this is what gets measured
			SizeOfRawData:    uint32(alignUp(size, inFile)),
			VirtualAddress:   uint32(address),
			PointerToRawData: uint32(offset),
			Characteristics:  pe.IMAGE_SCN_MEM_READ | pe.IMAGE_SCN_CNT_INITIALIZED_DATA,
		}
		if s.Name == ".linux" {
			h.Characteristics = pe.IMAGE_SCN_MEM_READ | pe.IMAGE_SCN_CNT_CODE
		}
		copy(h.Name[:], s.Name)
		headers = append(headers, h)
		address = alignUp(address+size, inMemory)
		offset = alignUp(offset+size, inFile)
		initialized += size
		if max(size, address, offset, initialized) > math.MaxUint32 {
			return nil, totals{}, fmt.Errorf("section %s of %d bytes does not fit: a UKI ends at 4 GiB", s.Name, size)
		}
	}
	return headers, totals{uint32(initialized), uint32(address)}, nil
}

// resizeSBAT gives the stub's own .sbat section its new size. The text must
// fit into the old place: two sections of one name would contradict each other.
func (p *plan) resizeSBAT(table []byte) error {
	const virtualSize = 8 // after the name
	for i, old := range p.stub.Sections {
		if old.Name != p.sbat.Name {
			continue
		}
		size := p.sbat.Data.Size()
		if size > int64(old.Size) {
			return fmt.Errorf("SBAT: %d bytes do not fit into the %d of the stub's section", size, old.Size)
		}
		binary.LittleEndian.PutUint32(table[i*sectionHeaderSize+virtualSize:], uint32(size))
	}
	return nil
}

func (p *plan) write(w io.Writer) error {
	if _, err := w.Write(p.head); err != nil {
		return err
	}
	for _, s := range p.stub.Sections {
		data := tree.Bytes(p.stub.data[s.Offset : s.Offset+s.Size])
		if s.Name == p.sbat.Name {
			data = p.sbat.Data
		}
		if err := writePadded(w, data, int64(s.Size)); err != nil {
			return fmt.Errorf("section %s: %w", s.Name, err)
		}
	}
	for _, s := range p.appended {
		size := alignUp(uint64(s.Data.Size()), uint64(p.stub.opt.FileAlignment))
		if err := writePadded(w, s.Data, int64(size)); err != nil {
			return fmt.Errorf("section %s: %w", s.Name, err)
		}
	}
	return nil
}

// writePadded writes c and then zeros, size bytes in all.
func writePadded(w io.Writer, c tree.Content, size int64) error {
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(w, io.LimitReader(r, c.Size()+1))
	if err != nil {
		return err
	}
	if n != c.Size() {
		return fmt.Errorf("content is not as long as announced (%d bytes)", c.Size())
	}
	_, err = w.Write(make([]byte, size-n))
	return err
}
