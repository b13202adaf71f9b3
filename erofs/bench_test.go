package erofs_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	goerofs "github.com/erofs/go-erofs"

	"github.com/bocaditos/bocaditos/erofs"
	"github.com/bocaditos/bocaditos/tree"
)

// rootLike makes a directory of at least total bytes in sizes as a root
// filesystem has them: most files small, most bytes in few large ones.
func rootLike(b testing.TB, total int64) (dir string, bytes int64) {
	dir = b.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; bytes < total; i++ {
		size := r.IntN(1 << (6 + r.IntN(17)))
		bytes += int64(size)
		file := filepath.Join(dir, fmt.Sprint(i%50), fmt.Sprint(i%7), fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, pattern(size), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir, bytes
}

// BenchmarkWriters compares writers on one tree, each to a file.
func BenchmarkWriters(b *testing.B) {
	dir, size := rootLike(b, 200e6)
	tr, err := tree.ReadDir(dir, origin)
	if err != nil {
		b.Fatal(err)
	}
	image := filepath.Join(b.TempDir(), "image")
	run := func(name string, write func(b *testing.B, f *os.File)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				f, err := os.Create(image)
				if err != nil {
					b.Fatal(err)
				}
				write(b, f)
				info, err := f.Stat()
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(info.Size())/1e6, "image-MB")
				f.Close()
			}
		})
	}
	run("ours", func(b *testing.B, f *os.File) {
		if _, err := erofs.Write(f, tr, options); err != nil {
			b.Fatal(err)
		}
	})
	run("go-erofs", func(b *testing.B, f *os.File) { writeGoErofs(b, f, tr) })
	run("mkfs.erofs", func(b *testing.B, f *os.File) {
		output(b, "mkfs.erofs", "--quiet", fmt.Sprintf("-T%d", options.Epoch), f.Name(), dir)
	})
}

func writeGoErofs(b *testing.B, f *os.File, tr *tree.Tree) {
	w := goerofs.Create(f, goerofs.WithBuildTime(uint64(options.Epoch), 0))
	err := tr.Walk(func(p string, n *tree.Node) error {
		if n.Type == tree.Dir {
			return w.Mkdir(p, 0o755)
		}
		out, err := w.Create(p)
		if err != nil {
			return err
		}
		r, err := n.Content.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		if _, err := io.Copy(out, r); err != nil {
			return err
		}
		if err := out.Close(); err != nil {
			return err
		}
		return w.Chtimes(p, time.Unix(options.Epoch, 0), time.Unix(options.Epoch, 0))
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMemory shows that what Write allocates does not depend on how large
// the contents are.
func BenchmarkMemory(b *testing.B) {
	for _, size := range []int64{1 << 20, 1 << 30} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			tr := tree.New()
			if err := tr.Put("/x", tree.NewFile(0o644, zeros{size: size}, origin)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := erofs.Write(io.Discard, tr, options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
