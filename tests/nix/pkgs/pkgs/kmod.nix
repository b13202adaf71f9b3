# pkgs/os-specific/linux/kmod: compiled, as where modules are is compiled in: a
# link that the initrd makes. nixpkgs patches kmod to look in more places.
{
  lib,
  stdenv,
  debianSource,
  glibc,
  meson,
  ninja,
  xz,
  zstd,
}:
stdenv.mkDerivation {
  pname = "kmod";
  version = debianSource.kmod.version;
  src = debianSource.kmod.outPath;
  inherit glibc;
  nativeBuildInputs = [
    meson
    ninja
  ];
  buildInputs = [
    xz
    zstd
  ];
  mesonFlags = [
    "-Dmoduledir=/run/booted-system/kernel-modules/lib/modules"
    "-Dxz=enabled"
    "-Dzstd=enabled"
    "-Dzlib=disabled"
    "-Dopenssl=disabled"
    "-Dbashcompletiondir=no"
    "-Dfishcompletiondir=no"
    "-Dzshcompletiondir=no"
    "-Dbuild-tests=false"
    "-Ddocs=false"
    "-Dmanpages=false"
  ];
  meta.platforms = [ "x86_64-linux" ];
}
