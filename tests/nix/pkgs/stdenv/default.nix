# stdenv.mkDerivation, with the interface of pkgs/stdenv/generic in nixpkgs.
final: prev:
let
  inherit (prev) lib system;
  toolchain = import ./toolchain.nix {
    inherit system;
    inherit (final) bootstrapBusybox;
    debs = map (name: final.deb.${name}) final.debianToolchain;
  };
  stdenvWith =
    cc:
    let
      self = {
        inherit system toolchain cc;
        busybox = final.bootstrapBusybox;
        shell = "${toolchain}/bin/bash";
        name = "stdenv-linux";
        setup = ./setup.sh;
        hostPlatform = platform;
        buildPlatform = platform;
        targetPlatform = platform;
        inherit (platform) isLinux isx86_64 isAarch64;
        mkDerivation = import ./make-derivation.nix {
          inherit lib system toolchain cc;
          inherit (final) config;
        };
        override = _: self;
      };
    in
    self;
  platform = {
    inherit system;
    config = "x86_64-unknown-linux-gnu";
    isLinux = true;
    isGnu = true;
    isMusl = false;
    isEfi = true;
    isx86_64 = true;
    isx86 = true;
    isAarch64 = false;
    is64bit = true;
    isStatic = false;
    linuxArch = "x86_64";
    parsed.cpu = {
      name = "x86_64";
      bits = 64;
    };
    linux-kernel = {
      name = "pc";
      target = "bzImage";
      autoModules = true;
    };
    canExecute = _: true;
    emulatorAvailable = _: true;
  };
in
{
  stdenv = stdenvWith (
    import ./cc.nix {
      inherit system toolchain;
      inherit (final) glibc;
    }
  );
  # For what glibc itself is made with, and for what compiles nothing.
  stdenvNoCC = stdenvWith null;
  debianTools = toolchain;
}
