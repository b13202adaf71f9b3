# Evaluates the packages that are asked for: a function of the file with the
# request, as evaluate.go writes it.
file:
let
  inherit (builtins)
    addErrorContext
    attrNames
    deepSeq
    elem
    filter
    foldl'
    functionArgs
    getFlake
    head
    intersectAttrs
    isAttrs
    isFunction
    listToAttrs
    map
    parseDrvName
    pathExists
    tryEval
    typeOf
    unsafeDiscardStringContext
    ;

  request = builtins.fromJSON (builtins.readFile file);

  load = file: import (/. + file);
  prebuilt = { overlay, executable }: load overlay { inherit executable; };

  overlays =
    map load request.ours
    ++ (if request.prebuilt == { } then [ ] else [ (prebuilt request.prebuilt) ])
    ++ map load request.overlays;

  # All that the function may be given; it gets what it names.
  arguments =
    system:
    request.args
    // {
      inherit system overlays;
      inherit (request) config;
    };

  flake = getFlake request.flake;

  source =
    if request ? flake then
      flake.outPath
    else if request ? channel then
      builtins.findFile builtins.nixPath request.channel
    else
      /. + request.path;

  fromFlake = request ? flake && !pathExists (source + "/default.nix");

  outputOfFlake =
    system:
    flake.legacyPackages.${system} or flake.packages.${system}
      or (throw "the flake ${request.flake} has neither a default.nix nor legacyPackages.${system}");

  withOverlays =
    set:
    if overlays == [ ] then
      set
    else if set ? appendOverlays then
      set.appendOverlays overlays
    else if set ? extend then
      foldl' (s: o: s.extend o) set overlays
    else
      throw "the package set has neither appendOverlays nor extend: overlays cannot be added to it";

  packageSet =
    system:
    let
      value = if fromFlake then outputOfFlake system else import source;
      named = functionArgs value;
      # nixpkgs' own names system, config and overlays (pkgs/top-level/impure.nix);
      # a function of a plain name takes whatever it gets.
      call = value (if named == { } then arguments system else intersectAttrs named (arguments system));
      takesOverlays = named == { } || named ? overlays;
    in
    if !isFunction value then
      withOverlays value
    else if takesOverlays then
      call
    else
      withOverlays call;

  # One for each system, however many of the request's sets it is for: nixpkgs
  # takes a second to come to its stdenv.
  packageSets = listToAttrs (
    map (
      { system, ... }:
      {
        name = system;
        value = packageSet system;
      }
    ) request.sets
  );

  isPackage = v: isAttrs v && v.type or null == "derivation";

  # Goes down the attribute path; what is not there is `missing`, with its
  # neighbours' names.
  step =
    found: name:
    if found ? missing then
      found
    else if isAttrs found.value && found.value ? ${name} then
      {
        value = found.value.${name};
        isOutput = isPackage found.value && elem name found.value.outputs or [ ];
      }
    else
      {
        missing = name;
        names = if isAttrs found.value then attrNames found.value else [ ];
      };
  find =
    set:
    foldl' step {
      value = set;
      isOutput = false;
    };

  # As nixpkgs' buildEnv (pkgs/build-support/buildenv) and `nix profile` choose
  # them, without what an image has no use for.
  outputsOf =
    package:
    let
      wanted = package.meta.outputsToInstall or [ (package.outputName or "out") ];
      unused = [
        "man"
        "doc"
        "info"
        "devdoc"
      ];
      useful = filter (o: !elem o unused) wanted;
      # A kernel is no use without its modules, which nobody installs.
      modules = filter (o: o == "modules" && !elem o wanted) package.outputs or [ ];
    in
    (if useful == [ ] then wanted else useful) ++ modules;

  describe =
    set: p:
    let
      found = find set p.path;
      package = found.value;
      output = o: {
        name = o;
        path = unsafeDiscardStringContext (if found.isOutput then package else package.${o}).outPath;
      };
    in
    if found ? missing then
      { inherit (found) missing names; }
    else if !isPackage package then
      {
        notPackage = typeOf package;
        names = if isAttrs package then attrNames package else [ ];
      }
    else
      {
        drv = unsafeDiscardStringContext package.drvPath;
        version = toString (package.version or (parseDrvName package.name).version);
        outputs = map output (if found.isOutput then [ package.outputName ] else outputsOf package);
      };

  evaluate =
    { system, packages }:
    map (
      p:
      addErrorContext "while evaluating the package '${p.name}' for ${system}" (
        # All of it here, where the context is.
        let
          d = describe packageSets.${system} p;
        in
        deepSeq d d
      )
    ) packages;

  # What can be known of the package set's own version. Not all sets have a lib.
  lib = packageSets.${(head request.sets).system}.lib or { };
  orNull =
    v:
    let
      r = tryEval v;
    in
    if r.success then r.value else null;
in
{
  sets = map evaluate request.sets;
  nixpkgs = {
    version = orNull (lib.version or null);
    revision = orNull (
      if request ? flake then flake.rev or null else (lib.trivial.revisionWithDefault or (x: x)) null
    );
    lastModified = if request ? flake then flake.lastModified or null else null;
    narHash = if request ? flake then flake.narHash or null else null;
  };
}
