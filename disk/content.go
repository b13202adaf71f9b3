package disk

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// Content is what a partition holds: an *ESP, or bytes from a Reader.
type Content interface {
	// Size is the number of bytes that WriteTo writes.
	Size() int64
	io.WriterTo
}

// Reader is content of exactly size bytes read from r, which can be written
// once. From an *os.File the kernel copies, without copying at all where the
// filesystem shares extents.
func Reader(r io.Reader, size int64) Content { return &reader{r, size} }

type reader struct {
	r    io.Reader
	size int64
}

func (r *reader) Size() int64 { return r.size }

func (r *reader) WriteTo(w io.Writer) (int64, error) { return copyExactly(w, r.r, r.size) }

// copyExactly fails if r has more or less than n bytes: then it is not what
// the layout was made for.
func copyExactly(w io.Writer, r io.Reader, n int64) (int64, error) {
	copied, err := io.Copy(w, &io.LimitedReader{R: r, N: n})
	if err != nil {
		return copied, err
	}
	if copied < n {
		return copied, fmt.Errorf("content ended after %d of %d bytes: %w", copied, n, io.ErrUnexpectedEOF)
	}
	switch more, err := io.ReadFull(r, make([]byte, 1)); {
	case more > 0:
		return copied, fmt.Errorf("content is longer than %d bytes", n)
	case err != io.EOF:
		return copied, err
	}
	return copied, nil
}

// window writes one partition of a file that is all holes so far.
type window struct {
	f        *os.File
	off, end int64
}

func (w *window) Write(b []byte) (int, error) {
	if int64(len(b)) > w.end-w.off {
		return 0, fmt.Errorf("content does not fit into the partition")
	}
	n := len(b)
	if !isZero(b) {
		var err error
		if n, err = w.f.WriteAt(b, w.off); err != nil {
			return n, err
		}
	}
	w.off += int64(n)
	return n, nil
}

// ReadFrom lets io.Copy hand a file to the kernel.
func (w *window) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok && l.N <= w.end-w.off {
		if _, ok := l.R.(*os.File); ok {
			if _, err := w.f.Seek(w.off, io.SeekStart); err != nil {
				return 0, err
			}
			n, err := w.f.ReadFrom(l)
			w.off += n
			return n, err
		}
	}
	return io.CopyBuffer(struct{ io.Writer }{w}, r, make([]byte, 1<<18))
}

// isZero compares b with itself moved by one byte, which the runtime does
// faster than a loop.
func isZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}
