{
  description = "Builds from-scratch Linux images";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      # Attributes for each system, from the package set with our overlay.
      forAllSystems =
        f:
        builtins.listToAttrs (
          map (system: {
            name = system;
            value = f (
              import nixpkgs {
                inherit system;
                overlays = [ self.overlays.default ];
              }
            );
          }) systems
        );
      # A checkout that was changed has no revision.
      version = "0-unstable-${self.shortRev or self.dirtyShortRev or "dirty"}";
    in
    {
      overlays.default =
        final: prev:
        let
          ours = import ./nix/overlay.nix final prev;
        in
        ours
        // {
          bocaditos = ours.bocaditos // {
            cli = final.callPackage ./nix/cli { inherit version; };
          };
        };

      packages = forAllSystems (pkgs: {
        default = pkgs.bocaditos.cli;
        bocaditos = pkgs.bocaditos.cli;
        inherit (pkgs.bocaditos) kernel systemd;
        unit-fixup-hook = pkgs.bocaditos.unitFixupHook;
      });

      # An image as a derivation: lib.image { recipe = ./image.toml; }.
      lib.image = import ./nix/lib/image.nix {
        inherit nixpkgs;
        overlay = self.overlays.default;
      };

      checks = forAllSystems (pkgs: {
        bocaditos = pkgs.bocaditos.cli;
        unit-fixup-hook = pkgs.callPackage ./nix/unit-fixup-hook/test.nix { };
      });

      # What a developer runs by hand. The tests (make test) need apt and Debian's
      # archive beside this.
      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          packages = [
            (pkgs.go_1_26 or pkgs.go)
            pkgs.cryptsetup
            pkgs.dosfstools
            pkgs.erofs-utils
            pkgs.gdisk
            pkgs.gnumake
            pkgs.mtools
            pkgs.qemu
            pkgs.swtpm
          ];
        };
      });

      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);
    };
}
