# The command line tool, compiled. buildGoModule: pkgs/build-support/go/module.nix
# in nixpkgs. The tool itself does not use this when it evaluates: it hands over
# its own executable (prebuilt.nix).
{
  lib,
  buildGoModule,
  # go.mod asks for this version; where it is the default, the name may be gone.
  buildGo126Module ? buildGoModule,
  version ? "0-unstable",
}:
let
  root = ../..;
in
# The copy of these files that the tool carries has no Go code beside it.
if !builtins.pathExists (root + "/go.mod") then
  throw "bocaditos.cli is compiled from a checkout of Bocaditos; add cli/prebuilt.nix to the overlays to use an executable"
else
  buildGo126Module {
    pname = "bocaditos";
    inherit version;

    # Without what make and the tests leave, and what does not get into the tool.
    src = builtins.path {
      name = "bocaditos-source";
      path = root;
      filter =
        path: type:
        !(builtins.elem (baseNameOf path) [
          ".git"
          "flake.lock"
          "flake.nix"
          "out"
          "result"
        ])
        && !(builtins.elem path (
          map (name: toString root + name) [
            "/build"
            "/dist"
            "/docs"
          ]
        ));
    };

    # Of `go mod vendor`; tests/nix checks that it is current, and writes it with
    # BOCADITOS_UPDATE=1.
    vendorHash = "sha256-wIxFTU40qD1vgpB4wHC/2nySyS29nzKIiBOcIPTndOg=";
    # Only the package itself needs the init of the initrd.
    overrideModAttrs = _: { preBuild = ""; };

    subPackages = [ "cmd/bocaditos" ];
    # Static, with the init inside, so that neither Go nor libraries are needed
    # where it runs: as scripts/release makes it.
    env.CGO_ENABLED = 0;
    preBuild = ''
      go generate ./initrd
    '';
    tags = [ "release" ];
    ldflags = [
      "-s"
      "-w"
      "-X main.version=${version}"
    ];
    # The tests boot images and want Debian's archive: make test.
    doCheck = false;

    meta = {
      description = "Builds from-scratch Linux images";
      mainProgram = "bocaditos";
      platforms = lib.platforms.linux;
    };
  }
