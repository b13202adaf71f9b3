package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountPoints are the directories of the root that belong to the sandbox. A
// lowest layer has them all, so an image that lacks one stays that way.
var mountPoints = [...]string{"proc", "sys", "dev", "run", "tmp"}

const noPowers = unix.MS_NOSUID | unix.MS_NODEV

// mountRoot mounts the overlay and what a program expects at dir.
func mountRoot(dir string, v view, inPlace []InPlace) error {
	if err := mountOverlay(dir, v.Layers); err != nil {
		return err
	}
	points := mountPoints[:]
	for _, m := range v.Mounts {
		points = append(points, m.Name)
	}
	for _, name := range points {
		// Mounting follows links, and an image can point them anywhere.
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("look at /%s: %w", name, err)
		} else if !info.IsDir() {
			return fmt.Errorf("/%s of the image is not a directory", name)
		}
	}
	// Root's /proc would let a program write the host's sysctls.
	if err := unix.Mount("proc", dir+"/proc", "proc", noPowers|unix.MS_NOEXEC|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount /proc: %w (a container may hide parts of the host's /proc, which forbids a fresh one; with podman or docker: --security-opt unmask=ALL or systempaths=unconfined)", err)
	}
	for _, m := range []struct {
		name, mode string
		flags      uintptr
	}{
		{"sys", "0555", unix.MS_RDONLY},
		{"dev", "0755", 0},
		{"run", "0755", 0},
		{"tmp", "1777", 0},
	} {
		if err := unix.Mount("tmpfs", filepath.Join(dir, m.name), "tmpfs", noPowers|m.flags, "mode="+m.mode); err != nil {
			return fmt.Errorf("mount /%s: %w", m.name, err)
		}
	}
	for _, m := range v.Mounts {
		if err := bind(m, filepath.Join(dir, m.Name)); err != nil {
			return fmt.Errorf("mount %s at /%s: %w", m.Source, m.Name, err)
		}
	}
	for _, p := range inPlace {
		if err := bind(Mount{Source: p.Source, ReadOnly: true}, filepath.Join(dir, p.Path)); err != nil {
			return fmt.Errorf("show %s as %s: %w", p.Source, p.Path, err)
		}
	}
	return devices(dir + "/dev")
}

// bind mounts a directory of the host. What the host's mount forbids stays
// forbidden: a user namespace may not take such a flag away.
func bind(m Mount, at string) error {
	if err := unix.Mount(m.Source, at, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		return err
	}
	flags := uintptr(noPowers)
	for _, f := range []struct{ st, ms uintptr }{
		{unix.ST_RDONLY, unix.MS_RDONLY}, {unix.ST_NOEXEC, unix.MS_NOEXEC}, {unix.ST_NOATIME, unix.MS_NOATIME},
		{unix.ST_NODIRATIME, unix.MS_NODIRATIME}, {unix.ST_RELATIME, unix.MS_RELATIME},
	} {
		if uintptr(st.Flags)&f.st != 0 {
			flags |= f.ms
		}
	}
	if m.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|flags, "")
}

// devices binds the harmless devices, which cannot be made in a user namespace.
func devices(dir string) error {
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, nil, 0o666); err != nil {
			return fmt.Errorf("make /dev/%s: %w", name, err)
		}
		if err := unix.Mount("/dev/"+name, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind /dev/%s: %w", name, err)
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("make /dev/%s: %w", name, err)
		}
	}
	return nil
}

// mountOverlay mounts layers at dir. Inside a user namespace overlayfs keeps
// its marks in user.overlay.* attributes (userxattr); volatile spares a sync
// of the host's filesystem, for nothing here outlives a crash.
func mountOverlay(dir, layers string) error {
	err := unix.Mount("overlay", dir, "overlay", noPowers, layers+",userxattr,index=off,volatile")
	if err != nil {
		return fmt.Errorf("mount overlay: %w", withHint(err))
	}
	return nil
}

// pivot makes dir the root and takes the host's root out of sight.
func pivot(dir string) error {
	err := os.Chdir(dir)
	if err == nil {
		// With both arguments the same, the old root is mounted over the new one.
		if err = unix.PivotRoot(".", "."); err == nil {
			err = unix.Unmount(".", unix.MNT_DETACH)
		}
	}
	if err == nil {
		err = os.Chdir("/")
	}
	if err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	return nil
}

// canBeUpper says whether dir's filesystem can hold an overlay's changes.
func canBeUpper(dir string) error {
	upper, work := filepath.Join(dir, "probe"), filepath.Join(dir, "probe-work")
	defer os.RemoveAll(upper)
	defer os.RemoveAll(work)
	if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755)); err != nil {
		return err
	}
	// Without such attributes overlayfs mounts, but loses replaced directories.
	if err := unix.Setxattr(upper, "user.bocaditos", []byte("y"), 0); err != nil {
		return fmt.Errorf("user extended attributes: %w", err)
	}
	if err := mountOverlay("root", "lowerdir=lower,upperdir="+upper+",workdir="+work); err != nil {
		return err
	}
	return unix.Unmount("root", unix.MNT_DETACH)
}
