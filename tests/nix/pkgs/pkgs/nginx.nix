# Debian's nginx. nixpkgs' has no unit (NixOS writes it); this one has a unit that
# gives it no more than it needs.
{
  imported,
  pcre2,
  libxcrypt,
  openssl,
  zlib,
}:
imported {
  pname = "nginx";
  debs = [
    "nginx"
    "nginx-common"
    "media-types"
  ];
  buildInputs = [ pcre2 libxcrypt openssl zlib ];
  postInstall = ''
    mkdir -p $out/conf $out/html
    mv $out/etc/nginx/mime.types $out/conf/
    rm -rf $out/etc $out/lib $out/share
    cp ${./nginx/nginx.conf} $out/conf/nginx.conf
    substituteInPlace $out/conf/nginx.conf --subst-var out
    cp ${./nginx/index.html} $out/html/index.html
    install -D -m 644 ${./nginx/nginx.service} $out/lib/systemd/system/nginx.service
    substituteInPlace $out/lib/systemd/system/nginx.service --subst-var out
  '';
}
