# pkgs/stdenv/generic/make-derivation.nix and check-meta.nix.
{
  lib,
  system,
  toolchain,
  cc,
  config,
}:
let
  # make-derivation.nix: an argument that is a function is given the final
  # attributes; overrideAttrs takes a set or a function of one or two arguments.
  makeExtensible =
    rattrs:
    let
      args = rattrs (
        args
        // {
          inherit finalPackage overrideAttrs;
        }
      );
      overrideAttrs =
        f0:
        makeExtensible (
          final:
          let
            super = rattrs final;
            f = if lib.isFunction f0 then f0 super else f0;
          in
          super // (if lib.isFunction f then f0 final super else f)
        );
      finalPackage = make overrideAttrs args;
    in
    finalPackage;

  # check-meta.nix: what may not be evaluated, and the words for it.
  refuse =
    attrs: name:
    let
      meta = attrs.meta or { };
      licenses = lib.toList (meta.license or [ ]);
      unfree = lib.filter (l: !(l.free or true)) licenses;
      pname = attrs.pname or (lib.getName name);
      pos = builtins.unsafeGetAttrPos "name" attrs;
      pos' = if pos == null then builtins.unsafeGetAttrPos "pname" attrs else pos;
      where = if pos' == null then "«unknown-file»" else "${pos'.file}:${toString pos'.line}";
      because = what: hint: throw "Package ‘${name}’ in ${where} ${what}, refusing to evaluate.\n\n${hint}";
      allowedUnfree = (config.allowUnfreePredicate or (_: false)) (attrs // { inherit name; });
      insecure = meta.knownVulnerabilities or [ ];
      platforms = meta.platforms or [ system ];
      flag = what: builtins.getEnv "NIXPKGS_ALLOW_${what}" == "1";
      allow =
        what: var:
        "a) To temporarily allow ${what}, you can use an environment variable\n   for a single invocation of the nix tools.\n\n     $ export NIXPKGS_ALLOW_${var}=1\n";
    in
    if unfree != [ ] && !config.allowUnfree && !flag "UNFREE" && !allowedUnfree then
      because "has an unfree license (${lib.concatMapStringsSep ", " (l: "‘${l.shortName}’") unfree})" (
        allow "unfree packages" "UNFREE"
      )
    else if meta.broken or false && !config.allowBroken && !flag "BROKEN" then
      because "is marked as broken" (allow "broken packages" "BROKEN")
    else if insecure != [ ] && !(lib.elem name config.permittedInsecurePackages) && !flag "INSECURE" then
      because "is marked as insecure" "Known issues:\n${lib.concatMapStrings (v: " - ${v}\n") insecure}"
    else if !(lib.elem system platforms) && !flag "UNSUPPORTED_SYSTEM" then
      because
        "is not available on the requested hostPlatform:\n  hostPlatform.system = \"${system}\"\n  package.meta.platforms = ${builtins.toJSON platforms}"
        "(${pname})"
    else
      true;

  # Which output a dependency is used by: pkgs/stdenv/generic, getDev.
  inputs = list: map (p: if p ? outputSpecified then lib.getDev p else p) (lib.remove null (lib.flatten list));

  make =
    overrideAttrs: attrs:
    let
      name =
        if attrs ? name then
          attrs.name
        else
          "${attrs.pname}-${attrs.version}";
      outputs = attrs.outputs or [ "out" ];
      env = attrs.env or { };
      drv = derivation (
        builtins.removeAttrs attrs [
          "env"
          "finalPackage"
          "meta"
          "outputs"
          "overrideAttrs"
          "passthru"
          "pos"
          "allowToolchain"
          "realBuilder"
        ]
        // env
        // {
          inherit name outputs system;
          version = attrs.version or "";
          builder = attrs.realBuilder or "${toolchain}/bin/bash";
          args = attrs.args or [
            "-e"
            (attrs.builder or ./builder.sh)
          ];
          setup = ./setup.sh;
          stdenv = toolchain;
          LOCPATH = "${toolchain}/usr/lib/locale";
          cc = if cc == null then "" else cc;
          nativeBuildInputs = inputs (attrs.nativeBuildInputs or [ ]);
          buildInputs = inputs (attrs.buildInputs or [ ]);
          propagatedBuildInputs = inputs (attrs.propagatedBuildInputs or [ ]);
          propagatedNativeBuildInputs = inputs (attrs.propagatedNativeBuildInputs or [ ]);
          patches = lib.remove null (attrs.patches or [ ]);
          # No path of what compiled it may stay in a package.
          ${if attrs.allowToolchain or false then null else "disallowedReferences"} =
            attrs.disallowedReferences or [ ] ++ [ toolchain ] ++ lib.optional (cc != null) cc;
        }
      );
      meta = {
        inherit name;
        available = true;
        # check-meta.nix: bin or out, and man where it is.
        outputsToInstall =
          let
            hasOutput = o: lib.elem o outputs;
          in
          [ (lib.findFirst hasOutput null [ "bin" "out" ] ) ] ++ lib.optional (hasOutput "man") "man";
      }
      // attrs.meta or { };
    in
    lib.extendDerivation (refuse attrs name) (
      {
        inherit overrideAttrs meta;
        passthru = attrs.passthru or { };
      }
      // attrs.passthru or { }
    ) (attrs // drv);
in
fnOrAttrs: makeExtensible (if lib.isFunction fnOrAttrs then fnOrAttrs else _: fnOrAttrs)
