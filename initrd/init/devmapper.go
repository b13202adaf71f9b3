package main

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// From the kernel's include/uapi/linux/dm-ioctl.h: struct dm_ioctl has 312
// bytes, struct dm_target_spec 40; request n is _IOWR(0xfd, n, struct dm_ioctl).
const (
	dmHeader     = 312
	dmSpec       = 40
	dmRequest    = 3<<30 | dmHeader<<16 | 0xfd<<8
	dmDevCreate  = dmRequest | 3
	dmDevSuspend = dmRequest | 6 // without the suspend flag: resume
	dmTableLoad  = dmRequest | 9

	dmReadonly = 1 << 0
)

// openVerity makes the verified device and returns its node.
func openVerity(r root, dataDev, hashDev string) (string, error) {
	s, err := parseSuperblock(r.superblock)
	if err != nil {
		return "", err
	}
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer control.Close()
	// cryptsetup's form of the UUID lets "veritysetup status" and udev's rules know the device for what it is.
	created, err := dm(control, dmDevCreate, dmArgs(r.name, "CRYPT-VERITY-"+s.uuid+"-"+r.name, 0, nil))
	if err != nil {
		return "", wrap("create device-mapper device "+r.name, err)
	}
	target := dmTarget("verity", s.sectors(), s.table(r.hash, dataDev, hashDev, r.halt))
	if _, err := dm(control, dmTableLoad, dmArgs(r.name, "", dmReadonly, target)); err != nil {
		return "", wrap("load verity table", err)
	}
	if _, err := dm(control, dmDevSuspend, dmArgs(r.name, "", 0, nil)); err != nil {
		return "", wrap("activate", err)
	}
	dev := binary.NativeEndian.Uint64(created[40:])
	minor := dev&0xff | dev>>12&^0xff
	node := "/dev/dm-" + strconv.FormatUint(minor, 10)
	return node, waitForNode(node)
}

func dm(control *os.File, request uintptr, args []byte) ([]byte, error) {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), request, uintptr(unsafe.Pointer(&args[0])))
	if errno != 0 {
		return nil, errno
	}
	return args, nil
}

// dmArgs is a struct dm_ioctl with data behind it.
func dmArgs(name, uuid string, flags uint32, data []byte) []byte {
	ne := binary.NativeEndian
	b := make([]byte, dmHeader+len(data))
	ne.PutUint32(b[0:], 4) // interface version 4.0.0
	ne.PutUint32(b[12:], uint32(len(b)))
	ne.PutUint32(b[16:], dmHeader)
	if data != nil {
		ne.PutUint32(b[20:], 1) // number of targets
	}
	ne.PutUint32(b[28:], flags)
	copy(b[48:48+127], name)
	copy(b[176:176+128], uuid)
	copy(b[dmHeader:], data)
	return b
}

// dmTarget is a struct dm_target_spec for the whole device and its arguments.
func dmTarget(kind string, sectors uint64, table string) []byte {
	size := (dmSpec + len(table) + 1 + 7) &^ 7
	b := make([]byte, size)
	binary.NativeEndian.PutUint64(b[8:], sectors)
	binary.NativeEndian.PutUint32(b[20:], uint32(size))
	copy(b[24:dmSpec], kind)
	copy(b[dmSpec:], table)
	return b
}

func waitForNode(node string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(pollInterval) {
		_, err := os.Stat(node)
		if err == nil || !errors.Is(err, os.ErrNotExist) || time.Now().After(deadline) {
			return err
		}
	}
}
