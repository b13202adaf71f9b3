# pkgs/os-specific/linux/systemd: the plain source with nixpkgs' attributes, which
# the overlay's systemd is an override of; fewer features, as each is a library
# more to import. Nothing builds this one itself.
{
  lib,
  stdenv,
  debianSource,
  glibc,
  meson,
  ninja,
  pkg-config,
  gperf,
  coreutils,
  util-linux,
  kbd,
  kmod,
  libcap,
  libxcrypt,
  acl,
  audit,
  libseccomp,
  linux-pam,
  openssl,
  xz,
  zstd,
  lz4,
}:
stdenv.mkDerivation (finalAttrs: {
  pname = "systemd";
  version = lib.head (lib.splitString "-" debianSource.systemd.version);
  src = debianSource.systemd.outPath;
  inherit glibc;

  patches = [ ];

  outputs = [
    "out"
    "dev"
  ];

  nativeBuildInputs = [
    meson
    ninja
    pkg-config
    gperf
  ];
  buildInputs = [
    libcap
    libxcrypt
    util-linux.lib
    acl
    audit
    libseccomp
    linux-pam
    openssl
    kmod
    xz
    zstd
    lz4
  ];
  # systemd loads these when it needs them.
  dlopenPath = map (p: "${p}/lib") [
    kmod
    xz
    zstd
    lz4
  ];

  postPatch = ''
    patchShebangs tools src
    substituteInPlace src/core/swap.c \
      --replace-fail /sbin/swapon ${lib.getOutput "swap" util-linux}/bin/swapon \
      --replace-fail /sbin/swapoff ${lib.getOutput "swap" util-linux}/bin/swapoff
    # nixpkgs has patches for this.
    substituteInPlace meson.build --replace-fail 'install_emptydir(systemdstatedir)' ""
    substituteInPlace src/journal/cat.c --replace-fail /bin/cat ${coreutils}/bin/cat
  '';

  # The time it takes to compile is what matters of it here.
  mesonBuildType = "plain";
  mesonFlags = [
    (lib.mesonOption "optimization" "1")
    (lib.mesonOption "time-epoch" "1734643670")
    (lib.mesonOption "version-tag" finalAttrs.version)
    (lib.mesonOption "mode" "release")
    (lib.mesonOption "tty-gid" "5")
    (lib.mesonOption "pamconfdir" "${placeholder "out"}/etc/pam.d")
    (lib.mesonOption "shellprofiledir" "${placeholder "out"}/etc/profile.d")
    (lib.mesonOption "kmod-path" "${kmod}/bin/kmod")
    (lib.mesonOption "debug-shell" "/bin/sh")
    (lib.mesonOption "split-bin" "false")
    (lib.mesonOption "dbuspolicydir" "${placeholder "out"}/share/dbus-1/system.d")
    (lib.mesonOption "dbussessionservicedir" "${placeholder "out"}/share/dbus-1/services")
    (lib.mesonOption "dbussystemservicedir" "${placeholder "out"}/share/dbus-1/system-services")
    (lib.mesonOption "pkgconfiglibdir" "${placeholder "dev"}/lib/pkgconfig")
    (lib.mesonOption "pkgconfigdatadir" "${placeholder "dev"}/share/pkgconfig")
    (lib.mesonOption "loadkeys-path" "${kbd}/bin/loadkeys")
    (lib.mesonOption "setfont-path" "${kbd}/bin/setfont")
    (lib.mesonOption "sysvinit-path" "")
    (lib.mesonOption "sysvrcnd-path" "")
    (lib.mesonOption "sulogin-path" "${util-linux.login}/bin/sulogin")
    (lib.mesonOption "nologin-path" "${util-linux.login}/bin/nologin")
    (lib.mesonOption "mount-path" "${lib.getOutput "mount" util-linux}/bin/mount")
    (lib.mesonOption "umount-path" "${lib.getOutput "mount" util-linux}/bin/umount")
    (lib.mesonOption "sshconfdir" "")
    (lib.mesonOption "sshdconfdir" "no")
    (lib.mesonOption "rpmmacrosdir" "no")
    (lib.mesonOption "sbat-distro" "example")
    (lib.mesonOption "sbat-distro-summary" "Example")
    (lib.mesonOption "sbat-distro-url" "https://example.org/")
    (lib.mesonOption "sbat-distro-pkgname" "systemd")
    (lib.mesonOption "sbat-distro-version" finalAttrs.version)
    (lib.mesonOption "tests" "false")
    (lib.mesonEnable "bootloader" true)
  ]
  ++ map (feature: lib.mesonEnable feature true) [
    "acl"
    "audit"
    "fdisk"
    "kmod"
    "lz4"
    "nss-resolve"
    "openssl"
    "pam"
    "repart"
    "seccomp"
    "xz"
    "zstd"
  ]
  ++ map (feature: lib.mesonEnable feature false) [
    "apparmor"
    "bpf-framework"
    "bzip2"
    "dbus"
    "elfutils"
    "gcrypt"
    "glib"
    "gnutls"
    "homed"
    "html"
    "importd"
    "libarchive"
    "libcryptsetup"
    "libcryptsetup-plugins"
    "libcurl"
    "libfido2"
    "libidn"
    "libidn2"
    "libiptc"
    "man"
    "microhttpd"
    "nss-mymachines"
    "p11kit"
    "passwdqc"
    "pcre2"
    "polkit"
    "pwquality"
    "qrencode"
    "remote"
    "selinux"
    "sysupdate"
    "sysupdated"
    "tpm2"
    "ukify"
    "vmspawn"
    "xenctrl"
    "xkbcommon"
    "zlib"
  ]
  ++ map (feature: lib.mesonBool feature false) [
    "backlight"
    "coredump"
    "create-log-dirs"
    "hibernate"
    "ima"
    "install-sysconfdir"
    "kernel-install"
    "ldconfig"
    "machined"
    "mountfsd"
    "nsresourced"
    "oomd"
    "portabled"
    "pstore"
    "quotacheck"
    "rfkill"
    "smack"
    "storagetm"
    "sysext"
    "translations"
    "xdg-autostart"
  ];

  # As nixpkgs does, and for its reason: systemd's build would put the unit
  # files of where it was configured to /etc otherwise.
  postInstall = ''
    mkdir -p $out/example/systemd
    mv $out/lib/{binfmt.d,sysctl.d,tmpfiles.d} $out/example 2>/dev/null || true
    mv $out/lib/systemd/{system,user} $out/example/systemd
    rm -rf $out/etc/systemd/system
  '';

  passthru = {
    interfaceVersion = 2;
    withBootloader = true;
  };
  meta = {
    license = lib.licenses.lgpl21Plus;
    platforms = [ "x86_64-linux" ];
  };
})
