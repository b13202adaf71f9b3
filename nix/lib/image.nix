# lib.image of the flake: a derivation whose output is what `bocaditos build`
# writes, ID_VERSION/ with the image and its manifest:
#
#     packages.x86_64-linux.default = bocaditos.lib.image { recipe = ./image.toml; };
#
# The recipe says which packages, as always; its [nix] nixpkgs and caches mean
# nothing here, since the flake's nixpkgs is used and Nix builds or substitutes.
# An image.lock beside it pins the numbers of users and groups.
#
# Preparing a root takes all user and group IDs that fit 16 bits, so the build
# asks for the system feature "uid-range": Nix has it with the settings
# experimental-features = auto-allocate-uids cgroups, auto-allocate-uids = true
# and system-features = uid-range. With uidRange = false it is for a Nix that
# builds as root without sandbox. In any case it takes filter-syscalls = false:
# Nix else forbids the set-group-ID bits and extended attributes that a root has,
# although they never get into the store.
{ nixpkgs, overlay }:
{
  recipe,
  # What is beside the recipe and named by it, files = … and overlays.
  directory ? dirOf recipe,
  system ? null,
  overlays ? [ ],
  uidRange ? true,
  # Else made of nixpkgs and the above; must have the overlay.
  pkgs ? null,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    elem
    filter
    foldl'
    fromTOML
    hasAttr
    isAttrs
    listToAttrs
    map
    readFile
    split
    unsafeDiscardStringContext
    ;

  asked = fromTOML (readFile recipe);
  nix = asked.nix or { };

  system' =
    if system != null then
      system
    else
      {
        x86-64 = "x86_64-linux";
        arm64 = "aarch64-linux";
      }
      .${asked.architecture or "x86-64"} or (throw "${toString recipe}: no images are built for the architecture ${asked.architecture}");

  pkgs' =
    if pkgs != null then
      pkgs
    else
      import nixpkgs {
        system = system';
        overlays = [ overlay ] ++ map (file: import (directory + "/${file}")) (nix.overlays or [ ]) ++ overlays;
        config = {
          allowUnfree = nix.allow_unfree or false;
          allowBroken = nix.allow_broken or false;
          allowUnsupportedSystem = nix.allow_unsupported or false;
          permittedInsecurePackages = nix.permit_insecure or [ ];
        };
      };

  # What the tool asks a package set for; it says so when one is missing here.
  names =
    filter (name: name != "systemd") asked.packages.install or [ ]
    ++ [
      "bocaditos.systemd"
      "glibc.bin"
      (asked.kernel.package or "linuxPackages.kernel")
    ];

  # The package, or its output, that an attribute path such as openssl.dev names.
  find =
    name:
    foldl' (
      found: key:
      if isAttrs found.value && hasAttr key found.value then
        {
          value = found.value.${key};
          isOutput = elem key (found.value.outputs or [ ]);
        }
      else
        throw "${toString recipe}: there is no package ${name}: ${key} is missing; beside it is ${toString (attrNames found.value)}"
    ) {
      value = pkgs';
      isOutput = false;
    } (filter builtins.isString (split "\\." name));

  # The outputs that the tool takes when it evaluates (pkgs/nix/evaluate.nix).
  outputsOf =
    package:
    let
      wanted = package.meta.outputsToInstall or [ (package.outputName or "out") ];
      useful = filter (
        o:
        !elem o [
          "man"
          "doc"
          "info"
          "devdoc"
        ]
      ) wanted;
      modules = filter (o: o == "modules" && !elem o wanted) (package.outputs or [ ]);
    in
    (if useful == [ ] then wanted else useful) ++ modules;

  describe =
    name:
    let
      found = find name;
      package = found.value;
    in
    {
      inherit name;
      value = {
        version = package.version or (builtins.parseDrvName package.name).version;
        outputs =
          if found.isOutput then
            [
              {
                name = package.outputName;
                path = package.outPath;
              }
            ]
          else
            map (o: {
              name = o;
              path = package.${o}.outPath;
            }) (outputsOf package);
      };
    };

  packages = listToAttrs (map describe names);
  # A directory that is in the store already, as a flake's is, is not copied again.
  files = "${directory}";
  lib = pkgs'.lib or { };
in
assert
  (asked.packages.source or null) == "nix"
  || throw "${toString recipe}: packages.source must be \"nix\": a derivation has no other packages than Nix's";
derivation {
  # The tool is the builder: its attributes become .attrs.json, where it finds the
  # graph of what it may read, with sizes and hashes.
  __structuredAttrs = true;
  name = unsafeDiscardStringContext "${asked.id}-${asked.version}";
  system = pkgs'.stdenv.buildPlatform.system;
  builder = "${pkgs'.bocaditos.cli}/bin/bocaditos";
  args = [
    "build"
    "--closure"
    ".attrs.json"
    "--cache"
    "cache"
    "--output"
    (placeholder "out")
    "${files}/${baseNameOf recipe}"
  ];
  outputs = [ "out" ];
  inherit packages;
  nixpkgs = {
    version = lib.version or "";
    revision = nixpkgs.rev or "";
    lastModified = nixpkgs.lastModified or 0;
    narHash = nixpkgs.narHash or "";
  };
  exportReferencesGraph.closure = concatMap (name: map (o: o.path) packages.${name}.outputs) (attrNames packages);
  requiredSystemFeatures = if uidRange then [ "uid-range" ] else [ ];
  # The image has its packages inside; their names in it are no references.
  unsafeDiscardReferences.out = true;
}
