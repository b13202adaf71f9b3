# A package set with nixpkgs' interface, small enough to be built in a second.
{ system, overlays ? [ ], config ? { }, greeting ? "hello", parts ? "4" }:
let
  fix = f: let x = f x; in x;

  make = attrs: script:
    let
      package = derivation ({
        inherit system;
        builder = "/bin/sh";
        args = [ "-euc" script ];
        PATH = "/bin:/usr/bin";
      } // removeAttrs attrs [ "meta" "version" "refuse" ]);
      extra = { meta = attrs.meta or { }; version = attrs.version or ""; };
      guard = v: if attrs ? refuse then throw attrs.refuse else v;
    in
    package // extra // {
      drvPath = guard package.drvPath;
      outPath = guard package.outPath;
    };

  # The words are those of nixpkgs' check-meta.nix.
  refusal = name: why: "Refusing to evaluate package '${name}' in /nixpkgs/x.nix:1 because it ${why}";
  oldRefusal = name: why: "Package ‘${name}’ in /nixpkgs/x.nix:1 ${why}, refusing to evaluate.";

  packages = final: {
    greeter = make
      {
        name = "greeter-1.2";
        version = "1.2";
        outputs = [ "out" "dev" "man" ];
        meta.outputsToInstall = [ "out" "man" ];
        inherit (final) text library;
      } ''
      mkdir -p $out/bin $out/lib/deep/er $dev/include $man/share
      printf '#!/bin/sh\nexec %s\n' "$out/bin/greeter" > $out/bin/greeter
      chmod +x $out/bin/greeter
      ln -s bin/greeter $out/greet
      ln -s $library/lib/x $out/lib/x
      cp $text $out/lib/deep/er/text
      ln -s $text $out/lib/text
      touch $out/empty
      mkdir $out/lib/nothing
      head -c 300000 /dev/zero > $out/lib/zeros
      echo $out > $dev/include/greeter.h
      echo manual > $man/share/greeter.1
    '';
    library = make { name = "library-0.9-lib"; } ''
      mkdir -p $out/lib
      echo ${greeting} > $out/lib/x
    '';
    text = builtins.toFile "text" "a file, not a directory: ${greeting}\n";
    file = make { name = "file"; inherit (final) text; } "cp $text $out";
    script = make { name = "script.sh"; } "echo true > $out; chmod 755 $out";
    link = make { name = "link"; inherit (final) greeter; } "ln -s $greeter/bin/greeter $out";
    # For benchmarks: 16 MiB each, that compress like programs, in files of all sizes.
    bulk = make
      {
        name = "bulk";
        all = builtins.genList
          (i: make { name = "part-${toString i}"; skip = i - i / 16 * 16; n = i; } ''
            mkdir $out && cd $out
            cat $(find /usr/bin /usr/lib -type f -size +20k 2>/dev/null | sort) 2>/dev/null | tail -c +$((skip * 16777216)) | head -c 16777216 > data
            head -c 8M data | split -b 20k -a 4 - small.
            truncate -s 8M data
            echo $n > number
          '')
          (builtins.fromJSON parts);
      } "echo $all > $out";
    # Content-addressed in each of the ways that need no signature.
    addressed = make
      {
        name = "addressed";
        inherit (final) text;
        source = builtins.path { path = ./.; name = "source"; };
        fixed = make
          {
            name = "fixed";
            outputHashMode = "flat";
            outputHashAlgo = "sha256";
            outputHash = builtins.hashString "sha256" "fixed\n";
          } "echo fixed > $out";
        filtered = builtins.toFile "referring" "see ${final.text}\n";
      } "echo $text $source $fixed $filtered > $out";
    # Refers to two of one name.
    twins = make
      {
        name = "twins-1";
        first = make { name = "twin-1"; n = 1; } "echo 1 > $out";
        second = make { name = "twin-1"; n = 2; } "echo 2 > $out";
      } "echo $first $second > $out";
    greeterPackages = {
      plug-in = make { name = "plug-in-3"; } "mkdir $out";
    };
    aliased = throw "aliased was renamed to greeter";
    failing = make { name = "failing-1"; } ''
      for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do echo line $i; done
      exit 3
    '';
    mismatched = make
      {
        name = "mismatched-1";
        outputHashMode = "flat";
        outputHashAlgo = "sha256";
        outputHash = builtins.hashString "sha256" "something else";
      } "echo said by the builder; echo x > $out";
    onMismatched = make { name = "on-mismatched-1"; inherit (final) mismatched; } "mkdir $out";
    onFailing = make { name = "on-failing-1"; inherit (final) failing; } "mkdir $out";
    random = make { name = "random-1"; } "head -c 16 /dev/urandom > $out";
    talking = make { name = "talking-1"; } "echo words of a builder >&2; mkdir $out";
    sleeping = make { name = "sleeping-1"; } "echo going to sleep; sleep 600; mkdir $out";
    number = 7;
    deep = (import ./deep.nix).package;

    unfree = make { name = "unfree-1"; refuse = refusal "unfree-1" "has an unfree license (‘unfree’)"; } "";
    unfreeOld = make { name = "unfree-2"; refuse = oldRefusal "unfree-2" "has an unfree license (‘unfree’)"; } "";
    broken = make { name = "broken-1"; refuse = refusal "broken-1" "has problems:\n- broken: it does not work\n"; } "";
    brokenOld = make { name = "broken-2"; refuse = oldRefusal "broken-2" "is marked as broken"; } "";
    insecure = make { name = "insecure-1"; refuse = refusal "insecure-1" "is marked as insecure"; } "";
    unsupported = make { name = "unsupported-1"; refuse = refusal "unsupported-1" "is not available on the requested hostPlatform:\n"; } "";
    licensed =
      if config.allowUnfree or false then final.script
      else make { name = "licensed-1"; refuse = refusal "licensed-1" "has an unfree license (‘unfree’)"; } "";
  };
in
fix (builtins.foldl' (below: overlay: final: let prev = below final; in prev // overlay final prev) packages overlays)
