# Debian's kernel for virtual machines, laid out as nixpkgs' kernels are
# (pkgs/os-specific/linux/kernel/build.nix): bzImage and System.map in out, the
# modules with depmod's index in the output modules.
{
  lib,
  stdenvNoCC,
  deb,
  kmod,
}:
let
  name = lib.findFirst (n: lib.hasPrefix "linux-image-6" n) (throw "no kernel among Debian's packages") (lib.attrNames deb);
  modDirVersion = lib.removePrefix "linux-image-" name;
in
stdenvNoCC.mkDerivation {
  pname = "linux";
  version = lib.head (lib.splitString "-" deb.${name}.version);
  outputs = [
    "out"
    "modules"
  ];
  deb = deb.${name};
  dontUnpack = true;
  dontFixup = true;
  nativeBuildInputs = [ kmod ];
  installPhase = ''
    ${stdenvNoCC.busybox} dpkg-deb -x $deb root
    mkdir -p $out $modules/lib
    cp root/boot/vmlinuz-* $out/bzImage
    cp root/boot/System.map-* $out/System.map
    cp root/boot/config-* $out/config
    mv root/usr/lib/modules $modules/lib/modules
    depmod -m /lib/modules -b $modules -F $out/System.map ${modDirVersion}
    grep -q virtio_blk $modules/lib/modules/${modDirVersion}/modules.dep
  '';
  passthru = {
    inherit modDirVersion;
    kernelOlder = lib.versionOlder (lib.versions.majorMinor modDirVersion);
    config = { };
    isModular = true;
    features = { };
  };
  meta.platforms = [ "x86_64-linux" ];
}
