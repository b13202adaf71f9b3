# pkgs/by-name/kb/kbd: compiled, as the directory of keymaps and fonts is
# compiled in.
{
  lib,
  stdenv,
  debianSource,
  glibc,
  zlib,
  linux-pam,
  libxcrypt,
}:
stdenv.mkDerivation {
  pname = "kbd";
  version = lib.head (lib.splitString "-" debianSource.kbd.version);
  src = debianSource.kbd.outPath;
  inherit glibc;
  # Not a release's tarball but the repository's.
  postPatch = "patchShebangs contrib";
  preConfigure = "autoreconf --install --force";
  configureFlags = [
    "--disable-nls"
    "--disable-tests"
    "--disable-vlock"
    "--disable-libkeymap"
    "--enable-optional-progs=no"
    "--datadir=${placeholder "out"}/share"
  ];
  meta.platforms = [ "x86_64-linux" ];
}
