# Adds the attribute set bocaditos to a package set; changes nothing else in it, so
# that nothing of it is built anew. Its attributes know each other by
# final.bocaditos, so a later overlay can replace one.
final: prev: {
  bocaditos = (prev.bocaditos or { }) // {
    systemd = final.callPackage ./systemd { };
    cli = final.callPackage ./cli { };
    unitFixupHook = final.callPackage ./unit-fixup-hook { };
    kernel = final.callPackage ./kernel { };
  };
}
