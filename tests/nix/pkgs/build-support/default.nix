# Small builders under nixpkgs' names (pkgs/build-support/trivial-builders,
# closure-info.nix, fetchurl, setup-hooks).
final: prev:
let
  inherit (final) lib stdenv stdenvNoCC;
in
rec {
  runCommandWith =
    {
      stdenv ? stdenvNoCC,
      runLocal ? false,
      derivationArgs ? { },
      name,
    }:
    buildCommand:
    stdenv.mkDerivation (
      {
        inherit name buildCommand;
        enableParallelBuilding = true;
        allowToolchain = true;
      }
      // lib.optionalAttrs runLocal { preferLocalBuild = true; }
      // derivationArgs
    );
  runCommand = name: env: runCommandWith { inherit name; derivationArgs = env; };
  runCommandLocal = name: env: runCommandWith { inherit name; runLocal = true; derivationArgs = env; };
  runCommandCC = name: env: runCommandWith { inherit name stdenv; derivationArgs = env; };

  writeTextFile =
    {
      name,
      text,
      executable ? false,
      destination ? "",
      ...
    }:
    runCommandLocal name
      {
        inherit text executable destination;
        passAsFile = [ "text" ];
      }
      ''
        target=$out$destination
        mkdir -p "''${target%/*}"
        cp "$textPath" "$target"
        if [ -n "$executable" ]; then chmod +x "$target"; fi
      '';
  writeText = name: text: writeTextFile { inherit name text; };
  writeTextDir =
    path: text:
    writeTextFile {
      name = baseNameOf path;
      inherit text;
      destination = "/${path}";
    };
  # The interpreter is the set's bash, as in nixpkgs, not the one of the build.
  writeShellScript =
    name: text:
    writeTextFile {
      inherit name;
      executable = true;
      text = "#!${final.bash}/bin/bash\n${text}\n";
    };
  writeShellScriptBin =
    name: text:
    writeTextFile {
      inherit name;
      executable = true;
      destination = "/bin/${name}";
      text = "#!${final.bash}/bin/bash\n${text}\n";
    };

  symlinkJoin =
    {
      name,
      paths,
      postBuild ? "",
      ...
    }:
    runCommandLocal name { inherit paths; } ''
      mkdir -p $out
      for p in $paths; do cp -rsn --no-preserve=mode "$p"/. $out/; done
      ${postBuild}
    '';
  buildEnv = symlinkJoin;
  linkFarm =
    name: entries:
    let
      list = if lib.isAttrs entries then lib.mapAttrsToList (name: path: { inherit name path; }) entries else entries;
    in
    runCommandLocal name { } (
      "mkdir -p $out\n"
      + lib.concatMapStrings (e: ''
        mkdir -p "$(dirname "$out/${e.name}")"
        ln -s ${e.path} "$out/${e.name}"
      '') list
    );

  makeSetupHook =
    {
      name ? "hook",
      propagatedBuildInputs ? [ ],
      propagatedNativeBuildInputs ? [ ],
      substitutions ? { },
      meta ? { },
      passthru ? { },
      ...
    }:
    script:
    runCommand name
      (
        substitutions
        // {
          inherit
            meta
            passthru
            propagatedBuildInputs
            propagatedNativeBuildInputs
            ;
          strictDeps = true;
        }
      )
      ''
        mkdir -p $out/nix-support
        substitute ${script} $out/nix-support/setup-hook ${
          lib.concatMapStringsSep " " (n: "--subst-var-by ${n} ${lib.escapeShellArg (substitutions.${n})}") (
            lib.attrNames substitutions
          )
        }
        echo "$propagatedBuildInputs" >$out/nix-support/propagated-build-inputs
        echo "$propagatedNativeBuildInputs" >$out/nix-support/propagated-native-build-inputs
      '';

  fetchurl =
    {
      url ? lib.head urls,
      urls ? [ ],
      hash ? "",
      sha256 ? "",
      name ? baseNameOf url,
      ...
    }:
    derivation {
      inherit name url;
      urls = [ url ];
      system = "builtin";
      builder = "builtin:fetchurl";
      outputHashMode = "flat";
      outputHashAlgo = if hash != "" then null else "sha256";
      outputHash = if hash != "" then hash else sha256;
      preferLocalBuild = true;
      executable = false;
      unpack = false;
    };

  closureInfo =
    { rootPaths }:
    stdenvNoCC.mkDerivation {
      name = "closure-info";
      exportReferencesGraph = lib.concatLists (
        builtins.genList (i: [
          "graph-${toString i}"
          (lib.elemAt rootPaths i)
        ]) (lib.length rootPaths)
      );
      allowToolchain = true;
      preferLocalBuild = true;
      # A graph is: path, deriver, number of references, references.
      buildCommand = ''
        mkdir -p $out
        cat graph-* >$out/registration.graph
        awk '{ path = $0; getline; getline n; print path; for (i = 0; i < n; i++) getline }' graph-* | sort -u >$out/store-paths
        cat graph-* >$out/registration
        rm $out/registration.graph
      '';
    };

  # Tools are all in the toolchain; these names are what nixpkgs' packages ask for.
  ninja = null;
  pkg-config = null;
  gperf = null;
  m4 = null;
  bison = null;
  flex = null;
  bc = null;
  perl = null;
  cpio = null;
  gnumake = null;
  patchelf = null;
  gettext = null;
  diffutils = null;
  patch = null;
  file = null;
  # Its setup hook gives packages meson's phases: pkgs/by-name/me/meson/setup-hook.sh.
  meson = makeSetupHook { name = "meson-hook"; } ./meson-hook.sh;
}
