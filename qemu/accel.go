package qemu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Accel is an accelerator and, for people, why it is the one to use.
type Accel struct {
	Name string // KVM or TCG
	Why  string
}

// Probe finds out whether machines of arch run under KVM here. An open
// /dev/kvm does not tell: some hosts have one in which guests hang. So a tiny
// guest is run, and the answer is remembered in cacheDir until the host
// reboots or its QEMU changes.
func Probe(ctx context.Context, arch, cacheDir string) (Accel, error) {
	a, binary, err := findBinary(arch)
	if err != nil {
		return Accel{}, fmt.Errorf("choose an accelerator: %w", err)
	}
	if arch != runtime.GOARCH {
		return Accel{TCG, fmt.Sprintf("a machine of %s has to be emulated on %s", arch, runtime.GOARCH)}, nil
	}
	if why := kvmClosed("/dev/kvm"); why != "" {
		return Accel{TCG, why}, nil
	}
	file := filepath.Join(cacheDir, "accel-"+arch+".json")
	key, err := hostKey(binary)
	if err != nil {
		return Accel{}, fmt.Errorf("choose an accelerator: %w", err)
	}
	if accel, ok := recall(file, key); ok {
		return accel, nil
	}
	accel, err := a.probe.kvm(ctx, a, binary)
	if err == nil {
		err = remember(file, key, accel)
	}
	if err != nil {
		return Accel{}, fmt.Errorf("choose an accelerator: %w", err)
	}
	return accel, nil
}

// kvmClosed says why the device cannot be opened, empty if it can.
func kvmClosed(device string) string {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	switch {
	case err == nil:
		f.Close()
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return device + " does not exist: virtualisation is switched off in the host's firmware or not offered by its hypervisor, or the module kvm is not loaded"
	case errors.Is(err, fs.ErrPermission):
		return "no permission to open " + device + ": the user is not in the group kvm"
	}
	return err.Error()
}

// hostKey names everything that the answer depends on.
func hostKey(qemu string) (string, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "", err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	q, err := os.Stat(qemu)
	if err != nil {
		return "", err
	}
	kvm, err := os.Stat("/dev/kvm")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %s %d %s %s", unix.ByteSliceToString(uts.Release[:]), bytes.TrimSpace(boot),
		qemu, q.Size(), q.ModTime().UTC(), kvm.ModTime().UTC()), nil
}

type answer struct {
	Key string
	Accel
}

func recall(file, key string) (Accel, bool) {
	var m answer
	data, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(data, &m) != nil || m.Key != key {
		return Accel{}, false
	}
	return m.Accel, true
}

func remember(file, key string, accel Accel) error {
	data, err := json.Marshal(answer{key, accel})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".accel-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails after the rename
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Close()
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
