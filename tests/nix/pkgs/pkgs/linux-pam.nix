# pkgs/by-name/li/linux-pam: compiled, as the directory of modules is compiled in.
{
  lib,
  stdenv,
  debianSource,
  meson,
  glibc,
  audit,
  libxcrypt,
  libselinux,
}:
stdenv.mkDerivation {
  pname = "linux-pam";
  version = lib.head (lib.splitString "-" debianSource.pam.version);
  src = debianSource.pam.outPath;
  inherit glibc;
  nativeBuildInputs = [ meson ];
  buildInputs = [
    audit
    libxcrypt
    libselinux
  ];
  mesonFlags = [
    "-Ddocs=disabled"
    "-Dexamples=false"
    "-Dxtests=false"
    "-Dsecuredir=${placeholder "out"}/lib/security"
    "-Dsconfigdir=${placeholder "out"}/etc/security"
    "-Dsystemdunitdir=${placeholder "out"}/lib/systemd/system"
    "-Deconf=disabled"
    "-Dlogind=disabled"
    "-Dnis=disabled"
    "-Dpam_userdb=disabled"
    "-Dselinux=enabled"
  ];
  # The toolchain has all headers and .pc files.
  postInstall = "rm -r $out/lib/pkgconfig";
  meta.platforms = [ "x86_64-linux" ];
}
