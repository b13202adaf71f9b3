package erofs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/bocaditos/bocaditos/tree"
)

const streamBuffer = 1 << 20

// stream writes an image in order and knows how far it is. Errors of the
// writer below stick; flush, and any copy of content, returns them.
type stream struct {
	out   *bufio.Writer
	pos   int64
	zeros [blockSize]byte
}

func newStream(w io.Writer, buffer int) *stream {
	// Without its other methods w cannot take over the copying: contents are
	// read straight into this one buffer.
	return &stream{out: bufio.NewWriterSize(struct{ io.Writer }{w}, buffer)}
}

func (s *stream) write(b []byte) {
	s.pos += int64(len(b))
	s.out.Write(b)
}

func (s *stream) flush() error { return s.out.Flush() }

// put writes an on-disk structure.
func (s *stream) put(v any) {
	b, err := binary.Append(s.out.AvailableBuffer(), binary.LittleEndian, v)
	if err != nil {
		panic(err) // a structure without a fixed size
	}
	s.write(b)
}

// padTo writes zeros up to the offset off.
func (s *stream) padTo(off int64) {
	for s.pos < off {
		s.write(s.zeros[:min(off-s.pos, blockSize)])
	}
}

// writeInode writes header, extended attributes and inline data.
func (s *stream) writeInode(in *inode, epoch int64) error {
	s.padTo(in.off)
	s.put(in.header(epoch))
	s.write(in.xattrs)
	if in.inline || in.node.Type == tree.File && in.size == 0 { // an empty one is opened to see that it is
		return s.copy(in, in.blocks*blockSize, in.size)
	}
	return nil
}

// writeBlocks writes the data blocks.
func (s *stream) writeBlocks(in *inode) error {
	s.padTo(in.start * blockSize)
	return s.copy(in, 0, min(in.blocks*blockSize, in.size))
}

// copy writes the bytes [from, to) of the inode's data. It makes sure that the
// data ends where it should.
func (s *stream) copy(in *inode, from, to int64) error {
	r, err := in.open()
	if err != nil {
		return pathError(in.path, err)
	}
	defer r.Close()
	if err = skip(r, from); err == nil {
		_, err = io.CopyN(s.out, r, to-from)
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, r, in.size-to)
	}
	switch {
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("content has less than the %d bytes it promised", in.size)
	case err == nil:
		err = atEnd(r, in.size)
	}
	if err != nil {
		return pathError(in.path, err)
	}
	s.pos += to - from
	return nil
}

func skip(r io.Reader, n int64) error {
	if seeker, ok := r.(io.Seeker); ok {
		_, err := seeker.Seek(n, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, r, n)
	return err
}

func atEnd(r io.Reader, size int64) error {
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("content has more than the %d bytes it promised", size)
	case err != io.EOF:
		return err
	}
	return nil
}
