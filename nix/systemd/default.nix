# systemd that reads its vendor configuration from its own prefix and nowhere
# else. It is nixpkgs' systemd (pkgs/os-specific/linux/systemd/default.nix there)
# with our patches after nixpkgs'; features and options stay as nixpkgs has them,
# but for what is about /usr or NixOS.
{ lib, systemd }:
let
  # nixpkgs' own patches that ours replace: each does a part of what ours do, on
  # the same lines, so no patch could fit both with and without them. All others
  # stay, and ours fit on top.
  superseded = [
    "Add-some-NixOS-specific-unit-directories" # 0002: unit paths, with /nix/var/nix/profiles
    "Change-usr-share-zoneinfo-to-etc-zoneinfo" # 0008
    "localectl-use-etc-X11-xkb-for-list-x11" # 0008
    "add-rootprefix-to-lookup-dir-paths" # 0001: the prefix after /usr/lib
    "path-util.h-add-placeholder-for-DEFAULT_PATH_NORMAL" # 0003
    "core-don-t-taint-on-unmerged-usr" # 0006
  ];
  isSuperseded = patch: lib.any (name: lib.hasInfix name (baseNameOf (toString patch))) superseded;
in
lib.throwIfNot (lib.versions.major systemd.version == "257")
  "bocaditos.systemd is a patch series for systemd 257, but the package set has ${systemd.version}; take a nixpkgs with 257 (nixos-25.05)"
systemd.overrideAttrs (old: {
  patches = lib.filter (patch: !isSuperseded patch) (old.patches or [ ]) ++ [
    ./0001-basic-read-vendor-configuration-below-the-prefix-and.patch
    ./0002-path-lookup-units-and-generators-below-the-prefix-an.patch
    ./0003-path-util-the-default-PATH-is-the-prefix-s-bin.patch
    ./0004-sd-path-answer-with-directories-of-the-prefix.patch
    ./0005-core-ProtectSystem-protects-the-store.patch
    ./0006-core-run-without-usr.patch
    ./0007-os-release-is-in-the-prefix.patch
    ./0008-Look-for-other-packages-data-below-the-prefix.patch
    ./0009-user-util-know-the-shells-of-those-who-do-not-log-in.patch
    ./0010-pc-prefix-is-where-a-package-installs-not-where-syst.patch
    ./0011-units-conditions-name-the-prefix.patch
    ./0012-module-util-kernel-modules-and-their-configuration-a.patch
    ./0013-core-TZDIR-says-where-time-zones-are.patch
  ];

  mesonFlags = old.mesonFlags ++ [
    # One directory of programs: patch 0003 is about this variant.
    (lib.mesonOption "split-bin" "false")
    # sysusers takes /bin/sh where an image lacks it.
    (lib.mesonOption "default-user-shell" "${placeholder "out"}/bin/bash")
  ];

  # nixpkgs makes systemd start itself again, and others, by NixOS' name for it.
  env = (old.env or { }) // {
    NIX_CFLAGS_COMPILE = toString [
      (old.env.NIX_CFLAGS_COMPILE or old.NIX_CFLAGS_COMPILE or "")
      "-USYSTEMD_BINARY_PATH"
      "-DSYSTEMD_BINARY_PATH=\"${placeholder "out"}/lib/systemd/systemd\""
      "-USYSTEMD_CGROUP_AGENTS_PATH"
      "-UPOLKIT_AGENT_BINARY_PATH"
      "-DPOLKIT_AGENT_BINARY_PATH=\"${placeholder "out"}/bin/pkttyagent\""
    ];
  };

  # nixpkgs moves what NixOS generates itself out of systemd's sight. Here it is
  # what the system runs with.
  postInstall = (old.postInstall or "") + ''
    if [ -d $out/example ]; then
      cp -a $out/example/systemd/. $out/lib/systemd/
      rm -r $out/example/systemd
      cp -a $out/example/. $out/lib/
      rm -r $out/example
    fi
    test -e $out/lib/systemd/system/sysinit.target
    test -e $out/lib/tmpfiles.d/etc.conf
    test -e $out/lib/sysusers.d/basic.conf
  '';

  # Packages that ask systemd.pc or udev.pc where their units and rules belong
  # are told their own prefix (patch 0010).
  setupHook = ./setup-hook.sh;

  passthru = (old.passthru or { }) // {
    # Where what other packages ship is to be found: its own prefix.
    hermetic = true;
  };
})
