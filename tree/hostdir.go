package tree

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ReadDir builds a tree from a directory on the host. Everything is owned by
// root and has no extended attributes: what a checkout or an editor left there
// is not meant for an image. Directories and executables get mode 0755, other
// files 0644, so the umask that made them does not matter either.
func ReadDir(dir string, origin Origin) (*Tree, error) {
	t := New()
	t.root.History = []Origin{origin}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil || rel == "." {
			return err
		}
		n, err := ReadHost(file, origin)
		if err != nil {
			return err
		}
		return t.putExact("/"+rel, n)
	})
	if err != nil {
		return nil, fmt.Errorf("read directory %s: %w", dir, err)
	}
	return t, nil
}

// ReadHost makes a node of one file, link, (without its entries) directory
// or special file on the host, with the same owners and modes as ReadDir.
func ReadHost(file string, origin Origin) (*Node, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return NewDir(0o755, origin), nil
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(file)
		return NewSymlink(target, origin), err
	case info.Mode().IsRegular():
		mode := uint32(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		c, err := HostFile(file)
		return NewFile(mode, c, origin), err
	}
	n := &Node{Type: Socket, Mode: 0o644, History: []Origin{origin}}
	switch st, ok := info.Sys().(*syscall.Stat_t); {
	case info.Mode()&fs.ModeNamedPipe != 0:
		n.Type = FIFO
	case info.Mode()&fs.ModeDevice != 0 && ok:
		n.Type = BlockDevice
		if info.Mode()&fs.ModeCharDevice != 0 {
			n.Type = CharDevice
		}
		// The kernel's encoding of device numbers, see makedev(3).
		n.Major = uint32(st.Rdev>>8&0xfff | st.Rdev>>32&^0xfff)
		n.Minor = uint32(st.Rdev&0xff | st.Rdev>>12&0xffffff00)
	}
	return n, nil
}
