package main

import (
	"os"
	"syscall"
)

// switchRoot makes the mounted root the root of everything and starts next in
// it. It returns only when it failed.
func switchRoot(next string) error {
	for _, m := range apiMounts {
		if err := syscall.Mount(m.target, sysroot+m.target, "", syscall.MS_MOVE, ""); err != nil {
			return wrap("move "+m.target+" into the root", err)
		}
	}
	deleteInitrd()
	if err := os.Chdir(sysroot); err != nil {
		return wrap("switch root", err)
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return wrap("switch root", err)
	}
	if err := syscall.Chroot("."); err != nil {
		return wrap("switch root", err)
	}
	if err := os.Chdir("/"); err != nil {
		return wrap("switch root", err)
	}
	// Arguments and environment go on as the kernel gave them: unknown words of its command line.
	argv := append([]string{next}, os.Args[1:]...)
	return wrap("start "+next, syscall.Exec(next, argv, os.Environ()))
}

// deleteInitrd frees the memory that the initrd's files take. Nothing is
// mounted any more below "/" but the new root.
func deleteInitrd() {
	entries, _ := os.ReadDir("/")
	for _, e := range entries {
		if "/"+e.Name() != sysroot {
			os.RemoveAll("/" + e.Name())
		}
	}
}
