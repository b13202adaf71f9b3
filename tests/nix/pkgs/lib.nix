# The part of nixpkgs' lib that this set and the overlay use, under nixpkgs'
# names and with its meaning: lib/fixed-points.nix, customisation.nix,
# attrsets.nix, lists.nix, strings.nix, meson.nix there.
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    functionArgs
    hasAttr
    head
    intersectAttrs
    isAttrs
    isBool
    isFunction
    isList
    length
    listToAttrs
    map
    mapAttrs
    replaceStrings
    stringLength
    substring
    tail
    ;
  lib = rec {
    inherit (builtins)
      attrNames
      attrValues
      concatLists
      concatMap
      concatStringsSep
      elem
      elemAt
      filter
      foldl'
      fromJSON
      genList
      hasAttr
      head
      isAttrs
      isBool
      isFunction
      isInt
      isList
      isString
      length
      listToAttrs
      map
      mapAttrs
      readFile
      replaceStrings
      sort
      stringLength
      substring
      tail
      toJSON
      ;

    id = x: x;
    const = x: _: x;
    warn = msg: builtins.trace "warning: ${msg}";
    warnIf = cond: msg: if cond then warn msg else id;
    throwIf = cond: msg: if cond then throw msg else id;
    throwIfNot = cond: throwIf (!cond);
    importJSON = path: builtins.fromJSON (builtins.readFile path);
    inPureEvalMode = !builtins ? currentSystem;

    # fixed-points.nix
    fix =
      f:
      let
        x = f x;
      in
      x;
    extends =
      overlay: f: final:
      let
        prev = f final;
      in
      prev // overlay final prev;
    composeExtensions =
      f: g: final: prev:
      let
        fApplied = f final prev;
      in
      fApplied // g final (prev // fApplied);
    composeManyExtensions = foldr composeExtensions (_: _: { });

    # lists.nix
    foldr =
      op: nul: list:
      if list == [ ] then nul else op (head list) (foldr op nul (tail list));
    optional = cond: x: if cond then [ x ] else [ ];
    optionals = cond: xs: if cond then xs else [ ];
    toList = x: if isList x then x else [ x ];
    flatten = x: if isList x then concatMap flatten x else [ x ];
    unique = foldl' (acc: e: if elem e acc then acc else acc ++ [ e ]) [ ];
    last = list: elemAt list (length list - 1);
    any = builtins.any;
    all = builtins.all;
    remove = e: filter (x: x != e);
    subtractLists = e: filter (x: !(elem x e));
    range = first: last: if first > last then [ ] else builtins.genList (n: first + n) (last - first + 1);
    findFirst =
      pred: default: list:
      let
        found = filter pred list;
      in
      if found == [ ] then default else head found;

    # attrsets.nix
    nameValuePair = name: value: { inherit name value; };
    optionalAttrs = cond: as: if cond then as else { };
    genAttrs = names: f: listToAttrs (map (n: nameValuePair n (f n)) names);
    filterAttrs = pred: set: builtins.removeAttrs set (filter (n: !(pred n set.${n})) (attrNames set));
    mapAttrs' = f: set: listToAttrs (map (n: f n set.${n}) (attrNames set));
    mapAttrsToList = f: set: map (n: f n set.${n}) (attrNames set);
    attrByPath =
      path: default: set:
      if path == [ ] then
        set
      else if isAttrs set && set ? ${head path} then
        attrByPath (tail path) default set.${head path}
      else
        default;
    hasAttrByPath =
      path: set:
      path == [ ] || (isAttrs set && set ? ${head path} && hasAttrByPath (tail path) set.${head path});
    getAttrFromPath = path: attrByPath path (throw "cannot find attribute '${concatStringsSep "." path}'");
    recurseIntoAttrs = set: set // { recurseForDerivations = true; };
    dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };
    isDerivation = x: isAttrs x && x.type or null == "derivation";
    getOutput =
      output: pkg: if !pkg ? outputSpecified || !pkg.outputSpecified then pkg.${output} or pkg.out or pkg else pkg;
    getBin = getOutput "bin";
    getLib = getOutput "lib";
    getDev = getOutput "dev";
    getMan = getOutput "man";
    getExe' = x: y: "${getBin x}/bin/${y}";
    getExe = x: getExe' x (x.meta.mainProgram or (getName x));
    getName = x: if builtins.isString x then (builtins.parseDrvName x).name else x.pname or (builtins.parseDrvName x.name).name;
    getVersion = x: if builtins.isString x then (builtins.parseDrvName x).version else x.version or (builtins.parseDrvName x.name).version;

    # strings.nix
    concatMapStringsSep = sep: f: list: concatStringsSep sep (map f list);
    concatMapStrings = f: list: concatStringsSep "" (map f list);
    concatStrings = concatStringsSep "";
    concatLines = concatMapStrings (s: s + "\n");
    optionalString = cond: s: if cond then s else "";
    makeSearchPath = sub: concatMapStringsSep ":" (p: "${p}/${sub}");
    makeSearchPathOutput =
      output: sub: pkgs:
      makeSearchPath sub (map (getOutput output) pkgs);
    makeLibraryPath = makeSearchPathOutput "lib" "lib";
    makeBinPath = makeSearchPathOutput "bin" "bin";
    hasPrefix = p: s: substring 0 (stringLength p) s == p;
    hasSuffix =
      p: s:
      let
        n = stringLength s - stringLength p;
      in
      n >= 0 && substring n (stringLength p) s == p;
    hasInfix = p: s: length (builtins.split (escapeRegex p) s) > 1;
    removePrefix = p: s: if hasPrefix p s then substring (stringLength p) (stringLength s) s else s;
    removeSuffix = p: s: if hasSuffix p s then substring 0 (stringLength s - stringLength p) s else s;
    splitString = sep: s: filter builtins.isString (builtins.split (escapeRegex sep) (toString s));
    escapeRegex = replaceStrings (specials) (map (c: "\\" + c) specials);
    specials = [ "\\" "[" "{" "(" ")" "^" "$" "?" "*" "+" "|" "." ];
    escapeShellArg = s: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString s)}'";
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;
    boolToString = b: if b then "true" else "false";
    fileContents = file: removeSuffix "\n" (builtins.readFile file);
    versionOlder = a: b: builtins.compareVersions b a == 1;
    versionAtLeast = a: b: !(versionOlder a b);
    versions = {
      pad =
        n: version:
        let
          numeric = head (splitString "-" version);
          parts = splitString "." numeric ++ builtins.genList (_: "0") n;
        in
        concatStringsSep "." (builtins.genList (elemAt parts) n) + removePrefix numeric version;
      major = v: head (splitString "." v);
      majorMinor = v: concatStringsSep "." [ (elemAt (splitString "." v) 0) (elemAt (splitString "." v) 1) ];
    };
    toUpper = replaceStrings lowerChars upperChars;
    lowerChars = splitChars "abcdefghijklmnopqrstuvwxyz";
    upperChars = splitChars "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    splitChars = s: builtins.genList (i: substring i 1 s) (stringLength s);

    # strings.nix: flags of meson
    mesonOption = feature: value: "-D${feature}=${value}";
    mesonBool = feature: value: mesonOption feature (boolToString value);
    mesonEnable = feature: enabled: mesonOption feature (if enabled then "enabled" else "disabled");

    # trivial.nix
    setFunctionArgs = f: args: {
      __functor = _: f;
      __functionArgs = args;
    };
    functionArgs = f: if f ? __functor then f.__functionArgs or (functionArgs (f.__functor f)) else builtins.functionArgs f;
    isCallable = f: isFunction f || (f ? __functor);

    # customisation.nix
    makeOverridable =
      f: origArgs:
      let
        overrideWith = newArgs: origArgs // (if isCallable newArgs then newArgs origArgs else newArgs);
        result = f origArgs;
      in
      if isAttrs result then
        result
        // {
          override = newArgs: makeOverridable f (overrideWith newArgs);
          ${if result ? overrideAttrs then "overrideAttrs" else null} =
            fdrv: makeOverridable (args: (f args).overrideAttrs fdrv) origArgs;
        }
      else
        result;
    callPackageWith =
      autoArgs: fn: args:
      let
        f = if isCallable fn then fn else import fn;
        fargs = functionArgs f;
        allArgs = intersectAttrs fargs autoArgs // args;
        missing = filter (n: !fargs.${n} && !(hasAttr n allArgs)) (attrNames fargs);
      in
      if missing == [ ] then
        makeOverridable f allArgs
      else
        abort "lib.customisation.callPackageWith: Function called without required argument \"${head missing}\"";
    extendDerivation =
      condition: passthru: drv:
      let
        outputs = drv.outputs or [ "out" ];
        common = drv // outputSet // passthru // { all = map (o: outputSet.${o}) outputs; };
        outputSet = genAttrs outputs (
          outputName:
          common
          // {
            inherit (drv.${outputName}) type outputName;
            outputSpecified = true;
            drvPath =
              assert condition;
              drv.${outputName}.drvPath;
            outPath =
              assert condition;
              drv.${outputName}.outPath;
          }
        );
      in
      common
      // {
        outputSpecified = false;
        drvPath =
          assert condition;
          drv.drvPath;
        outPath =
          assert condition;
          drv.outPath;
      };

    licenses = import ./licenses.nix;
    platforms = rec {
      linux = [ "x86_64-linux" "aarch64-linux" ];
      unix = linux;
      all = linux;
    };
    maintainers = { };
    teams = { };
    sourceTypes = { };
    meta.availableOn = platform: pkg: elem platform.system (pkg.meta.platforms or [ platform.system ]);
    fetchers = { };
    cleanSource = src: builtins.path { path = src; name = "source"; };

    # For `lib.strings.x` beside `lib.x`, as nixpkgs has both.
    strings = lib;
    attrsets = lib;
    lists = lib;
    customisation = lib;
    fixedPoints = lib;
    trivial = lib // {
      release = "25.11";
    };
  };
in
lib
