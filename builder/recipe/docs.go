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
			Text:    "Where packages come from. `nix` is not supported yet.",
			Example: `"debian"`,
		},
		"packages.install": {
			Text:    "Packages to install, by name. The exact versions are kept in the lock file beside the recipe. The order means nothing.",
			Example: `["systemd", "udev", "dbus-broker"]`,
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

		"kernel": {Text: "The kernel, and what it is told at boot."},
		"kernel.package": {
			Text:    "Package with the kernel and its modules.",
			Example: `"linux-image-amd64"`,
			Default: "`\"linux-image-cloud-amd64\"` or `\"linux-image-cloud-arm64\"`, by architecture",
		},
		"kernel.command_line": {
			Text:    "Kernel parameters, one an element, in this order. They are part of the signed and measured kernel image. The parameters that open the root are not needed here.",
			Example: `["console=ttyS0", "quiet"]`,
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
