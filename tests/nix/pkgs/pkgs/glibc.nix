# pkgs/development/libraries/glibc: the libraries in out, programs in bin. Its
# files keep their bytes but for the programs' interpreter, as ld.so and libc
# break under patchelf.
{
  lib,
  stdenvNoCC,
  deb,
}:
stdenvNoCC.mkDerivation {
  pname = "glibc";
  version = lib.head (lib.splitString "-" deb.libc6.version);
  outputs = [
    "out"
    "bin"
  ];
  debs = [
    deb.libc6
    deb.libc-bin
  ];
  dontUnpack = true;
  dontStrip = true;
  installPhase = ''
    for d in $debs; do ${stdenvNoCC.busybox} dpkg-deb -x $d root; done
    mkdir -p $out/lib $bin
    cp -a root/usr/lib/x86_64-linux-gnu/. $out/lib/
    cp -a root/usr/bin $bin/bin
    cp -a root/usr/sbin/. $bin/bin/
    ln -s bin $bin/sbin
    # Locales other than C.UTF-8, which libc has inside, are not here; nor are
    # scripts about them.
    rm -f $bin/bin/{ldd,tzselect,catchsegv}
    # Locales are not looked for outside of the store; the names keep their length.
    sed -i 's#/usr/lib/locale#/etc/lib/locale#g; s#/usr/share/locale#/etc/share/locale#g' $out/lib/libc.so.6
    extraLibraryPath=$out/lib/gconv
  '';
  meta.platforms = [ "x86_64-linux" ];
}
