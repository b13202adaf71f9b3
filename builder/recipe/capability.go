package recipe

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Capability is one of capabilities(7), such as "cap_net_raw".
type Capability string

// capabilities are the kernel's, in the order of their numbers.
var capabilities = strings.Fields(`
	chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast
	net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice
	sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm
	block_suspend audit_read perfmon bpf checkpoint_restore`)

func (Capability) Enum() []string {
	names := make([]string, len(capabilities))
	for i, name := range capabilities {
		names[i] = "cap_" + name
	}
	return names
}

// FileCapabilities is the value of the attribute security.capability that gives
// the capabilities to whoever runs a file: permitted and effective, version 2
// of the format (struct vfs_cap_data of linux/capability.h).
func FileCapabilities(list []Capability) string {
	const version2, effective = 0x02000000, 1
	var bits uint64
	for _, c := range list {
		i := slices.Index(capabilities, strings.TrimPrefix(string(c), "cap_"))
		if i < 0 {
			panic(fmt.Sprintf("capability %q was not checked", c))
		}
		bits |= 1 << i
	}
	var b []byte
	for _, word := range []uint32{version2 | effective, uint32(bits), 0, uint32(bits >> 32), 0} {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return string(b)
}
