// Command guest is the /sbin/init of the root that TestBoot boots: it tells
// what it finds, then switches the machine off.
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

func main() {
	out := os.Stdout
	if len(os.Args) > 1 && os.Args[1] == "serial" { // there is no console
		if f, err := os.OpenFile("/dev/ttyS0", os.O_WRONLY, 0); err == nil {
			out = f
		}
	}
	fmt.Fprintf(out, "guest: pid %d args %q env %q\n", os.Getpid(), os.Args, os.Environ())
	mounts, err := os.ReadFile("/proc/self/mounts")
	for _, m := range strings.Split(string(mounts), "\n") {
		if f := strings.Fields(m); len(f) > 3 {
			fmt.Fprintf(out, "guest: mount %s %s %s\n", f[1], f[2], strings.Split(f[3], ",")[0])
		}
	}
	var st syscall.Stat_t
	for fd := 0; fd <= 2; fd++ {
		err = syscall.Fstat(fd, &st)
		fmt.Fprintf(out, "guest: fd %d character device %t\n", fd, err == nil && st.Mode&syscall.S_IFMT == syscall.S_IFCHR)
	}
	data, err := os.ReadFile("/data")
	fmt.Fprintf(out, "guest: data %d bytes %v\n", len(data), err)
	syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}
