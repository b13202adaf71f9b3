# A small package set with nixpkgs' interfaces, made of Debian 13's packages and
# sources, for tests where no nixpkgs can be reached. It is called as nixpkgs is
# (pkgs/top-level/impure.nix and default.nix there); debs is the directory that
# internal/nixtest makes, with debs.json and the files it names.
{
  system ? builtins.currentSystem or "x86_64-linux",
  localSystem ? { inherit system; },
  config ? { },
  overlays ? [ ],
  debs ? builtins.getEnv "BOCADITOS_TEST_DEBS",
}:
let
  lib = import ./lib.nix;

  # pkgs/top-level/stage.nix: the stages of the fixpoint are overlays, the
  # user's come last.
  stage =
    overlays:
    let
      base = final: {
        inherit lib overlays;
        config = {
          allowUnfree = false;
          allowBroken = false;
          allowAliases = true;
          permittedInsecurePackages = [ ];
        }
        // config;
        inherit (final.stdenv) hostPlatform buildPlatform targetPlatform;
        system = localSystem.system;

        callPackage = lib.callPackageWith final;
        newScope = extra: lib.callPackageWith (final // extra);
        extend = f: stage (overlays ++ [ f ]);
        appendOverlays = extra: if extra == [ ] then final else stage (overlays ++ extra);

        # Nothing here is built for another machine than this one.
        buildPackages = final;
        pkgsBuildBuild = final;
        targetPackages = final;
        pkgs = final;
      };
      stages = [
        (import ./debs.nix { inherit debs; })
        (import ./stdenv)
        (import ./build-support)
        (import ./pkgs)
        (final: prev: if prev.config.allowAliases then import ./aliases.nix final prev else { })
      ]
      ++ overlays;
    in
    lib.fix (lib.foldl' (f: overlay: lib.extends overlay f) base stages);
in
stage overlays
