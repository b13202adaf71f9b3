// Package cachefile makes files that appear whole or not at all, also when
// several processes share the directory. It knows nothing of what is in them.
package cachefile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Lock opens file, making it if need be, and waits until it is locked for this
// caller alone. Closing it, or the end of the process, ends the lock.
// Who locks may rename or remove the file: those who waited then get a new one.
func Lock(ctx context.Context, file string) (*os.File, error) {
	return lock(file, func(f *os.File) error { return flock(ctx, f) })
}

// TryLock is Lock that does not wait: where another has the lock, the error is
// EWOULDBLOCK.
func TryLock(file string) (*os.File, error) {
	return lock(file, tryFlock)
}

func lock(file string, take func(*os.File) error) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	for {
		f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		if err := take(f); err != nil {
			f.Close()
			return nil, err
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if now, err := os.Stat(file); err == nil && os.SameFile(mine, now) {
			return f, nil
		}
		f.Close()
	}
}

// flock polls, because a blocking flock cannot be cancelled.
func flock(ctx context.Context, f *os.File) error {
	for {
		if err := tryFlock(f); !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func tryFlock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EINTR):
			return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
	}
}

// Commit gives the finished f its final name, durably. f stays open, and a
// lock on it holds until the caller closes it.
func Commit(f *os.File, file string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Write makes file with that content, or leaves what was there.
func Write(file string, data []byte, perm os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it went well
	defer f.Close()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err != nil {
		return err
	}
	return Commit(f, file)
}
