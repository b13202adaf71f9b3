# Debian's OpenSSH. Where sshd looks for its own parts is compiled in, as usr;
# its configuration says better.
{
  imported,
  linux-pam,
  libxcrypt,
  audit,
  libselinux,
  openssl,
  zlib,
  tcp_wrappers,
  krb5,
  libfido2,
  libedit,
  libwtmpdb,
  libbsd,
}:
imported {
  pname = "openssh";
  debs = [
    "openssh-server"
    "openssh-client"
    "openssh-sftp-server"
  ];
  buildInputs = [ linux-pam libxcrypt audit libselinux openssl zlib tcp_wrappers krb5 libfido2 libedit libwtmpdb libbsd ];
  postInstall = ''
    mkdir -p $out/libexec $out/etc/ssh
    mv $out/lib/openssh/* $out/libexec/
    rm -rf $out/lib/{sftp-server,openssh,systemd} $out/etc/{ssh/*,pam.d,runit,sv} $out/share $out/bin/ssh-argv0
    cp ${./openssh/sshd_config} $out/etc/ssh/sshd_config
    substituteInPlace $out/etc/ssh/sshd_config --subst-var out
    install -D -m 644 ${./openssh/sshd.service} $out/lib/systemd/system/sshd.service
    substituteInPlace $out/lib/systemd/system/sshd.service --subst-var out
    sed -i 's/ -:nogroup / - /' $out/lib/sysusers.d/openssh-server.conf
    install -D -m 644 ${./openssh/sshd.pam} $out/etc/pam.d/sshd
  '';
}
