package nixtest

import "strings"

// What tests/nix/pkgs imports, by the names of Debian's packages; libraries come
// by dependency.
var image = strings.Fields(`
	bash busybox-static ca-certificates coreutils dbus-broker dbus-session-bus-common dbus-system-bus-common
	e2fsprogs fdisk findutils gawk grep gzip hostname iproute2 iputils-ping kmod less libc-bin libc6
	libpam-modules libpam0g libsystemd0 libudev1 linux-image-cloud-amd64 login login.defs mount netbase nginx
	openssh-client openssh-server openssh-sftp-server openssl passwd procps sed strace tar tzdata
	bsdextrautils bsdutils util-linux util-linux-extra xz-utils zstd`)

// What compiles the rest, and a kernel.
var toolchain = strings.Fields(`
	autoconf automake autopoint bash bc binutils bison bzip2 coreutils cpio diffutils file findutils flex gawk gcc
	gettext gperf grep gzip kmod libacl1-dev libaudit-dev libblkid-dev libc-bin libc6-dev libcap-dev libcrypt-dev
	libdw-dev libelf-dev libexpat1-dev libfdisk-dev libkmod-dev liblz4-dev liblzma-dev libmount-dev libpam0g-dev
	libseccomp-dev libselinux1-dev libssl-dev libsystemd-dev systemd-dev libtool libzstd-dev lz4 m4 make meson ninja-build patch patchelf perl
	pkgconf python3 python3-jinja2 python3-pyelftools sed tar xz-utils zstd`)

// Source packages.
var sources = []string{"dbus-broker", "kbd", "kmod", "pam", "systemd"}
