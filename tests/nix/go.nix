# An overlay with buildGoModule, as pkgs/build-support/go/module.nix of nixpkgs has
# it, for a machine without network: the host's Go, and the modules as go mod
# vendor left them. That they have the vendorHash is checked by Nix.
{ goroot, vendor }:
final: prev: {
  buildGoModule =
    {
      pname,
      version,
      src,
      vendorHash,
      overrideModAttrs ? (_: { }),
      subPackages,
      tags ? [ ],
      ldflags ? [ ],
      preBuild ? "",
      doCheck ? true,
      env ? { },
      meta ? { },
    }:
    final.stdenvNoCC.mkDerivation {
      inherit
        pname
        version
        src
        preBuild
        doCheck
        env
        meta
        ;
      go = builtins.path {
        name = "go";
        path = goroot;
        filter =
          path: type:
          builtins.elem (builtins.head (
            builtins.split "/" (builtins.substring (builtins.stringLength (toString goroot) + 1) (-1) path)
          )) [ "VERSION" "bin" "go.env" "lib" "pkg" "src" ];
      };
      vendor = builtins.path {
        name = "${pname}-${version}-go-modules";
        path = vendor;
        sha256 = vendorHash;
      };
      configurePhase = ''
        runHook preConfigure
        export HOME=$TMPDIR PATH=$go/bin:$PATH GOCACHE=$TMPDIR/go-cache GOPATH=$TMPDIR/go GOPROXY=off GOSUMDB=off
        export GO111MODULE=on GOTOOLCHAIN=local GOFLAGS="-mod=vendor -trimpath"
        cp -r $vendor vendor
        runHook postConfigure
      '';
      buildPhase = ''
        runHook preBuild
        for p in ${toString subPackages}; do
          go install -tags=${builtins.concatStringsSep "," tags} -ldflags="${toString (ldflags ++ [ "-buildid=" ])}" ./$p
        done
        runHook postBuild
      '';
      installPhase = ''
        runHook preInstall
        mkdir -p $out
        cp -r $GOPATH/bin $out/
        runHook postInstall
      '';
      dontFixup = true;
    };
}
