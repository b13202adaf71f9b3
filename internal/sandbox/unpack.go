package sandbox

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const xattrRecord = "SCHILY.xattr."

// hiddenXattr says which attributes stay outside: those that give powers or
// can't be set in a user namespace, and overlayfs's own.
func hiddenXattr(name string) bool {
	return strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "trusted.") ||
		strings.HasPrefix(name, "user.overlay.")
}

// unpack fills the directory dir from a tar of Tree.WriteTar, which has every
// directory before its entries and none behind a symbolic link.
func unpack(r io.Reader, dir string, epoch int64) error {
	times := []unix.Timespec{{Sec: epoch}, {Sec: epoch}}
	var dirs []string
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		at := filepath.Join(dir, h.Name)
		made, err := create(at, dir, h, tr)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join("/", h.Name), err)
		}
		if h.Typeflag == tar.TypeDir {
			dirs = append(dirs, at)
		} else if made {
			if err := unix.UtimesNanoAt(unix.AT_FDCWD, at, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return fmt.Errorf("%s: set time: %w", filepath.Join("/", h.Name), err)
			}
		}
	}
	for i := len(dirs) - 1; i >= 0; i-- { // now that nothing is added to them
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, dirs[i], times, 0); err != nil {
			return fmt.Errorf("%s: set time: %w", dirs[i], err)
		}
	}
	_, err := io.Copy(io.Discard, r) // padding: the sender must not see a broken pipe
	return err
}

// create makes one entry without its powers; a device is not made.
func create(at, root string, h *tar.Header, content io.Reader) (made bool, err error) {
	mode := uint32(h.Mode) & 0o7777
	switch h.Typeflag {
	case tar.TypeLink:
		err := os.Link(filepath.Join(root, h.Linkname), at)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil // to a device
		}
		return err == nil, err
	case tar.TypeSymlink:
		if err := os.Symlink(h.Linkname, at); err != nil {
			return false, err
		}
		return true, os.Lchown(at, h.Uid, h.Gid)
	case tar.TypeDir:
		if at != root {
			err = os.Mkdir(at, 0o700)
		}
	case tar.TypeReg:
		mode &^= setID
		err = writeFile(at, content)
	case tar.TypeFifo:
		mode &^= setID
		err = unix.Mkfifo(at, 0o600)
	default:
		return false, nil
	}
	if err == nil {
		err = os.Lchown(at, h.Uid, h.Gid)
	}
	if errors.Is(err, syscall.EINVAL) {
		err = fmt.Errorf("owner %d:%d: the sandbox knows only IDs below %d", h.Uid, h.Gid, ids)
	}
	if err == nil {
		err = syscall.Chmod(at, mode) // after chown, which clears bits
	}
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrRecord)
		if err != nil || !ok || hiddenXattr(name) {
			continue
		}
		if err = unix.Lsetxattr(at, name, []byte(value), 0); err != nil {
			err = fmt.Errorf("set attribute %s: %w", name, err)
		}
	}
	return true, err
}

func writeFile(at string, content io.Reader) error {
	f, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// copyMetadata gives the directory to the owner, mode, attributes and times of
// from.
func copyMetadata(from, to string) error {
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return err
	}
	if err := os.Lchown(to, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	xattrs, err := readXattrs(from)
	if err != nil {
		return err
	}
	for name, value := range xattrs {
		if err := unix.Lsetxattr(to, name, []byte(value), 0); err != nil {
			return fmt.Errorf("set attribute %s: %w", name, err)
		}
	}
	if err := syscall.Chmod(to, st.Mode&0o7777); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, to, []unix.Timespec{st.Atim, st.Mtim}, 0)
}
