// Command init is PID 1 of a Bocaditos initrd: it finds the root's partitions,
// opens dm-verity with the root hash that lies in the initrd, mounts EROFS and
// starts the real init. Formats followed: the UEFI GPT, the UAPI Group's
// Discoverable Partitions Specification, dm-verity's superblock version 1.
//
// All it acts on comes from inside the initrd, which is measured and signed
// together with the kernel. The kernel command line is not read at all: root=,
// rootfstype=, rootflags=, rootwait, ro, rw, rd.* and systemd.verity_* have no
// effect (the kernel itself ignores init= when there is an initrd). There is no
// shell and no way to go on without verification: what cannot be verified
// reboots or halts the machine.
//
// It uses the standard library only and avoids fmt, because its size is part
// of every image. One file a step.
package main

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// failureDelay is how long the cause of a failure stays on the screen before
// a reboot clears it.
const failureDelay = 5 * time.Second

func main() {
	if os.Getpid() != 1 {
		os.Stderr.WriteString("this is the init of an initrd; it only runs as process 1\n")
		os.Exit(1)
	}
	halt := false // an initrd whose settings cannot be read reboots, so that boot counting can choose another image
	give := func(err error) { fail(err, halt) }
	defer func() {
		// The end of process 1 is a kernel panic, which waits for ever.
		if recover() != nil {
			give(errors.New("internal error"))
		}
	}()
	give(boot(&halt))
}

// boot returns only when it failed. halt says, once it is known, whether a
// failure shall halt the machine.
func boot(halt *bool) error {
	if err := mountAPI(); err != nil {
		return err
	}
	keepStdio()
	text, err := os.ReadFile("/etc/bocaditos/root")
	if err != nil {
		return wrap("read settings", err)
	}
	r, err := parseRoot(string(text))
	if err != nil {
		return wrap("read settings", err)
	}
	*halt = r.halt
	if err := loadModules("/etc/bocaditos/modules"); err != nil {
		return err
	}
	found, err := waitForDisk(r)
	if err != nil {
		return wrap("find root", err)
	}
	say("root hash " + encodeHex(r.hash) + " on /dev/" + found.data.name + ", verity on /dev/" + found.hash.name)
	if err := checkSuperblock("/dev/"+found.hash.name, r.superblock); err != nil {
		return wrap("check verity superblock of /dev/"+found.hash.name, err)
	}
	node, err := openVerity(r, found.data.number, found.hash.number)
	if err != nil {
		return wrap("open verity of /dev/"+found.data.name, err)
	}
	if err := mountRoot(node, r.next); err != nil {
		return err
	}
	if err := linkModules(r.modules); err != nil {
		return wrap("link the kernel's modules", err)
	}
	say("root mounted from " + node + ", starting " + r.next)
	return switchRoot(r.next)
}

// fail says why the boot ended, then ends it.
func fail(err error, halt bool) {
	complain(err.Error())
	syscall.Sync()
	how := syscall.LINUX_REBOOT_CMD_RESTART
	if halt {
		how = syscall.LINUX_REBOOT_CMD_HALT
		complain("halting")
	} else {
		complain("rebooting in " + failureDelay.String())
		time.Sleep(failureDelay)
	}
	complain("cannot reboot or halt: " + syscall.Reboot(how).Error())
	for {
		time.Sleep(time.Hour)
	}
}

// A stepError says what was being done when err happened.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

func wrap(step string, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{step, err}
}
