# The packages. Names, outputs and where files lie are nixpkgs'.
final: prev:
let
  inherit (final) callPackage lib;
  imported = lib.makeOverridable (callPackage ../build-support/import-debs.nix { });

  # A library: one package, what it is linked to.
  library = pname: debs: buildInputs: imported { inherit pname debs buildInputs; };
in
with final;
{
  glibc = callPackage ./glibc.nix { };
  getent = runCommandLocal "getent-${glibc.version}" { } "mkdir -p $out/bin; ln -s ${glibc.bin}/bin/getent $out/bin/";

  # Libraries.
  gccLibs = library "gcc-libs" [ "libgcc-s1" "libstdc++6" ] [ ];
  zlib = library "zlib" [ "zlib1g" ] [ ];
  bzip2 = library "bzip2" [ "libbz2-1.0" "bzip2" ] [ ];
  xz = library "xz" [ "xz-utils" "liblzma5" ] [ ];
  zstd = library "zstd" [ "zstd" "libzstd1" ] [ lz4 xz zlib gccLibs ];
  lz4 = library "lz4" [ "lz4" "liblz4-1" ] [ xxHash ];
  xxHash = library "xxhash" [ "libxxhash0" ] [ ];
  attr = library "attr" [ "libattr1" ] [ ];
  acl = library "acl" [ "libacl1" ] [ ];
  libcap = library "libcap" [ "libcap2" ] [ ];
  libcap_ng = library "libcap-ng" [ "libcap-ng0" ] [ ];
  audit = library "audit" [ "libaudit1" ] [ libcap_ng ];
  libseccomp = library "libseccomp" [ "libseccomp2" ] [ ];
  pcre2 = library "pcre2" [ "libpcre2-8-0" ] [ ];
  libselinux = library "libselinux" [ "libselinux1" ] [ pcre2 ];
  libsepol = library "libsepol" [ "libsepol2" ] [ ];
  libsemanage = library "libsemanage" [ "libsemanage2" ] [ libsepol libselinux audit bzip2 ];
  libxcrypt = library "libxcrypt" [ "libcrypt1" ] [ ];
  openssl = library "openssl" [ "openssl" "libssl3t64" ] [ zlib zstd ];
  libmd = library "libmd" [ "libmd0" ] [ ];
  libbsd = library "libbsd" [ "libbsd0" ] [ libmd ];
  ncurses = library "ncurses" [ "libtinfo6" "libncursesw6" ] [ ];
  readline = library "readline" [ "libreadline8t64" ] [ ncurses ];
  gmp = library "gmp" [ "libgmp10" ] [ ];
  expat = library "expat" [ "libexpat1" ] [ ];
  elfutils = library "elfutils" [ "libelf1t64" "libdw1t64" ] [ zlib zstd xz bzip2 ];
  libbpf = library "libbpf" [ "libbpf1" ] [ elfutils zlib ];
  libmnl = library "libmnl" [ "libmnl0" ] [ ];
  libtirpc = library "libtirpc" [ "libtirpc3t64" "libtirpc-common" ] [ krb5 ];
  db = library "db" [ "libdb5.3t64" ] [ ];
  keyutils = library "keyutils" [ "libkeyutils1" ] [ ];
  krb5 = library "krb5" [ "libgssapi-krb5-2" "libkrb5-3" "libk5crypto3" "libkrb5support0" "libcom-err2" ] [ keyutils openssl ];
  libedit = library "libedit" [ "libedit2" ] [ libbsd ncurses ];
  libcbor = library "libcbor" [ "libcbor0.10" ] [ ];
  libfido2 = library "libfido2" [ "libfido2-1" ] [ libcbor openssl zlib systemdLibs ];
  sqlite = library "sqlite" [ "libsqlite3-0" ] [ ];
  libwtmpdb = library "wtmpdb" [ "libwtmpdb0" ] [ sqlite systemdLibs ];
  tcp_wrappers = library "tcp-wrappers" [ "libwrap0" ] [ ];
  libapparmor = library "libapparmor" [ "libapparmor1" ] [ ];
  libxtables = library "libxtables" [ "libxtables12" ] [ ];
  libunwind = library "libunwind" [ "libunwind8" ] [ xz zlib ];
  libidn2 = library "libidn2" [ "libidn2-0" "libunistring5" ] [ ];
  # What programs that talk to systemd are linked to, so that they don't depend
  # on the whole of it; nixpkgs has the same under this name.
  systemdLibs = library "systemd-libs" [ "libsystemd0" "libudev1" ] [ libcap xz lz4 zstd ];

  # Programs.
  bash = imported { pname = "bash"; buildInputs = [ ncurses ]; postInstall = "ln -s bash $out/bin/sh"; passthru.shellPath = "/bin/bash"; };
  bashInteractive = bash;
  coreutils = imported { pname = "coreutils"; buildInputs = [ acl attr libselinux openssl gmp libcap systemdLibs ]; };
  gnugrep = imported { pname = "gnugrep"; debs = [ "grep" ]; buildInputs = [ pcre2 ]; };
  gnused = imported { pname = "gnused"; debs = [ "sed" ]; buildInputs = [ acl libselinux ]; };
  gnutar = imported { pname = "gnutar"; debs = [ "tar" ]; buildInputs = [ acl libselinux ]; };
  gzip = imported { pname = "gzip"; };
  findutils = imported { pname = "findutils"; buildInputs = [ libselinux ]; };
  less = imported { pname = "less"; buildInputs = [ ncurses ]; };
  procps = imported { pname = "procps"; debs = [ "procps" "libproc2-0" ]; buildInputs = [ ncurses systemdLibs ]; };
  hostname = imported { pname = "hostname"; };
  strace = imported { pname = "strace"; buildInputs = [ elfutils libunwind ]; };
  iputils = imported { pname = "iputils"; debs = [ "iputils-ping" ]; buildInputs = [ libcap libidn2 ]; };
  iproute2 = imported { pname = "iproute2"; buildInputs = [ libbpf elfutils libmnl libcap libselinux libtirpc db libxtables libbsd zlib ]; };
  e2fsprogs = imported { pname = "e2fsprogs"; debs = [ "e2fsprogs" "libext2fs2t64" "libss2" "logsave" ]; buildInputs = [ krb5 util-linux.lib ]; };
  kmod = callPackage ./kmod.nix { };
  util-linux = callPackage ./util-linux.nix { inherit imported; };
  kbd = callPackage ./kbd.nix { };
  linux-pam = callPackage ./linux-pam.nix { };
  shadow = imported {
    pname = "shadow";
    debs = [ "passwd" "login.defs" ];
    buildInputs = [ linux-pam libxcrypt audit libselinux libsemanage libbsd acl attr ];
    passthru.shellPath = "/bin/nologin";
  };
  dbus = imported { pname = "dbus"; debs = [ "dbus-system-bus-common" "dbus-session-bus-common" ]; };
  dbus-broker = callPackage ./dbus-broker.nix { };
  openssh = callPackage ./openssh.nix { inherit imported; };
  nginx = callPackage ./nginx.nix { inherit imported; };
  systemd = callPackage ./systemd.nix { };

  # Data.
  tzdata = imported { pname = "tzdata"; };
  iana-etc = imported { pname = "iana-etc"; debs = [ "netbase" ]; };
  cacert = callPackage ./cacert.nix { };

  # The kernel.
  linux = callPackage ./linux.nix { };
  linuxPackages = lib.recurseIntoAttrs { kernel = linux; };
  linux_latest = linux;

  # What nixpkgs refuses to evaluate.
  unfree-example = imported { pname = "unfree-example"; debs = [ "hostname" ]; meta.license = lib.licenses.unfree; };
  broken-example = imported { pname = "broken-example"; debs = [ "hostname" ]; meta.broken = true; };
  insecure-example = imported { pname = "insecure-example"; debs = [ "hostname" ]; meta.knownVulnerabilities = [ "an example of one" ]; };
}
