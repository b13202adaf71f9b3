package needs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/kernel/kerneltest"
	"github.com/bocaditos/bocaditos/kernel/needs"
)

// check returns the findings about one unit, as "level: symbols", with a kernel
// that has everything but the given options; "!NAME" is one that it should not have.
func check(t *testing.T, u needs.Unit, missing ...string) []string {
	t.Helper()
	var found []string
	for _, f := range needs.Check(full(t, missing...), needs.Image{Arch: "amd64", Units: []needs.Unit{u}}) {
		if slices.Contains(f.Who, u.Name) {
			found = append(found, fmt.Sprintf("%s: %s", f.Level, strings.Join(f.Symbols, ", ")))
		}
	}
	return found
}

// full is a configuration with everything but what is missing.
func full(t *testing.T, missing ...string) map[string]string {
	t.Helper()
	config := map[string]string{"LSM": `"lockdown,apparmor,tomoyo,bpf"`}
	for _, name := range needs.Symbols(t) {
		config[name] = "y"
	}
	for _, name := range []string{"SYSFS_DEPRECATED", "FW_LOADER_USER_HELPER", "FW_LOADER_USER_HELPER_FALLBACK", "RT_GROUP_SCHED", "UEVENT_HELPER_PATH"} {
		delete(config, name)
	}
	for _, name := range missing {
		switch on, wrong := strings.CutPrefix(name, "!"); {
		case wrong:
			config[on] = "y"
		case config[name] == "":
			t.Fatalf("%s is not known here: a test with it tests nothing", name)
		default:
			delete(config, name)
		}
	}
	return config
}

// unit makes a unit of lines; its name is the first one if that is no setting.
func unit(lines ...string) needs.Unit {
	u := needs.Unit{Name: "x.service"}
	if !strings.Contains(lines[0], "=") {
		u.Name, lines = lines[0], lines[1:]
	}
	for _, l := range lines {
		key, value, _ := strings.Cut(l, "=")
		u.Settings = append(u.Settings, needs.Setting{Key: key, Value: value})
	}
	return u
}

// settings are lines of units, what the kernel is to lack, and what is then
// found. Each line is also tried with a kernel that lacks nothing.
var settings = []struct{ line, missing, want string }{
	{"SystemCallFilter=@system-service", "SECCOMP_FILTER", "warning"},
	{"SystemCallFilter=@system-service", "SECCOMP", "warning"},
	{"SystemCallLog=@privileged", "SECCOMP_FILTER", "warning"},
	{"SystemCallArchitectures=native", "SECCOMP_FILTER", "warning"},
	{"RestrictAddressFamilies=none", "SECCOMP_FILTER", "warning"},
	{"RestrictNamespaces=~user", "SECCOMP_FILTER", "warning"},
	{"RestrictRealtime=yes", "SECCOMP_FILTER", "warning"},
	{"RestrictSUIDSGID=on", "SECCOMP_FILTER", "warning"},
	{"LockPersonality=true", "SECCOMP_FILTER", "warning"},
	{"ProtectHostname=yes", "SECCOMP_FILTER", "warning"},
	{"ProtectHostname=yes", "UTS_NS", "warning"},
	{"ProtectClock=yes", "SECCOMP_FILTER", "warning"},
	{"ProtectClock=yes", "CGROUP_BPF", "warning"},
	{"ProtectKernelLogs=yes", "SECCOMP_FILTER", "warning"},
	{"ProtectKernelModules=1", "SECCOMP_FILTER", "warning"},
	{"ProtectKernelTunables=yes", "SECCOMP_FILTER", "warning"},
	{"PrivateDevices=yes", "SECCOMP_FILTER", "warning"},
	{"PrivateDevices=yes", "CGROUP_BPF", "warning"},
	{"DynamicUser=yes", "SECCOMP_FILTER", "warning"},
	{"DynamicUser=yes", "MULTIUSER", "error"},

	{"PrivateNetwork=yes", "NET_NS", "warning"},
	{"NetworkNamespacePath=/run/netns/a", "NET_NS", "error"},
	{"PrivateIPC=yes", "IPC_NS", "warning"},
	{"PrivateIPC=yes", "POSIX_MQUEUE", "error"},
	{"IPCNamespacePath=/run/ipcns", "IPC_NS", "error"},
	{"IPCNamespacePath=/run/ipcns", "POSIX_MQUEUE", "error"},
	{"PrivateUsers=self", "USER_NS", "error"},
	{"PrivatePIDs=yes", "PID_NS", "warning"},

	{"User=nobody", "MULTIUSER", "error"},
	{"Group=nogroup", "MULTIUSER", "error"},
	{"SupplementaryGroups=tty", "MULTIUSER", "error"},
	{"CapabilityBoundingSet=CAP_CHOWN", "MULTIUSER", "error"},
	{"AmbientCapabilities=CAP_CHOWN", "MULTIUSER", "error"},

	{"DeviceAllow=/dev/null rw", "CGROUP_BPF", "warning"},
	{"DeviceAllow=/dev/null rw", "BPF_SYSCALL", "warning"},
	{"DevicePolicy=closed", "CGROUP_BPF", "warning"},
	{"IPAddressAllow=localhost", "CGROUP_BPF", "warning"},
	{"IPAddressDeny=any", "CGROUP_BPF", "warning"},
	{"IPIngressFilterPath=/sys/fs/bpf/a", "CGROUP_BPF", "warning"},
	{"IPEgressFilterPath=/sys/fs/bpf/a", "CGROUP_BPF", "warning"},
	{"IPAccounting=yes", "CGROUP_BPF", "note"},
	{"SocketBindAllow=80", "CGROUP_BPF", "warning"},
	{"SocketBindDeny=any", "CGROUP_BPF", "warning"},
	{"RestrictNetworkInterfaces=lo", "CGROUP_BPF", "warning"},
	{"BPFProgram=egress:/sys/fs/bpf/a", "CGROUP_BPF", "warning"},
	{"RestrictFileSystems=ext4", "BPF_LSM", "warning"},
	{"RestrictFileSystems=ext4", "DEBUG_INFO_BTF", "warning"},

	{"AppArmorProfile=x", "SECURITY_APPARMOR", "warning"},

	{"CPUWeight=idle", "FAIR_GROUP_SCHED", "warning"},
	{"StartupCPUWeight=10", "CGROUP_SCHED", "warning"},
	{"CPUQuota=20%", "CFS_BANDWIDTH", "warning"},
	{"CPUQuotaPeriodSec=10ms", "CFS_BANDWIDTH", "warning"},
	{"AllowedCPUs=0-3", "CPUSETS", "warning"},
	{"StartupAllowedCPUs=0-3", "CPUSETS", "warning"},
	{"AllowedMemoryNodes=0", "CPUSETS", "warning"},
	{"StartupAllowedMemoryNodes=0", "CPUSETS", "warning"},
	{"MemoryMin=1M", "MEMCG", "warning"},
	{"MemoryLow=1M", "MEMCG", "warning"},
	{"MemoryHigh=1G", "MEMCG", "warning"},
	{"MemoryMax=1G", "MEMCG", "warning"},
	{"StartupMemoryLow=1M", "MEMCG", "warning"},
	{"StartupMemoryHigh=1G", "MEMCG", "warning"},
	{"StartupMemoryMax=1G", "MEMCG", "warning"},
	{"DefaultMemoryMin=1M", "MEMCG", "warning"},
	{"DefaultMemoryLow=1M", "MEMCG", "warning"},
	{"MemorySwapMax=0", "SWAP", "warning"},
	{"StartupMemorySwapMax=0", "MEMCG", "warning"},
	{"MemoryZSwapMax=0", "ZSWAP", "warning"},
	{"StartupMemoryZSwapMax=0", "ZSWAP", "warning"},
	{"MemoryZSwapWriteback=no", "ZSWAP", "warning"},
	{"MemoryAccounting=yes", "MEMCG", "note"},
	{"TasksMax=10%", "CGROUP_PIDS", "warning"},
	{"TasksAccounting=yes", "CGROUP_PIDS", "note"},
	{"IOWeight=10", "BLK_CGROUP", "warning"},
	{"IOWeight=10", "BLK_CGROUP_IOCOST BFQ_GROUP_IOSCHED", "warning"},
	{"StartupIOWeight=10", "BLK_CGROUP", "warning"},
	{"IODeviceWeight=/dev/sda 10", "BLK_CGROUP", "warning"},
	{"IOReadBandwidthMax=/dev/sda 1M", "BLK_DEV_THROTTLING", "warning"},
	{"IOWriteBandwidthMax=/dev/sda 1M", "BLK_DEV_THROTTLING", "warning"},
	{"IOReadIOPSMax=/dev/sda 10", "BLK_DEV_THROTTLING", "warning"},
	{"IOWriteIOPSMax=/dev/sda 10", "BLK_DEV_THROTTLING", "warning"},
	{"IODeviceLatencyTargetSec=/dev/sda 25ms", "BLK_CGROUP_IOLATENCY", "warning"},
	{"IOAccounting=yes", "BLK_CGROUP", "note"},
	{"ManagedOOMSwap=kill", "PSI", "warning"},
	{"ManagedOOMMemoryPressure=kill", "MEMCG", "warning"},
	{"MemoryPressureWatch=on", "PSI", "note"},

	{"CPUSchedulingPolicy=fifo", "!RT_GROUP_SCHED", "error"},
	{"CPUSchedulingPolicy=rr", "!RT_GROUP_SCHED", "error"},
	{"CoredumpFilter=default", "ELF_CORE", "error"},
	{"IOSchedulingClass=idle", "BLOCK", "error"},
	{"IOSchedulingPriority=0", "BLOCK", "error"},
	{"NUMAPolicy=bind", "NUMA", "warning"},
	{"MemoryKSM=no", "KSM", "error"},
	{"KeyringMode=private", "KEYS", "warning"},

	{"RootImage=/a.raw", "BLK_DEV_LOOP", "error"},
	{"MountImages=/a.raw:/a", "BLK_DEV_LOOP", "error"},
	{"ExtensionImages=/a.raw", "BLK_DEV_LOOP", "error"},
	{"ExtensionImages=/a.raw", "OVERLAY_FS", "error"},
	{"ExtensionDirectories=/a", "OVERLAY_FS", "error"},
	{"RootVerity=/a.verity", "DM_VERITY", "error"},
	{"RootHash=0123", "DM_VERITY", "error"},
	{"RootHashSignature=/a.p7s", "DM_VERITY", "error"},
	{"RootHashSignature=/a.p7s", "DM_VERITY_VERIFY_ROOTHASH_SIG", "warning"},
	{"Options=ro,loop", "BLK_DEV_LOOP", "error"},
	{"Options=loop=/dev/loop3,ro", "BLK_DEV_LOOP", "error"},
	{"Options=ro,loophole", "BLK_DEV_LOOP", ""},

	{"ListenStream=80", "INET", "error"},
	{"ListenStream=127.0.0.1:80", "INET", "error"},
	{"ListenDatagram=514", "INET", "error"},
	{"ListenSequentialPacket=127.0.0.1:1", "INET", "error"},
	{"ListenStream=/run/x/80", "INET", ""},
	{"ListenStream=[::1]:80", "IPV6", "warning"},
	{"ListenStream=vsock::22", "VSOCKETS", "error"},
	{"ListenStream=vsock-seqpacket:2:22", "VSOCKETS", "error"},
	{"ListenMessageQueue=/q", "POSIX_MQUEUE", "error"},
	{"ListenNetlink=audit 1", "AUDIT", "error"},
	{"ListenNetlink=route 1361", "AUDIT", ""},
	{"ListenUSBFunction=/dev/ffs", "USB_F_FS", "error"},
	{"SocketProtocol=sctp", "IP_SCTP", "error"},

	// Nothing is asked for.
	{"PrivateNetwork=no", "NET_NS", ""},
	{"PrivateUsers=FALSE", "USER_NS", ""},
	{"RestrictNamespaces=no", "SECCOMP_FILTER", ""},
	{"MemoryMax=infinity", "MEMCG", ""},
	{"TasksMax=infinity", "CGROUP_PIDS", ""},
	{"DevicePolicy=auto", "CGROUP_BPF", ""},
	{"ManagedOOMSwap=auto", "PSI", ""},
	{"MemoryPressureWatch=auto", "PSI", ""},
	{"KeyringMode=inherit", "KEYS", ""},
	{"NUMAPolicy=default", "NUMA", ""},
	{"CPUSchedulingPolicy=batch", "!RT_GROUP_SCHED", ""},
	{"IOSchedulingClass=none", "BLOCK", ""},
	{"ProtectSystem=strict", "NET_NS", ""},
}

func TestSettings(t *testing.T) {
	for _, c := range settings {
		u := unit(c.line)
		if found := check(t, u); found != nil {
			t.Errorf("%s, nothing missing: %v", c.line, found)
		}
		missing := strings.Fields(c.missing)
		found := check(t, u, missing...)
		if c.want == "" && found == nil {
			continue
		}
		symbol := strings.Replace(strings.Join(missing, " or "), "!", "not ", 1)
		if len(found) != 1 || found[0] != c.want+": "+symbol {
			t.Errorf("%s without %s: got %q, want %q", c.line, c.missing, found, c.want)
		}
	}
}

// Each setting of settings.toml is in the table, and each of its tables is
// reached. Security modules other than that of full are in TestSecurityModules,
// units that are asked for as a whole in TestUnits.
func TestAllSettingsAreTried(t *testing.T) {
	tried := map[string]bool{"SELinuxContext": true, "SmackProcessLabel": true}
	in := needs.Image{Units: []needs.Unit{unit("SELinuxContext=x", "SmackProcessLabel=x"), unit("x.automount", "Where=/x"), unit("x.swap", "What=/x")}}
	for _, c := range settings {
		key, _, _ := strings.Cut(c.line, "=")
		tried[key] = tried[key] || c.want != ""
		in.Units = append(in.Units, unit(c.line))
	}
	keys, reasons := needs.Known()
	for _, key := range keys {
		if !tried[key] {
			t.Errorf("%s= is not tried", key)
		}
	}
	said := ""
	for _, f := range needs.Check(map[string]string{"RT_GROUP_SCHED": "y"}, in) {
		said += f.Why + "\n"
	}
	for _, why := range reasons {
		if !strings.Contains(said, why) {
			t.Errorf("nothing is found because of %q", why)
		}
	}
}

// Debian's kernels have all that images need, all of systemd's README, and all
// that units ask for but what is named here.
func TestDebian(t *testing.T) {
	for flavour, lacks := range map[string][]string{
		"cloud-amd64": {"error: USB_F_FS", "warning: BLK_CGROUP_IOLATENCY", "warning: ZSWAP"},
		"amd64":       {"warning: BLK_CGROUP_IOLATENCY", "note: not FW_LOADER_USER_HELPER"},
	} {
		dir, version := kerneltest.Debian(t, flavour)
		text, err := os.ReadFile(filepath.Join(dir, "boot/config-"+version))
		if err != nil {
			t.Fatal(err)
		}
		config := map[string]string{}
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				config[strings.TrimPrefix(key, "CONFIG_")] = value
			}
		}
		for _, state := range []string{"ext4", "btrfs"} {
			in := needs.Image{
				Arch: "amd64", Modules: true, State: state, StateTPM: true, Xattrs: []string{"security.capability", "system.posix_acl_access"},
				CommandLine: []string{"console=tty0", "console=ttyS0", "console=hvc0", "systemd.machine_id=firmware", "lockdown=integrity", "audit=1"},
			}
			for _, c := range settings {
				in.Units = append(in.Units, unit(c.line))
			}
			var got []string
			for _, f := range needs.Check(config, in) {
				got = append(got, f.Level.String()+": "+strings.Join(f.Symbols, ", "))
			}
			if !slices.Equal(got, lacks) {
				t.Errorf("%s, state on %s: got %q, want %q", version, state, got, lacks)
			}
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		what    string
		unit    needs.Unit
		missing []string
		want    []string
	}{
		{"the last line of a setting wins", unit("PrivateNetwork=yes", "PrivateNetwork=no"), []string{"NET_NS"}, nil},
		{"an empty line takes all back", unit("SystemCallFilter=@chown", "SystemCallFilter=", "X=y"), []string{"SECCOMP_FILTER"}, nil},
		{"all lines of a socket count", unit("x.socket", "ListenStream=[::1]:80", "ListenStream=/run/x"), []string{"IPV6"}, []string{"warning: IPV6"}},
		{"a mount's type", unit("x.mount", "Type=ext4"), []string{"EXT4_FS"}, []string{"error: EXT4_FS"}},
		{"alternatives of a type", unit("x.mount", "Type=ext2"), []string{"EXT2_FS"}, nil},
		{"no alternative of a type", unit("x.mount", "Type=ext2"), []string{"EXT2_FS", "EXT4_USE_FOR_EXT2"}, []string{"error: EXT2_FS or EXT4_USE_FOR_EXT2"}},
		{"a service's type is no filesystem", unit("Type=ext4"), []string{"EXT4_FS"}, nil},
		{"a type that is a program's", unit("x.mount", "Type=fuse.sshfs"), []string{"FUSE_FS"}, nil},
		{"an automount", unit("x.automount", "Where=/x"), []string{"AUTOFS_FS"}, []string{"warning: AUTOFS_FS"}},
		{"a swap", unit("x.swap", "What=/x"), []string{"SWAP"}, []string{"warning: SWAP"}},

		{"a condition", unit("ConditionPathExists=/sys/fs/fuse/connections"), []string{"FUSE_FS"}, []string{"note: FUSE_FS"}},
		{"a condition about what is below", unit("ConditionDirectoryNotEmpty=/sys/kernel/debug/x/"), []string{"DEBUG_FS"}, []string{"note: DEBUG_FS"}},
		{"a condition about a namesake", unit("ConditionPathExists=/sys/kernel/debugger"), []string{"DEBUG_FS"}, nil},
		{"a negated condition", unit("ConditionPathExists=!/dev/tty0"), []string{"VT"}, nil},
		{"a condition that is taken back, with all others", unit("ConditionPathExists=/dev/tty0", "ConditionSecurity="), []string{"VT"}, nil},
		{"an assertion", unit("AssertPathExists=/dev/tty0"), []string{"VT"}, []string{"warning: VT"}},
		{"security", unit("ConditionSecurity=apparmor"), []string{"SECURITY_APPARMOR"}, []string{"note: SECURITY_APPARMOR"}},
		{"the first of the exclusive modules", unit("ConditionSecurity=apparmor"), nil, nil},
		{"controllers", unit("ConditionControlGroupController=cpu memory"), []string{"MEMCG"}, []string{"note: MEMCG"}},
		{"a module", unit("ConditionKernelModuleLoaded=vhost-vsock"), []string{"VHOST_VSOCK"}, []string{"note: VHOST_VSOCK"}},
		{"a condition that the kernel does not decide", unit("ConditionVirtualization=vm"), []string{"KVM"}, nil},
		{"one of several triggers is possible", unit("ConditionPathExists=|/dev/tty0", "ConditionPathExists=|/etc/x"), []string{"VT"}, nil},
		{"no trigger is possible", unit("ConditionPathExists=|/dev/tty0", "ConditionSecurity=|ima"), []string{"VT", "IMA"}, []string{"note: IMA", "note: VT"}},
		{"a negated trigger", unit("ConditionPathExists=|!/dev/tty0", "ConditionSecurity=|ima"), []string{"VT", "IMA"}, nil},
		{"a unit that is skipped asks for nothing else", unit("ConditionPathExists=/dev/tty0", "PrivateUsers=yes"), []string{"VT", "USER_NS"}, []string{"note: VT"}},
		{"nor one whose assertion fails", unit("AssertPathExists=/dev/tty0", "PrivateUsers=yes"), []string{"VT", "USER_NS"}, []string{"warning: VT"}},
	} {
		if found := check(t, c.unit, c.missing...); !slices.Equal(found, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, found, c.want)
		}
	}
}

// The mount of an automount that is skipped is never asked for.
func TestMountOfSkippedAutomount(t *testing.T) {
	mount := unit("m.mount", "Type=binfmt_misc")
	automount := unit("m.automount", "ConditionPathExists=/proc/sys/fs/binfmt_misc/")
	var got []string
	for _, f := range needs.Check(full(t, "BINFMT_MISC"), needs.Image{Arch: "amd64", Units: []needs.Unit{automount, mount}}) {
		got = append(got, f.Level.String()+" "+f.String())
	}
	want := []string{"note BINFMT_MISC: ConditionPathExists=/proc/sys/fs/binfmt_misc/: unmet, and the unit is skipped (m.automount)"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if found := check(t, mount, "BINFMT_MISC"); len(found) != 1 || found[0] != "error: BINFMT_MISC" {
		t.Errorf("alone: %q", found)
	}
}

func TestSecurityModules(t *testing.T) {
	for _, c := range []struct {
		setting, list, commandLine string
		missing                    string
		want                       bool // it is found that the list lacks it
	}{
		{"AppArmorProfile=x", "lockdown,apparmor,selinux", "", "", false},
		{"AppArmorProfile=x", "selinux,apparmor", "", "", true}, // both are exclusive: only the first one runs
		{"AppArmorProfile=x", "selinux,apparmor", "", "SECURITY_SELINUX", false},
		{"AppArmorProfile=x", "lockdown,yama", "", "", true},
		{"AppArmorProfile=x", "lockdown,yama", "lsm=apparmor", "", false},
		{"AppArmorProfile=x", "apparmor", "lsm=yama", "", true},
		{"SELinuxContext=x", "selinux", "", "", false},
		{"SELinuxContext=x", "apparmor,selinux", "", "", true},
		{"SmackProcessLabel=x", "yama,smack", "", "", false},
		{"SmackProcessLabel=x", "yama", "", "", true},
		{"RestrictFileSystems=ext4", "apparmor,bpf", "", "", false},
		{"RestrictFileSystems=ext4", "apparmor", "", "", true},
		{"ConditionSecurity=tomoyo", "apparmor,tomoyo", "", "", false},
		{"ConditionPathExists=/sys/kernel/security/lockdown", "apparmor", "", "", true},
	} {
		config := full(t, strings.Fields(c.missing)...)
		config["LSM"] = `"` + c.list + `"`
		found := needs.Check(config, needs.Image{Arch: "amd64", CommandLine: strings.Fields("quiet " + c.commandLine), Units: []needs.Unit{unit(c.setting)}})
		if got := len(found) == 1 && strings.HasPrefix(found[0].Symbols[0], "LSM has "); got != c.want || len(found) > 1 {
			t.Errorf("%s with %s, %q: %v", c.setting, c.list, c.commandLine, found)
		}
	}
}

func TestImage(t *testing.T) {
	tpm := needs.Image{Arch: "amd64", State: "ext4", StateTPM: true}
	for _, c := range []struct {
		what    string
		image   needs.Image
		missing []string
		want    string
	}{
		{"all is there", needs.Image{Arch: "amd64", Modules: true}, nil, ""},
		{"no EROFS", needs.Image{Arch: "amd64"}, []string{"EROFS_FS"}, "error: EROFS_FS"},
		{"no dm-verity", needs.Image{Arch: "amd64"}, []string{"DM_VERITY"}, "error: DM_VERITY"},
		{"two for one reason", needs.Image{Arch: "amd64"}, []string{"EFI_STUB", "EFI"}, "error: EFI, EFI_STUB"},
		{"another machine", needs.Image{Arch: "amd64"}, []string{"X86_64"}, "error: X86_64"},
		{"the right machine", needs.Image{Arch: "arm64"}, []string{"X86_64"}, ""},
		{"no modules wanted", needs.Image{Arch: "amd64"}, []string{"MODULES"}, ""},
		{"no modules", needs.Image{Arch: "amd64", Modules: true}, []string{"MODULES"}, "error: MODULES"},
		{"a disk of another kind", needs.Image{Arch: "amd64"}, []string{"VIRTIO_BLK", "BLK_DEV_NVME"}, ""},
		{"state on ext4", needs.Image{Arch: "amd64", State: "ext4"}, []string{"EXT4_FS", "BTRFS_FS"}, "error: EXT4_FS"},
		{"state on Btrfs", needs.Image{Arch: "amd64", State: "btrfs"}, []string{"EXT4_FS", "BTRFS_FS"}, "error: BTRFS_FS"},
		{"no state", needs.Image{Arch: "amd64"}, []string{"EXT4_FS", "BTRFS_FS", "BLK_DEV_LOOP", "DM_CRYPT"}, ""},
		{"encrypted", tpm, []string{"CRYPTO_XTS"}, "error: CRYPTO_XTS"},
		{"one of the TPM's drivers", tpm, []string{"TCG_TIS"}, ""},
		{"none of the TPM's drivers", tpm, []string{"TCG_TIS", "TCG_CRB"}, "error: TCG_CRB or TCG_TIS"},
		{"capabilities", needs.Image{Arch: "amd64", Xattrs: []string{"security.capability"}}, []string{"EROFS_FS_SECURITY"}, "warning: EROFS_FS_SECURITY"},
		{"no capabilities", needs.Image{Arch: "amd64"}, []string{"EROFS_FS_SECURITY", "EROFS_FS_XATTR"}, ""},
		{"a console", needs.Image{Arch: "amd64", CommandLine: []string{"console=ttyS0,115200"}}, []string{"VT_CONSOLE", "SERIAL_8250_CONSOLE"}, "warning: SERIAL_8250_CONSOLE"},
		{"the README: required", needs.Image{Arch: "amd64"}, []string{"FHANDLE"}, "error: FHANDLE"},
		{"the README: recommended", needs.Image{Arch: "amd64"}, []string{"AUTOFS_FS"}, "warning: AUTOFS_FS"},
		{"the README: optional", needs.Image{Arch: "amd64"}, []string{"IPV6"}, "note: IPV6"},
		{"the README: not wanted", needs.Image{Arch: "amd64"}, []string{"!RT_GROUP_SCHED"}, "warning: not RT_GROUP_SCHED"},
	} {
		var got []string
		for _, f := range needs.Check(full(t, c.missing...), c.image) {
			got = append(got, f.Level.String()+": "+strings.Join(f.Symbols, ", "))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		name, value string
		modules     bool
		want        string
	}{
		{"EROFS_FS", "y", false, ""},
		{"EROFS_FS", "m", true, ""},
		{"EROFS_FS", "m", false, "EROFS_FS=y"},
		{"EROFS_FS", "n", true, "EROFS_FS"},
		{"FW_LOADER_USER_HELPER", "n", true, ""},
		{"FW_LOADER_USER_HELPER", "m", false, "not FW_LOADER_USER_HELPER"},
		{"UEVENT_HELPER_PATH", `""`, false, ""},
		{"UEVENT_HELPER_PATH", `"/sbin/hotplug"`, false, `UEVENT_HELPER_PATH=""`},
		{"TCG_CRB", "m", false, ""}, // TCG_TIS is there
	} {
		config := full(t)
		config[c.name] = c.value
		var got []string
		for _, f := range needs.Check(config, needs.Image{Arch: "amd64", Modules: c.modules, State: "ext4", StateTPM: true}) {
			got = append(got, f.Symbols...)
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s=%s, modules %t: got %q, want %q", c.name, c.value, c.modules, got, c.want)
		}
	}
}

// One thing that is missing is one finding, whoever asks for it and why.
func TestGrouping(t *testing.T) {
	in := needs.Image{Arch: "amd64"}
	for _, name := range []string{"e", "d", "c", "b", "a"} {
		in.Units = append(in.Units, unit(name+".service", "PrivateNetwork=yes", "User=x", "LockPersonality=yes", "PrivateDevices=yes"))
	}
	var got []string
	found := needs.Check(full(t, "NET_NS", "MULTIUSER", "SECCOMP", "SECCOMP_FILTER", "IPV6"), in)
	for _, f := range found {
		got = append(got, f.Level.String()+" "+f.String())
	}
	want := []string{
		"error MULTIUSER: User=: the unit fails: the kernel knows root only (a.service, b.service, c.service and 2 more)",
		"warning NET_NS: systemd's own services are to have no network: PrivateNetwork=; PrivateNetwork=: the unit has the machine's network (systemd, a.service, b.service and 3 more)",
		"warning SECCOMP, SECCOMP_FILTER: system call filters are not applied; LockPersonality=, PrivateDevices=: system calls are not filtered (systemd, a.service, b.service and 3 more)",
		"note IPV6: recommended by systemd: no IPv6 (systemd)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if who := found[0].Who; !slices.Equal(who, []string{"a.service", "b.service", "c.service", "d.service", "e.service"}) {
		t.Errorf("who: %v", who)
	}
}
