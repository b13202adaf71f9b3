# pkg-config takes a variable of a .pc file from the environment, if it is there.
# A package that chose a place itself keeps it.
export PKG_CONFIG_SYSTEMD_PREFIX="${PKG_CONFIG_SYSTEMD_PREFIX:-${prefix:-$out}}"
export PKG_CONFIG_UDEV_PREFIX="${PKG_CONFIG_UDEV_PREFIX:-${prefix:-$out}}"
