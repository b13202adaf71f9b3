# A package of two outputs whose units name programs as upstreams do, and what
# the hook makes of them.
{
  lib,
  stdenv,
  coreutils,
  bocaditos,
}:
stdenv.mkDerivation {
  pname = "unit-fixup-hook-test";
  version = "1.0";
  outputs = [
    "out"
    "bin"
  ];

  dontUnpack = true;
  strictDeps = true;
  nativeBuildInputs = [ bocaditos.unitFixupHook ];
  buildInputs = [ coreutils ];
  # Only the image has it.
  unitFixupIgnoreMissing = [ "udevadm" ];

  unit = ''
    [Service]
    # ExecStart=/usr/bin/testd stays, as all comments do
    ExecStartPre=/bin/sh -c "testd --check"
    ExecStartPre=-udevadm settle
    ExecStartPre=udevadm settle
    ExecStart=/usr/sbin/testd --config /etc/testd.conf
    ExecStartPost=!helper
    ExecStop=sleep 1 ; /usr/bin/env -S testd --stop
    ExecStopPost=-/opt/nobody/has/this
  '';
  installPhase = ''
    runHook preInstall
    mkdir -p $bin/bin $out/libexec $out/lib/systemd/system $out/share/dbus-1/system-services
    for program in $bin/bin/testd $out/libexec/helper; do
      printf '#!/bin/sh\n' >$program
      chmod +x $program
    done
    printf %s "$unit" >$out/lib/systemd/system/testd.service
    chmod a-w $out/lib/systemd/system/testd.service
    printf '[D-BUS Service]\nName=org.example.Test\nExec=/usr/libexec/helper\n' >$out/share/dbus-1/system-services/test.service
    runHook postInstall
  '';
  # As packages do who wrap their programs: before the hook.
  postFixup = ''
    mv $bin/bin/testd $bin/bin/.testd-wrapped
    ln -s .testd-wrapped $bin/bin/testd
  '';

  doInstallCheck = true;
  expected = ''
    [Service]
    # ExecStart=/usr/bin/testd stays, as all comments do
    ExecStartPre=/bin/sh -c "testd --check"
    ExecStartPre=-udevadm settle
    ExecStartPre=udevadm settle
    ExecStart=${placeholder "bin"}/bin/testd --config /etc/testd.conf
    ExecStartPost=!${placeholder "out"}/libexec/helper
    ExecStop=${lib.getBin coreutils}/bin/sleep 1 ; /usr/bin/env -S testd --stop
    ExecStopPost=-/opt/nobody/has/this
  '';
  installCheckPhase = ''
    runHook preInstallCheck
    printf %s "$expected" | diff - $out/lib/systemd/system/testd.service
    grep -qx "Exec=$out/libexec/helper" $out/share/dbus-1/system-services/test.service
    test $(wc -l <$out/nix-support/unit-fixup.json) = 4
    test ! -e $bin/nix-support/unit-fixup.json
    runHook postInstallCheck
  '';
}
