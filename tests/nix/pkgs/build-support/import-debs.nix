# A package with a prefix of its own, of Debian's binary packages: what lies below
# Debian's usr goes below $out, and stdenv's fixup re-links the programs.
# Documentation and translations are left out. What Debian's files say about
# /usr stays in units, where the pass that this set is to test finds it.
{ lib, stdenvNoCC, deb, glibc }:
{
  pname,
  debs ? [ pname ],
  buildInputs ? [ ],
  ...
}@attrs:
stdenvNoCC.mkDerivation (
  {
    inherit pname;
    version = lib.last (lib.splitString ":" (lib.head (lib.splitString "-" deb.${lib.head debs}.version)));
    debs = map (name: deb.${name}) debs;
    inherit glibc;
    dontUnpack = true;
    dontStrip = true; # Debian has done it
    installPhase = ''
      runHook preInstall
      mkdir -p $out
      for d in $debs; do ${stdenvNoCC.busybox} dpkg-deb -x $d root; done
      source ${./import-debs.sh}
      runHook postInstall
    '';
    meta.platforms = [ "x86_64-linux" ];
  }
  // builtins.removeAttrs attrs [ "debs" ]
)
