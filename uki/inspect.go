package uki

import (
	"crypto/sha256"
	"debug/pe"
	"fmt"
	"io"
)

// Info is one section of an image.
type Info struct {
	Name           string
	Offset         int64  // of the payload in the file, in bytes
	Size           int64  // of the payload, without padding
	VirtualSize    uint32 // in memory; the size for all sections that Build adds
	VirtualAddress uint32
	SHA256         [32]byte // of the payload
}

// Reader returns the payload; r is what was inspected.
func (i Info) Reader(r io.ReaderAt) *io.SectionReader {
	return io.NewSectionReader(r, i.Offset, i.Size)
}

// Inspect lists all sections of an image, or of any other PE program, in the
// order of their headers. That includes the stub's own (.text and others). It
// reads every byte of them, but does not check that an image is well-formed.
func Inspect(r io.ReaderAt) ([]Info, error) {
	f, err := pe.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("inspect UKI: %w", err)
	}
	var infos []Info
	for _, s := range f.Sections {
		i := Info{
			Name:           s.Name,
			Offset:         int64(s.Offset),
			Size:           int64(payloadSize(&s.SectionHeader)),
			VirtualSize:    s.VirtualSize,
			VirtualAddress: s.VirtualAddress,
		}
		h := sha256.New()
		n, err := io.Copy(h, i.Reader(r))
		if err == nil && n != i.Size {
			err = fmt.Errorf("only %d of %d bytes are there", n, i.Size)
		}
		if err != nil {
			return nil, fmt.Errorf("inspect UKI: section %s: %w", i.Name, err)
		}
		h.Sum(i.SHA256[:0])
		infos = append(infos, i)
	}
	return infos, nil
}
