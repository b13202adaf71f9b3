package erofs_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bocaditos/bocaditos/erofs"
	"github.com/bocaditos/bocaditos/tree"
)

// mount mounts an image through a loop device, until the test ends. The loop
// device goes away with the mount.
func mount(t testing.TB, image string) string {
	t.Helper()
	dir := t.TempDir()
	output(t, "mount", "-t", "erofs", "-o", "loop,ro,nodev,nosuid", image, dir)
	t.Cleanup(func() { output(t, "umount", dir) })
	return dir
}

// zeros is content of a size that no one wants in memory: zeros but for the
// bytes at marks.
type zeros struct {
	size  int64
	marks map[int64]byte
}

func (z zeros) Size() int64                  { return z.size }
func (z zeros) ID() string                   { return "zeros" }
func (z zeros) Open() (io.ReadCloser, error) { return &zeroReader{zeros: z}, nil }

type zeroReader struct {
	zeros
	pos int64
}

func (r *zeroReader) Close() error { return nil }

func (r *zeroReader) Read(b []byte) (int, error) {
	if r.pos == r.size {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), r.size-r.pos)]
	clear(b)
	for off, c := range r.marks {
		if off >= r.pos && off < r.pos+int64(len(b)) {
			b[off-r.pos] = c
		}
	}
	r.pos += int64(len(b))
	return len(b), nil
}

// sparseFile leaves holes where zeros are written.
type sparseFile struct {
	*os.File
	pos int64
}

func (s *sparseFile) Write(b []byte) (int, error) {
	for i := 0; i < len(b); i += 4096 {
		block := b[i:min(i+4096, len(b))]
		for _, c := range block {
			if c != 0 {
				if _, err := s.WriteAt(block, s.pos+int64(i)); err != nil {
					return i, err
				}
				break
			}
		}
	}
	s.pos += int64(len(b))
	return len(b), s.Truncate(s.pos)
}

func TestFileBeyond4GiB(t *testing.T) {
	const size = 5<<30 + 123
	content := zeros{size, map[int64]byte{0: 'a', 1<<32 - 1: 'b', 1 << 32: 'c', 5<<30 - 1: 'd', size - 1: 'e'}}
	tr := tree.New()
	put(t, tr, "/big", tree.NewFile(0o644, content, origin))
	put(t, tr, "/small", file(5000)) // its data lies beyond
	image := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := erofs.Write(&sparseFile{File: f}, tr, options); err != nil {
		t.Fatal(err)
	}
	output(t, "fsck.erofs", image)

	dir := mount(t, image)
	big, err := os.Open(dir + "/big")
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	if info, err := big.Stat(); err != nil || info.Size() != size {
		t.Errorf("the kernel sees a size of %d (%v)", info.Size(), err)
	}
	got, err := os.ReadFile(dir + "/small")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(pattern(5000)) {
		t.Error("the kernel reads another /small")
	}
	for off, want := range content.marks {
		var b [1]byte
		if _, err := big.ReadAt(b[:], off); err != nil || b[0] != want {
			t.Errorf("the kernel reads %q at %d (%v), want %q", b, off, err, want)
		}
	}
}
