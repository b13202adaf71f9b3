# pkgs/by-name/db/dbus-broker: compiled, as the launcher starts the broker by its
# path.
{
  lib,
  stdenv,
  debianSource,
  glibc,
  meson,
  ninja,
  pkg-config,
  expat,
  systemdLibs,
}:
stdenv.mkDerivation {
  pname = "dbus-broker";
  version = debianSource.dbus-broker.version;
  src = debianSource.dbus-broker.outPath;
  inherit glibc;
  nativeBuildInputs = [
    meson
    ninja
    pkg-config
  ];
  buildInputs = [
    expat
    systemdLibs
  ];
  mesonFlags = [ "-Dsystem-console-users=" ];
  postPatch = ''
    substituteInPlace meson.build \
      --replace-fail "dep_systemd.get_variable('systemdsystemunitdir')" "'$out/lib/systemd/system'" \
      --replace-fail "dep_systemd.get_variable('systemduserunitdir')" "'$out/lib/systemd/user'" \
      --replace-fail "dep_systemd.get_variable('catalogdir')" "'$out/lib/systemd/catalog'"
  '';
  meta.platforms = [ "x86_64-linux" ];
}
