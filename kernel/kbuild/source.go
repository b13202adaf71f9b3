package kbuild

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

// Unpack unpacks a source tarball, plain or compressed with xz, gzip or zstd, into
// the existing directory dir, without the one directory that all its names
// begin with. Nothing is written outside dir, and no owner, time or set-ID bit
// is kept.
func Unpack(ctx context.Context, tarball io.Reader, dir string) error {
	plain, err := decompress(tarball)
	if err != nil {
		return fmt.Errorf("unpack the kernel's source: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack the kernel's source: %w", err)
	}
	defer root.Close()
	files := tar.NewReader(plain)
	for ctx.Err() == nil {
		h, err := files.Next()
		if err == io.EOF {
			return CheckSource(dir)
		}
		if err != nil {
			return fmt.Errorf("unpack the kernel's source: %w", err)
		}
		if err := create(root, h, files); err != nil {
			return fmt.Errorf("unpack the kernel's source: %s: %w", h.Name, err)
		}
	}
	return ctx.Err()
}

func create(root *os.Root, h *tar.Header, content io.Reader) error {
	if !filepath.IsLocal(h.Name) {
		return errors.New("the name leads outside")
	}
	_, name, below := strings.Cut(path.Clean(h.Name), "/")
	if !below {
		return nil // the one directory itself, or pax_global_header
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644|fs.FileMode(h.Mode)&0o111)
		if errors.Is(err, fs.ErrNotExist) { // not every archive lists its directories
			if err = root.MkdirAll(path.Dir(name), 0o755); err == nil {
				f, err = root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644|fs.FileMode(h.Mode)&0o111)
			}
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return fmt.Errorf("is of type %q, which no kernel source has", string(h.Typeflag))
}

// decompress tells the format by its first bytes, not by the file's name.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	magic, _ := b.Peek(6)
	switch {
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return xz.NewReader(b, xz.DefaultDictMax)
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(b)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(b)
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return b, nil
}

// CheckSource says whether dir is the top of a Linux source tree.
func CheckSource(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	for _, name := range []string{"Makefile", "Kconfig", "scripts/kconfig", "arch"} {
		if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("no Linux source: it has no %s", name)
		} else if err != nil {
			return err
		}
	}
	return nil
}
