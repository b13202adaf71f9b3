# Debian 13's compiler and build tools, unpacked to one directory that works from
# where it is: its programs are started by its own ld.so, and the compiler is
# told the directory as its sysroot. Nothing of the host takes part, and nothing
# needs to be mounted, so it works with and without Nix's sandbox.
{
  system,
  bootstrapBusybox,
  debs,
}:
derivation {
  name = "debian-toolchain";
  inherit system debs;
  builder = bootstrapBusybox;
  args = [
    "ash"
    "-e"
    ./toolchain.sh
  ];
  busybox = bootstrapBusybox;
  preferLocalBuild = true;
}
