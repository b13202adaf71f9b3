# pkgs/by-name/ut/util-linux in nixpkgs: programs in bin, of which some have
# outputs of their own so that systemd needs no more than them.
{
  imported,
  linux-pam,
  libxcrypt,
  audit,
  libselinux,
  libcap_ng,
  systemdLibs,
  ncurses,
  readline,
  zlib,
  sqlite,
  bash,
}:
imported {
  pname = "util-linux";
  outputs = [ "bin" "out" "lib" "mount" "login" "swap" ];
  outputBin = "bin";
  debs = [
    "util-linux"
    "util-linux-extra"
    "mount"
    "login"
    "bsdutils"
    "bsdextrautils"
    "fdisk"
    "libblkid1"
    "libmount1"
    "libuuid1"
    "libsmartcols1"
    "libfdisk1"
    "liblastlog2-2"
  ];
  buildInputs = [ linux-pam libxcrypt audit libselinux libcap_ng systemdLibs ncurses readline zlib sqlite ];
  postInstall = ''
    mkdir -p $lib/lib $bin/bin $mount/bin $login/bin $swap/bin
    mv $out/lib/lib*.so* $lib/lib/
    mv $out/sbin/* $out/bin/* $bin/bin/
    # nixpkgs has units in bin, too.
    mkdir $bin/lib
    mv $out/lib/systemd $bin/lib/
    mv $out/etc $bin/etc
    rm -r $out/bin $out/sbin $out/lib
    ln -s bin $bin/sbin
    for p in mount:mount umount:mount nologin:login sulogin:login swapon:swap swapoff:swap; do
      output=''${p#*:}
      mv $bin/bin/''${p%:*} ''${!output}/bin/
      ln -s ''${!output}/bin/''${p%:*} $bin/bin/
    done
    for o in login swap; do ln -s bin ''${!o}/sbin; done
    # nixpkgs patches the source. A script, as Debian's program has /bin/login
    # compiled in.
    mv $bin/bin/agetty $bin/bin/.agetty
    printf '#!%s\nexec -a agetty %s --login-program %s "$@"\n' ${bash}/bin/bash $bin/bin/.agetty $bin/bin/login >$bin/bin/agetty
    chmod +x $bin/bin/agetty
    ln -sfn agetty $bin/bin/getty
    extraLibraryPath=$lib/lib
  '';
  dontMoveSbin = true;
}
