package main

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

const sysroot = "/sysroot"

// apiMounts are made with the options systemd would give them, because it
// keeps those it finds.
var apiMounts = []struct {
	target, fstype string
	flags          uintptr
	options        string
}{
	{"/dev", "devtmpfs", syscall.MS_NOSUID | syscall.MS_STRICTATIME, "mode=0755"},
	{"/proc", "proc", syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_NODEV, ""},
	{"/sys", "sysfs", syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_NODEV, ""},
	{"/run", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_STRICTATIME, "mode=0755,size=20%,nr_inodes=800k"},
}

func mountAPI() error {
	for _, m := range apiMounts {
		if err := mkdir(m.target); err != nil {
			return wrap("mount "+m.target, err)
		}
		if err := syscall.Mount(m.fstype, m.target, m.fstype, m.flags, m.options); err != nil {
			return wrap("mount "+m.target, err)
		}
	}
	return nil
}

// mountRoot mounts the verified device and makes sure that next is there,
// while there is still a way back.
func mountRoot(node, next string) error {
	if err := mkdir(sysroot); err != nil {
		return wrap("mount root", err)
	}
	if err := syscall.Mount(node, sysroot, "erofs", syscall.MS_RDONLY, ""); err != nil {
		return wrap("mount root "+node+" as erofs", err)
	}
	return wrap("look for "+next+" in the root", checkExecutable(sysroot, next))
}

// linkModules makes the link through which the libkmod of nixpkgs finds the
// modules of the kernel that runs. It has to be there before systemd is: what
// loads modules and nodes of modules starts before systemd-tmpfiles does.
func linkModules(dir string) error {
	if dir == "" {
		return nil
	}
	if err := mkdir("/run/booted-system"); err != nil {
		return err
	}
	return os.Symlink(dir, "/run/booted-system/kernel-modules")
}

// checkExecutable follows links as they will be followed after the switch.
func checkExecutable(root, p string) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	fd, err := openIn(int(dir.Fd()), p)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG || st.Mode&0o111 == 0 {
		return errors.New("not an executable file")
	}
	return nil
}

// openIn opens p for a look, with dir as its root directory.
func openIn(dir int, p string) (int, error) {
	const (
		sysOpenat2    = 437 // the same number on all architectures
		oPath         = 0x200000
		resolveInRoot = 0x10
	)
	name, err := syscall.BytePtrFromString(p)
	if err != nil {
		return 0, err
	}
	how := struct{ flags, mode, resolve uint64 }{oPath | syscall.O_CLOEXEC, 0, resolveInRoot}
	fd, _, errno := syscall.Syscall6(sysOpenat2, uintptr(dir), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

func mkdir(p string) error {
	if err := os.Mkdir(p, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
