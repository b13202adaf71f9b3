# The compiler, as nixpkgs' cc-wrapper makes it: what it links is started by
# glibc's ld.so in the store and finds libraries there; the environment adds
# flags (pkgs/build-support/cc-wrapper/cc-wrapper.sh).
{
  system,
  toolchain,
  glibc,
}:
derivation {
  name = "gcc-wrapper";
  inherit system toolchain glibc;
  builder = "${toolchain}/bin/bash";
  args = [
    "-e"
    ./cc.sh
  ];
  wrapper = ./cc-wrapper.sh;
  preferLocalBuild = true;
}
// {
  isGNU = true;
  isClang = false;
  targetPrefix = "";
  libc = glibc;
  cc = toolchain;
  bintools = toolchain // {
    targetPrefix = "";
    bintools = toolchain;
  };
}
