package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/internal/cachefile"
)

// An outputDir is where one version of one image appears, whole or not at
// all: everything is written into a sibling directory that is swapped in at
// the end. A killed build leaves the old image, or none.
type outputDir struct {
	final   string // OUT/ID_VERSION
	partial string // OUT/.ID_VERSION.partial, this build's alone while lock is held
	lock    *os.File
	made    string // OUT, if it was not there before
}

// openOutput makes the partial directory. Only one build at a time may write
// an image; the lock dies with its process.
func openOutput(dir, id, version string) (*outputDir, error) {
	name := id + "_" + version
	o := &outputDir{final: filepath.Join(dir, name), partial: filepath.Join(dir, "."+name+".partial")}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		o.made = dir
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the output directory: %w", err)
	}
	lock, err := cachefile.TryLock(filepath.Join(dir, "."+name+".lock"))
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("another build is writing %s", o.final)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the output directory: %w", err)
	}
	o.lock = lock
	sweepOutputs(dir)
	if info, err := os.Lstat(o.final); err == nil && !info.IsDir() {
		o.close()
		return nil, fmt.Errorf("%s is there already and is no directory", o.final)
	}
	if err := os.RemoveAll(o.partial); err != nil {
		o.close()
		return nil, err
	}
	if err := os.Mkdir(o.partial, 0o777); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// sweepOutputs removes what killed builds of other images and versions left
// in dir: partial directories whose lock nobody holds.
func sweepOutputs(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, ".*.partial"))
	for _, partial := range left {
		lock, err := cachefile.TryLock(strings.TrimSuffix(partial, ".partial") + ".lock")
		if err != nil {
			continue // at work
		}
		os.RemoveAll(partial)
		os.Remove(lock.Name())
		lock.Close()
	}
}

// close gives up what was not committed.
func (o *outputDir) close() {
	os.RemoveAll(o.partial)
	os.Remove(o.lock.Name())
	o.lock.Close()
	if o.made != "" {
		os.Remove(o.made) // fails unless it is empty
	}
}

// path is where a file is written before it is committed.
func (o *outputDir) path(name string) string { return filepath.Join(o.partial, name) }

// write makes one small file.
func (o *outputDir) write(name string, data []byte) error {
	return os.WriteFile(o.path(name), data, 0o666)
}

// commit writes the sums and the manifest, makes all of it durable and puts it
// in place of what was there.
func (o *outputDir) commit(m *image.Manifest) error {
	if err := o.write("SHA256SUMS", m.Sums()); err != nil {
		return err
	}
	data, err := m.Encode()
	if err != nil {
		return err
	}
	if err := o.write(image.FileName, data); err != nil {
		return err
	}
	entries, err := os.ReadDir(o.partial)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := syncPath(o.path(e.Name())); err != nil {
			return err
		}
	}
	if err := syncPath(o.partial); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, o.partial, unix.AT_FDCWD, o.final, unix.RENAME_EXCHANGE)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(o.partial, o.final)
	}
	if err != nil {
		return fmt.Errorf("put %s in place: %w", o.final, err)
	}
	return syncPath(filepath.Dir(o.final))
}

func syncPath(p string) error {
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", p, err)
	}
	return nil
}
