package qemu

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// probeTime is how long the tiny guest may take. Where KVM works it needs a
// few tenths of a second.
const probeTime = 3 * time.Second

// probe is a guest of a few bytes that ends QEMU with a status of its own.
type probe struct {
	program func() []byte
	args    []string
	status  int
}

// multibootProbe is started by the firmware, after that has used interrupts,
// timers, devices and both modes of the processor. Where nested KVM only
// half works, a program in place of the firmware would not have noticed.
var multibootProbe = probe{
	program: func() []byte {
		const base, magic, addresses = 0x100000, 0x1BADB002, 1 << 16
		negative := ^uint32(magic+addresses) + 1
		header := []uint32{magic, addresses, negative, base, base, 0, 0, base + 32}
		var b bytes.Buffer
		binary.Write(&b, binary.LittleEndian, header)
		b.Write([]byte{
			0x66, 0xba, 0xf4, 0x00, // mov $0xf4, %dx
			0xb0, 0x10, // mov $0x10, %al
			0xee,       // out %al, (%dx)
			0xfa, 0xf4, // cli; hlt
		})
		return b.Bytes()
	},
	args:   []string{"-device", "isa-debug-exit,iobase=0xf4,iosize=1"},
	status: 0x10<<1 | 1, // as the device computes it
}

// psciProbe switches the machine off.
var psciProbe = probe{
	program: func() []byte {
		var b bytes.Buffer
		binary.Write(&b, binary.LittleEndian, []uint32{
			0x52800100, // mov  w0, #0x8
			0x72b08000, // movk w0, #0x8400, lsl #16: PSCI SYSTEM_OFF
			0xd4000002, // hvc  #0
			0x14000000, // b    .
		})
		b.Write(make([]byte, 64)) // QEMU looks for a header there
		return b.Bytes()
	},
}

func (p probe) kvm(ctx context.Context, a arch, binary string) (Accel, error) {
	start := time.Now()
	status, err := p.run(ctx, a, binary, KVM)
	switch {
	case ctx.Err() != nil:
		return Accel{}, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return Accel{TCG, fmt.Sprintf("/dev/kvm opens, but a tiny guest hung in it for %s, as happens inside some virtual machines", probeTime)}, nil
	case status != p.status:
		return Accel{TCG, "/dev/kvm opens, but a tiny guest failed in it: " + firstLine(err)}, nil
	}
	return Accel{KVM, fmt.Sprintf("a tiny guest ran in it within %s", time.Since(start).Round(time.Millisecond))}, nil
}

// firstLine is where QEMU says what happened; the rest is for its authors.
func firstLine(err error) string {
	if err == nil {
		return "it did something else than it should"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// run starts the guest and returns QEMU's exit status and what explains it.
func (p probe) run(ctx context.Context, a arch, binary, accel string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	c := &command{}
	defer c.close()
	kernel, err := c.memory(p.program())
	if err != nil {
		return -1, err
	}
	c.add("-nodefaults", "-no-user-config", "-display", "none", "-machine", a.machine,
		"-accel", accel, "-cpu", a.cpu(accel), "-m", "64M", "-kernel", kernel)
	c.add(p.args...)
	q := newProcess(ctx, binary, c)
	q.cmd.Args = append(q.cmd.Args, c.args...)
	q.cmd.Cancel = func() error { return q.cmd.Process.Kill() } // a hung guest cannot end in order
	if err := q.start(); err != nil {
		return -1, err
	}
	err = q.wait()
	if ctx.Err() != nil {
		return -1, ctx.Err()
	}
	return q.cmd.ProcessState.ExitCode(), err
}
