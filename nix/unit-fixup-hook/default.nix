# A setup hook that gives the units of a package programs that exist, as
# patchShebangs does for scripts:
#
#     nativeBuildInputs = [ bocaditos.unitFixupHook ];
#
# makeSetupHook: pkgs/build-support/trivial-builders/default.nix in nixpkgs.
{
  makeSetupHook,
  bocaditos,
}:
makeSetupHook {
  name = "unit-fixup-hook";
  substitutions.bocaditos = "${bocaditos.cli}/bin/bocaditos";
} ./unit-fixup.sh
