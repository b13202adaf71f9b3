# A package with what only systemd and udev read: a generator, a rule, a unit that
# names its program as if there was a /usr, and a policy.
final: prev: {
  probe = final.runCommandLocal "probe-1" { } ''
    mkdir -p $out/bin $out/lib/systemd/{system,system-generators} $out/lib/udev/rules.d $out/etc/cron.d
    cat >$out/lib/systemd/system-generators/probe <<'EOF'
    #!/bin/sh
    printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "echo made > /run/probe"\n' >"$1/probe-made.service"
    mkdir -p "$1/multi-user.target.wants"
    ln -s ../probe-made.service "$1/multi-user.target.wants/"
    EOF
    cat >$out/bin/probe <<'EOF'
    #!/bin/sh
    echo started >/run/probe-started
    EOF
    chmod +x $out/bin/probe $out/lib/systemd/system-generators/probe
    cat >$out/lib/systemd/system/probe.service <<'EOF'
    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart=/usr/bin/probe
    [Install]
    WantedBy=multi-user.target
    EOF
    echo 'SUBSYSTEM=="tty", KERNEL=="ttyS0", ENV{PROBE}="rule"' >$out/lib/udev/rules.d/90-probe.rules
    echo '# nobody reads this' >$out/etc/cron.d/probe
  '';
}
