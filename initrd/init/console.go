package main

import (
	"os"
	"syscall"
)

// Priorities of /dev/kmsg: facility daemon (3<<3) and a level. The level of
// complaints is below the limit of "quiet", so they always reach the console.
const (
	info = "<30>"
	crit = "<26>"
)

// say reports a milestone through the kernel log, which puts a time stamp on
// it, shows it on the console and hands it on to the journal.
func say(msg string) { log(info, msg) }

// complain reports what is going wrong.
func complain(msg string) { log(crit, msg) }

func log(priority, msg string) {
	// Opened each time: the kernel limits the rate of an open file, not of a process.
	f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(priority + "bocaditos: " + msg + "\n")
		f.Close()
	}
	if err != nil {
		os.Stderr.WriteString("bocaditos: " + msg + "\n")
	}
}

// keepStdio makes sure that the next init gets devices as its standard files.
// The kernel opens /dev/console for them; on a machine without a console Go's
// runtime opened the plain file /dev/null that the initrd brings for it.
func keepStdio() {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer null.Close()
	for fd := 0; fd <= 2; fd++ {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFCHR {
			syscall.Dup3(int(null.Fd()), fd, 0)
		}
	}
}
