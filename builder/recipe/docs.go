package recipe

import "github.com/bocaditos/bocaditos/internal/stricttoml"

// docs has what the reference and the schema say about each key. Types,
// defaults and allowed values are not repeated here: they come from the types.
func docs() stricttoml.Docs {
	return stricttoml.Docs{
		"": {Text: "A recipe of Bocaditos: what a Linux image is made of and how it boots."},

		"id": {
			Text:    "Name of the image. It becomes `IMAGE_ID=` in os-release and the first part of file and partition names.",
			Example: `"hello"`,
		},
		"version": {
			Text:    "Version of the image, ordered as the UAPI Version Format Specification says. It becomes `IMAGE_VERSION=` in os-release and the second part of file and partition names.",
			Example: `"1.0.2"`,
		},
		"architecture": {
			Text:    "CPU architecture of the image.",
			Example: `"x86-64"`,
			Default: "that of the host",
		},

		"packages": {Text: "What is installed. Dependencies come along; recommended packages do not."},
		"packages.source": {
			Text:    "Where packages come from: Debian's archive, or nixpkgs by Nix ([nix.md](nix.md)).",
			Example: `"debian"`,
		},
		"packages.install": {
			Text:    "Packages to install, by name; with Nix, attributes of the package set, each with the outputs that Nix would install or the one that is named. The exact versions are kept in the lock file beside the recipe. The order means nothing.",
			Example: `["systemd", "udev", "dbus-broker"]`,
		},
		"packages.strict": {
			Text:    "Whether a maintainer script whose work nobody does is an error. Else it is a warning. `bocaditos scripts` lists the scripts; [scripts.md](scripts.md) says how each is judged.",
			Example: `true`,
		},
		"packages.scripts_replaced": {
			Text:    "Packages whose unknown maintainer scripts cause no warning and no error, because the recipe does what the image needs of them.",
			Example: `["mosquitto"]`,
			Default: "none",
		},

		"debian": {Text: "Which Debian, when `packages.source` is `\"debian\"`."},
		"debian.release": {
			Text:    "Code name or suite of the release.",
			Example: `"trixie"`,
		},
		"debian.mirror": {
			Text:    "Mirror to fetch from: an `http:`, `https:` or `file:` URL.",
			Example: `"https://mirror.example.org/debian"`,
			Default: "the mirror of the host's apt",
		},
		"debian.keyring": {
			Text:    "OpenPGP keyring that the archive's signature is checked against, relative to the recipe or absolute.",
			Example: `"keys/debian-archive-keyring.gpg"`,
			Default: "the host's keyring of Debian's archive",
		},
		"debian.components": {
			Text:    "Components of the archive to take packages from.",
			Example: `["main", "non-free-firmware"]`,
		},
		"debian.max_age_days": {
			Text:    "How old the archive's signed index may be. It protects against a mirror that holds updates back where the archive itself sets no expiry date. Raise it for releases that are no longer updated.",
			Example: `30`,
		},

		"nix": {Text: "Which package set, when `packages.source` is `\"nix\"`. [nix.md](nix.md) explains how packages become an image."},
		"nix.nixpkgs": {
			Text:    "The package set: a path to nixpkgs or to an expression that gives a package set like it, relative to the recipe or absolute; `<NAME>` of the Nix search path; or a flake reference.",
			Example: `"./nixpkgs"`,
			Default: "`\"<nixpkgs>\"`, the user's channel",
		},
		"nix.overlays": {
			Text:    "Files with overlays, applied in this order after that of Bocaditos.",
			Example: `["./overlay.nix"]`,
			Default: "none",
		},
		"nix.allow_unfree": {
			Text:    "Whether packages with an unfree license may be installed.",
			Example: `true`,
		},
		"nix.allow_broken": {
			Text:    "Whether packages that are marked as broken may be installed.",
			Example: `true`,
		},
		"nix.allow_unsupported": {
			Text:    "Whether packages may be installed that are not meant for the architecture.",
			Example: `true`,
		},
		"nix.permit_insecure": {
			Text:    "Packages with known vulnerabilities that may be installed all the same, by name and version as nixpkgs prints them.",
			Example: `["openssl-1.1.1w"]`,
			Default: "none",
		},
		"nix.store": {
			Text:    "The Nix store to build in and read from, as `nix --store` takes it, such as `daemon` or the directory of a chroot store.",
			Example: `"/srv/nix-root"`,
			Default: "that of the user's Nix",
		},
		"nix.caches": {
			Text:    "Binary caches to fetch locked packages from when no local store has them: `http:`, `https:` or `file:` URLs, or directories. The lock remembers the caches that had a package, too.",
			Example: `["https://cache.example.org"]`,
			Default: "none",
		},
		"nix.trusted_keys": {
			Text:    "Public keys, one of which must have signed what comes from a cache. With Nix installed, those of nix.conf count as well.",
			Example: `["cache.example.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]`,
			Default: "none",
		},

		"kernel": {Text: "The kernel, and what it is told at boot."},
		"kernel.package": {
			Text:    "Package with the kernel and its modules.",
			Example: `"linux-image-amd64"`,
			Default: "`\"linux-image-cloud-amd64\"` or `\"linux-image-cloud-arm64\"`, by architecture; with Nix `\"linuxPackages.kernel\"`",
		},
		"kernel.command_line": {
			Text:    "Kernel parameters, one an element, in this order. They are part of the signed and measured kernel image. The parameters that open the root are not needed here.",
			Example: `["console=ttyS0", "quiet"]`,
		},

		"kernel.build": {Text: "A kernel made for this image: without modules, with nothing in it that no fragment asks for. [kernel.md](kernel.md) tells how. The table may be empty, which is Debian's source with all fragments for the architecture."},
		"kernel.build.package": {
			Text:    "Package with the source, as `/usr/src/linux-source-VERSION.tar.xz`. Exactly one of `package`, `directory` and `tarball` is given.",
			Example: `"linux-source-6.12"`,
			Default: "`\"linux-source\"`, without `directory` and `tarball`",
		},
		"kernel.build.directory": {
			Text:    "Directory with the source, relative to the recipe or absolute. It is only read, and must be clean (`make mrproper`).",
			Example: `"../linux"`,
			Default: "none",
		},
		"kernel.build.tarball": {
			Text:    "Tar archive with the source (plain, or `.xz`, `.gz`, `.zst`): a path, relative to the recipe or absolute, or an `https:`, `http:` or `file:` URL.",
			Example: `"linux-6.12.30.tar.xz"`,
			Default: "none",
		},
		"kernel.build.sha256": {
			Text:    "SHA-256 of the tarball. Other bytes are refused.",
			Example: `"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"`,
			Default: "none",
		},
		"kernel.build.fragments": {
			Text:    "What is configured: fragments that Bocaditos ships, by name (`bocaditos kernel fragments` lists them), and your own, by path. With `base` comes the architecture's own, `x86-64` or `arm64`. Two that disagree about a symbol are an error.",
			Example: `["base", "systemd", "x86-64", "virtio", "erofs", "dm-verity", "efi", "./my.config"]`,
			Default: "all that are shipped for the architecture, but `debug`",
		},
		"kernel.build.options": {
			Text:    "Single options. They have the last word over fragments. One that does not end up as it is asked for is an error that says why.",
			Example: `["EXT4_FS=n", "NR_CPUS=8", 'LOCALVERSION="-box"']`,
			Default: "none",
		},
		"kernel.build.compiler": {
			Text:    "Package of the C compiler. It and the other tools are part of the lock and run in the sandbox, so the host needs none, and the kernel does not depend on the host.",
			Example: `"gcc-13"`,
			Default: "`\"gcc\"`",
		},
		"kernel.build.tools": {
			Text:    "Packages that building needs beyond the usual ones.",
			Example: `["dwarves"]`,
			Default: "none",
		},

		"system": {Text: "What machines of this image are told about themselves. Credentials at boot can say otherwise for a single machine."},
		"system.hostname": {
			Text:    "Name of the machine where neither a credential (`system.hostname`) nor the network gives it one. A file `/etc/hostname` would rule those out.",
			Example: `"web"`,
			Default: "the image's `id`, with `-` for `.` and `_`",
		},
		"system.timezone": {
			Text:    "Time zone. The image needs it, too: in Debian the package `tzdata`.",
			Example: `"Europe/Vienna"`,
			Default: "UTC",
		},
		"system.locale": {
			Text:    "Language of messages and formats of dates and numbers, `LANG` of locale.conf(5). Where the image has the sources of it (in Debian the packages `locales` and `gzip`) it is compiled at build.",
			Example: `"de_AT.UTF-8"`,
			Default: "`\"C.UTF-8\"`",
		},
		"system.keymap": {
			Text:    "Keyboard of the virtual consoles, `KEYMAP` of vconsole.conf(5). In Debian the package `console-data` has keymaps, `kbd` the tool, and `gzip` unpacks them.",
			Example: `"de"`,
			Default: "the kernel's, which is for US keyboards",
		},
		"system.font": {
			Text:    "Font of the virtual consoles, `FONT` of vconsole.conf(5). In Debian the packages `console-data` and `console-setup-linux` have fonts; `kbd` and `gzip` as for `keymap`.",
			Example: `"Lat2-Terminus16"`,
			Default: "the kernel's",
		},

		"users": {Text: "Users beyond those that packages make, and what `root` gets. systemd-sysusers makes them at build. Homes in `/home` are in `/var/home`, made at boot from `/etc/skel` where they are missing."},
		"users.name": {
			Text:    "Name of the user. `\"root\"` is in every image, is locked and cannot log in, unless `password_hash` or `authorized_keys` say otherwise.",
			Example: `"ana"`,
		},
		"users.uid": {
			Text:    "Number of the user, from 1000 for people.",
			Example: `1000`,
			Default: "`1000` for a single person, none for several; for system users systemd-sysusers chooses one",
		},
		"users.description": {
			Text:    "Full name, or what the user is for.",
			Example: `"Ana Ruiz"`,
		},
		"users.group": {
			Text:    "First group of the user, which must be in the image.",
			Example: `"users"`,
			Default: "a group of the same name and number, which is made",
		},
		"users.groups": {
			Text:    "More groups, which must be in the image. `sudo` is for those who may become root.",
			Example: `["sudo", "systemd-journal"]`,
		},
		"users.home": {
			Text:    "Home directory.",
			Example: `"/home/ana"`,
			Default: "`/home/NAME` for people, none for system users",
		},
		"users.shell": {
			Text:    "Login shell, which must be in the image.",
			Example: `"/bin/bash"`,
			Default: "`/bin/bash` or else `/bin/sh` for people, none for system users",
		},
		"users.password_hash": {
			Text:    "Hash of the password, as `mkpasswd` or `openssl passwd -6` makes it. Whoever has the image can try to guess the password. Without a hash no password lets the user in.",
			Example: `"$y$j9T$bocaditos......$qw13JDAo20J6KVRwRu5qVm58XnUuVsbf0YH1NobNAD."`,
		},
		"users.authorized_keys": {
			Text:    "SSH public keys that log the user in. They are part of the verified root, in `/etc/ssh/authorized_keys.d`; users can add keys of their own in `~/.ssh/authorized_keys`.",
			Example: `["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICkKx2N5UaesqKCGSN0XaGFB1HHLdT514QWVGpAuK3nT ana@home"]`,
		},
		"users.system": {
			Text:    "Whether it is a user for a service, with a number below 1000, no home and no shell unless given.",
			Example: `true`,
		},
		"users.locked": {
			Text:    "Whether the account is closed to all ways to log in, not only to passwords. Needs systemd 257.",
			Example: `true`,
		},

		"groups": {Text: "Groups beyond those that packages and users make."},
		"groups.name": {
			Text:    "Name of the group.",
			Example: `"deploy"`,
		},
		"groups.gid": {
			Text:    "Number of the group.",
			Example: `2000`,
			Default: "chosen by systemd-sysusers, below 1000",
		},

		"networks": {Text: "How interfaces are configured, by systemd-networkd; the first that fits an interface counts. Wired interfaces that none fits use DHCP. A credential `network.network.NAME` can say otherwise for a single machine."},
		"networks.name": {
			Text:    "The interfaces meant, by name: `*`, `?` and `[a-z]` match as in file names. Exactly one of `name` and `mac` is given.",
			Example: `"en*"`,
			Default: "none",
		},
		"networks.mac": {
			Text:    "The interface meant, by its hardware address.",
			Example: `"52:54:00:12:34:56"`,
			Default: "none",
		},
		"networks.dhcp": {
			Text:    "Whether addresses, gateway and DNS servers are asked for, of IPv4 and IPv6.",
			Example: `true`,
			Default: "`true` without `addresses`, else `false`",
		},
		"networks.addresses": {
			Text:    "Addresses of the interface, each with the length of its network's prefix in bits. IPv6 addresses that routers announce come in addition.",
			Example: `["192.0.2.10/24", "2001:db8::10/64"]`,
		},
		"networks.gateways": {
			Text:    "Where packets for all other networks go, one of IPv4 and one of IPv6 at most. Each is in the network of one of `addresses`.",
			Example: `["192.0.2.1"]`,
		},
		"networks.dns": {
			Text:    "DNS servers, with a port and a name for TLS if need be. They need systemd-resolved in the image, in Debian the package of that name.",
			Example: `["192.0.2.53", "[2001:db8::53]:853#dns.example.org"]`,
		},
		"networks.domains": {
			Text:    "Domains that names without a dot are searched in. With `~` before it, a domain that is only asked of these `dns` servers; `~.` is all.",
			Example: `["example.org"]`,
		},

		"units": {Text: "What systemd starts. Its own units follow its own presets; a service of any other package is off unless `enable` names it, so that what is installed only because something depends on it starts nothing and listens to nothing."},
		"units.enable": {
			Text:    "Units to enable, as `systemctl enable` does. They must be in the image.",
			Example: `["systemd-networkd.service"]`,
		},
		"units.disable": {
			Text:    "Units not to enable, whatever presets say. Another unit can still start them.",
			Example: `["getty@.service"]`,
		},
		"units.mask": {
			Text:    "Units that nothing can start.",
			Example: `["systemd-firstboot.service"]`,
		},

		"files": {Text: "Extra files, put into the root after the packages. Each has exactly one of `source`, `content`, `symlink` and `directory = true`."},
		"files.path": {
			Text:    "Where it is in the image. `/` stands for the root, which a `source` directory is merged into. Nothing can be put below `/dev`, `/proc`, `/run` and `/sys`, which are mounted over at boot.",
			Example: `"/etc/motd"`,
		},
		"files.source": {
			Text:    "File on the host, or directory that is taken whole, relative to the recipe or absolute.",
			Example: `"motd"`,
			Default: "none",
		},
		"files.content": {
			Text:    "The text of the file.",
			Example: `"Welcome\n"`,
			Default: "none",
		},
		"files.symlink": {
			Text:    "Where the symbolic link points to.",
			Example: `"../usr/share/zoneinfo/UTC"`,
			Default: "none",
		},
		"files.directory": {
			Text:    "Make a directory.",
			Example: `true`,
		},
		"files.mode": {
			Text:    "Permissions as octal digits in a string. Not for symbolic links.",
			Example: `"0600"`,
			Default: "`\"0755\"` for directories and for source files that their owner may execute, else `\"0644\"`",
		},
		"files.uid": {
			Text:    "Number of the user that owns it.",
			Example: `1000`,
		},
		"files.gid": {
			Text:    "Number of the group that owns it.",
			Example: `1000`,
		},
		"files.capabilities": {
			Text:    "Powers of root that whoever runs the program gets, instead of all of them by a set-user-ID bit: see capabilities(7). Only for a single file.",
			Example: `["cap_net_bind_service"]`,
		},
		"files.replace": {
			Text:    "Whether it may replace what a package ships. Without it that is an error.",
			Example: `true`,
		},

		"root": {Text: "The root filesystem. It is read-only and verified by dm-verity."},
		"root.format": {
			Text:    "Format of the filesystem.",
			Example: `"erofs"`,
		},
		"root.exclude": {
			Text:    "Paths to leave out of what the packages ship. `*`, `?` and `[a-z]` match within one directory; with a directory goes all that is below it.",
			Example: `["/usr/share/doc", "/usr/share/locale/*"]`,
		},

		"root.keep": {
			Text:    "Paths to keep of what is left out of every image because it means nothing on a read-only root: `kernel-install`, other initrds' hooks, the hardware database's sources, empty credential stores and the like. `bocaditos why PATH` tells whether a path was left out, and why. Patterns are as in `exclude`; with a directory stays all that is below it. What `[[files]]` puts there always stays.",
			Example: `["/usr/lib/udev/hwdb.d"]`,
		},

		"state": {Text: "A partition for what outlives a boot, mounted at `/var`: logs, databases, home directories. systemd-repart makes it when the machine boots for the first time, on the disk of the root, in the space behind the other partitions. Without this table `/var` is in memory and empty at each boot. See state.md."},
		"state.size": {
			Text:    "Size of the partition that the image needs. The disk image has that much free space (as a hole, which takes no room), and a machine whose disk has less does not boot. A size is written as in `[budget]`; 0 is no partition.",
			Example: `"4G"`,
			Default: "`\"1G\"` with the table, else no partition",
		},
		"state.max_size": {
			Text:    "Size that it may grow to: it takes what is free on the disk, also after the disk has grown.",
			Example: `"100G"`,
			Default: "no limit",
		},
		"state.format": {
			Text:    "Filesystem in the partition. `ext4` needs the package `e2fsprogs`, `btrfs` the package `btrfs-progs`.",
			Example: `"btrfs"`,
		},
		"state.encrypt": {
			Text:    "`\"tpm\"`: LUKS2, with a key that only the TPM of the machine has, and gives out only while the firmware's Secure Boot settings are those of the first boot (PCR 7). There is no other key: with another TPM the data is gone. It needs the packages `systemd-cryptsetup`, `libtss2-esys-3.0.2-0t64`, `libtss2-mu-4.0.1-0t64`, `libtss2-rc0t64` and `libtss2-tcti-device0t64`.",
			Example: `"tpm"`,
			Default: "no encryption",
		},

		"boot": {Text: "How the image boots."},
		"boot.form": {
			Text:    "Where the root is at boot. `\"partitions\"`: on a GPT disk with an EFI system partition, a root partition and a verity partition.",
			Example: `"partitions"`,
		},
		"boot.on_corruption": {
			Text:    "What the kernel does when a block of the root is not what was built.",
			Example: `"halt"`,
		},

		"initrd": {Text: "The initrd: one static program that opens the verified root."},
		"initrd.modules": {
			Text:    "Kernel modules that the initrd needs beyond the usual ones, with their dependencies.",
			Example: `["virtio_scsi"]`,
		},

		"output": {Text: "What a build writes."},
		"output.directory": {
			Text:    "Directory in which the directory of this version, `ID_VERSION`, is made; relative to the recipe or absolute.",
			Example: `"out"`,
		},
		"output.kinds": {
			Text:    "`disk` is a bootable disk, `uki` the unified kernel image alone, `root` the root filesystem alone, `verity` its hash tree alone, `kernel` the kernel and the initrd for direct boot.",
			Example: `["disk", "uki"]`,
		},

		"budget": {Text: "Limits of size. A build that exceeds one fails and says what fills it. A size is a string such as `\"150M\"` or `\"1.5G\"`, in powers of 1024, or a number of bytes; 0 is no limit."},
		"budget.root": {
			Text:    "The root filesystem.",
			Example: `"150M"`,
			Default: "no limit",
		},
		"budget.initrd": {
			Text:    "The initrd.",
			Example: `"2M"`,
			Default: "no limit",
		},
		"budget.uki": {
			Text:    "The unified kernel image, initrd included.",
			Example: `"20M"`,
			Default: "no limit",
		},
	}
}
