# pkgs/by-name/ca/cacert: one file of the authorities that Debian trusts.
{ runCommandLocal, stdenvNoCC, deb }:
runCommandLocal "nss-cacert-${deb.ca-certificates.version}" { } ''
  ${stdenvNoCC.busybox} dpkg-deb -x ${deb.ca-certificates} root
  mkdir -p $out/etc/ssl/certs
  cat root/usr/share/ca-certificates/mozilla/*.crt >$out/etc/ssl/certs/ca-bundle.crt
  ln -s ca-bundle.crt $out/etc/ssl/certs/ca-certificates.crt
''
