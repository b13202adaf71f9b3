package recipe

import (
	"fmt"
	"strings"
)

// starter is the smallest set of Debian packages that boots to a login prompt.
func starter() [][2]string {
	return [][2]string{
		{"base-files", "the directory layout, os-release"},
		{"systemd", ""},
		{"udev", ""},
		{"dbus-broker", ""},
		{"login", ""},
		{"util-linux", "agetty, mount"},
		{"kmod", ""},
		{"liblzma5", "for kmod: the modules are .ko.xz"},
		{"libc-bin", "ldconfig"},
		{"iproute2", ""},
		{"bash", ""},
		{"coreutils", ""},
		{"dash", "/bin/sh"},
	}
}

// Template is a commented recipe to start from, which reads as it is. Settings
// that are commented out have no space after the "#".
func Template(id ID, arch Arch) string {
	var install strings.Builder
	for _, p := range starter() {
		line := fmt.Sprintf("    %q,", p[0])
		if p[1] != "" {
			line = fmt.Sprintf("%-20s # %s", line, p[1])
		}
		install.WriteString(line + "\n")
	}
	console := map[Arch]string{X8664: "ttyS0", ARM64: "ttyAMA0"}[arch]
	return fmt.Sprintf(template, id, arch, install.String(), console)
}

const template = `# The recipe of an image. "bocaditos build" makes it, "bocaditos run" boots it.
# docs/image.toml.md explains every key. Lines such as "#key = value" show what
# else there is.

id = %q
version = "1"
architecture = %q

# Often wanted besides: systemd-resolved (names by DNS), openssh-server (and
# ssh.service in units.enable), sudo and libnss-myhostname, libpam-systemd,
# procps, less.
[packages]
source = "debian"
install = [
%s]
#strict = true # a maintainer script whose work nobody does is an error
#scripts_replaced = ["mosquitto"] # this recipe does what their scripts would

[debian]
release = "trixie"
#mirror = "https://mirror.example.org/debian"
#keyring = "keys/debian-archive-keyring.gpg"
#components = ["main", "non-free-firmware"]
#max_age_days = 30

[kernel]
#package = "linux-image-amd64"
command_line = ["console=tty0", "console=%s", "quiet", "systemd.show_status=true"]

# A kernel made for this image, without modules, instead of a package.
#[kernel.build]
#package = "linux-source" # or directory = "../linux", or tarball = "linux-6.12.tar.xz" and its sha256
#fragments = ["base", "systemd", "./my.config"] # bocaditos kernel fragments lists them
#options = ["EXT4_FS=n"]
#compiler = "gcc-13"
#tools = ["dwarves"]

# What machines are told about themselves; credentials at boot can say otherwise.
[system]
#hostname = "box"
#timezone = "Europe/Vienna" # needs the package tzdata
#locale = "de_AT.UTF-8" # needs the packages locales and gzip
#keymap = "de" # needs the packages kbd and console-data
#font = "Lat2-Terminus16"

# Who can log in. Without an entry for root, it is locked.
#[[users]]
#name = "ana"
#uid = 1000
#description = "Ana Ruiz"
#group = "users"
#groups = ["sudo"]
#home = "/home/ana"
#shell = "/bin/bash"
#password_hash = "$y$j9T$bocaditos......$qw13JDAo20J6KVRwRu5qVm58XnUuVsbf0YH1NobNAD." # by mkpasswd or openssl passwd -6
#authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICkKx2N5UaesqKCGSN0XaGFB1HHLdT514QWVGpAuK3nT ana@home"]
#system = false
#locked = false

#[[groups]]
#name = "deploy"
#gid = 2000

# Interfaces that do not just use DHCP; one [[networks]] for each.
#[[networks]]
#name = "en*" # or mac = "52:54:00:12:34:56"
#dhcp = false
#addresses = ["192.0.2.10/24"]
#gateways = ["192.0.2.1"]
#dns = ["192.0.2.53"] # needs the package systemd-resolved
#domains = ["example.org"]

# Units that start, or do not, in spite of what the packages say.
[units]
#enable = ["systemd-networkd.service"]
#disable = ["getty@.service"]
#mask = ["systemd-firstboot.service"]

# Extra files; one [[files]] for each.
[[files]]
path = "/etc/motd"
content = "Built with Bocaditos\n"
#mode = "0644"
#uid = 0
#gid = 0
#replace = true
#capabilities = ["cap_net_raw"]

#[[files]]
#path = "/etc/localtime"
#symlink = "../usr/share/zoneinfo/UTC"

# The root filesystem: read-only and verified.
[root]
format = "erofs"
exclude = [
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian",
    "/usr/share/locale/*",
    "/usr/share/man/*",
]
#keep = ["/usr/lib/udev/hwdb.d"] # of what is left out of every image

# A partition for what outlives a boot, mounted at /var; without it /var is in
# memory. It needs the packages systemd-repart and e2fsprogs.
#[state]
#size = "1G"
#max_size = "100G"
#format = "ext4" # or "btrfs"
#encrypt = "tpm"

[boot]
form = "partitions"
on_corruption = "reboot" # or "halt"

[initrd]
#modules = ["virtio_scsi"]

[output]
directory = "out"
#kinds = ["disk", "uki"]

# A build that exceeds a limit fails and says what fills it.
[budget]
root = "200M"
#initrd = "2M"
#uki = "20M"
`
