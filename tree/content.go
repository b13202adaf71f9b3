package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
)

// Content is the bytes of a regular file. It can be opened any number of
// times, also concurrently.
type Content interface {
	// Size is the number of bytes Open gives.
	Size() int64
	// Open starts reading from the beginning.
	Open() (io.ReadCloser, error)
	// ID names the bytes: two contents with one ID have equal bytes, on any
	// host. (Equal bytes may have different IDs.)
	ID() string
}

// Bytes is content held in memory, for the small files that passes make.
func Bytes(b []byte) Content { return bytesContent(b) }

// String is Bytes for text.
func String(s string) Content { return bytesContent(s) }

type bytesContent []byte

func (b bytesContent) Size() int64 { return int64(len(b)) }
func (b bytesContent) Open() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b)), nil
}
func (b bytesContent) ID() string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Slice is length bytes at offset of a file on the host: a member of an
// uncompressed archive in the cache, say. id names the bytes (see
// Content.ID); the file must not change while the content is in use.
func Slice(file string, offset, length int64, id string) Content {
	return &slice{file, offset, length, id}
}

type slice struct {
	file        string
	off, length int64
	id          string
}

func (s *slice) Size() int64 { return s.length }
func (s *slice) ID() string  { return s.id }
func (s *slice) Open() (io.ReadCloser, error) {
	f, err := os.Open(s.file)
	if err != nil {
		return nil, err
	}
	return &sliceReader{io.NewSectionReader(f, s.off, s.length), f}, nil
}

// sliceReader also offers ReadAt and Seek, for readers such as debug/elf.
type sliceReader struct {
	*io.SectionReader
	f *os.File
}

func (r *sliceReader) Close() error { return r.f.Close() }

// HostFile is the content of a file on the host, read once now to name it.
func HostFile(file string) (Content, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return nil, err
	}
	return Slice(file, 0, n, "sha256:"+hex.EncodeToString(h.Sum(nil))), nil
}

// ReadAll returns all bytes of c.
func ReadAll(c Content) ([]byte, error) {
	if b, ok := c.(bytesContent); ok {
		return b, nil
	}
	r, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, c.Size())
	_, err = io.ReadFull(r, b)
	return b, err
}
