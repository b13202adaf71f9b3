# A kernel without modules, made of the fragments that Bocaditos ships (listed by
# `bocaditos kernel fragments`) or of your own: what [kernel.build] of a recipe
# makes from Debian's source, with the source and the compiler of this package
# set.
#
#     bocaditos.kernel.override {
#       fragments = [ "base" "systemd" "efi" "erofs" "dm-verity" "virtio" ./mine.config ];
#       options = [ "NR_CPUS=8" "LOCALVERSION=\"-box\"" ];
#     }
#
# Its interface is that of the kernels of nixpkgs, pkgs/os-specific/linux/kernel/
# build.nix and manual-config.nix there: bzImage (Image on AArch64) and System.map
# in the output, and version, modDirVersion, configfile, features and the like
# beside it. With the configuration in the output, too, image builds can check it.
{
  lib,
  stdenv,
  buildPackages,
  bocaditos,
  linux,
  bc,
  bison,
  cpio,
  elfutils,
  flex,
  openssl,
  perl,
  zstd,

  # The source and its version, X.Y or X.Y.Z.
  src ? linux.src,
  version ? linux.version,
  patches ? [ ],
  # Names of fragments that Bocaditos ships, and files; null: all that belong to
  # the architecture.
  fragments ? null,
  # SYMBOL=value, as in a .config without CONFIG_; they have the last word.
  options ? [ ],
  # The configuration is made by the bocaditos of this set, so the kernel changes
  # with every version of it. With this, only what configuration comes out
  # matters, but evaluating the kernel builds its configuration.
  allowImportFromDerivation ? false,
}:
let
  inherit (stdenv) hostPlatform;
  arch = if hostPlatform.isAarch64 then "arm64" else "amd64";
  target = if hostPlatform.isAarch64 then "Image" else "bzImage";
  sourceArch = if hostPlatform.isAarch64 then "arm64" else "x86";

  # The release, as uname -r says it, is X.Y.Z and what CONFIG_LOCALVERSION adds.
  localVersions = lib.concatMap (
    option:
    let
      match = builtins.match "(CONFIG_)?LOCALVERSION=\"(.*)\"" option;
    in
    lib.optional (match != null) (lib.elemAt match 1)
  ) options;
  modDirVersion = lib.versions.pad 3 version + lib.concatStrings localVersions;

  # What was asked for: the same arguments make the settings and check them.
  askedFlags = lib.escapeShellArgs (
    [
      "--arch"
      arch
    ]
    ++ lib.optional (fragments != null) "--fragment=${lib.concatMapStringsSep "," toString' fragments}"
    ++ map (option: "--option=${option}") options
  );
  # A path is copied to the store.
  toString' = fragment: if builtins.isPath fragment then "${fragment}" else toString fragment;

  common = {
    inherit version src patches;

    strictDeps = true;
    enableParallelBuilding = true;
    depsBuildBuild = [ buildPackages.stdenv.cc ];
    nativeBuildInputs = [
      bc
      bison
      bocaditos.cli
      cpio
      elfutils
      flex
      openssl
      perl
      zstd
    ];
    # The kernel knows for itself how it wants to be compiled.
    hardeningDisable = [ "all" ];

    # Nothing that tells one build from the next; the same as for [kernel.build].
    makeFlags = [
      "O=build"
      "ARCH=${hostPlatform.linuxArch}"
      "CROSS_COMPILE=${stdenv.cc.targetPrefix}"
      "CC=${stdenv.cc}/bin/${stdenv.cc.targetPrefix}cc"
      # The wrapped linker adds run paths.
      "LD=${stdenv.cc.bintools.bintools}/bin/${stdenv.cc.targetPrefix}ld"
      "HOSTCC=${buildPackages.stdenv.cc}/bin/${buildPackages.stdenv.cc.targetPrefix}cc"
      "KBUILD_BUILD_USER=bocaditos"
      "KBUILD_BUILD_HOST=bocaditos"
      "KBUILD_BUILD_VERSION=1"
      "KBUILD_BUILD_TIMESTAMP=@1"
      "LOCALVERSION="
    ];

    postPatch = ''
      patchShebangs scripts
    '';
  };

  configfile = stdenv.mkDerivation (
    common
    // {
      pname = "linux-config";

      dontConfigure = true;
      buildPhase = ''
        runHook preBuild
        mkdir build
        bocaditos kernel settings ${askedFlags} >build/asked.config
        make -j"$NIX_BUILD_CORES" $makeFlags KCONFIG_ALLCONFIG="$PWD/build/asked.config" allnoconfig
        bocaditos kernel settings ${askedFlags} --source . --config build/.config
        runHook postBuild
      '';
      installPhase = ''
        runHook preInstall
        cp build/.config $out
        runHook postInstall
      '';
      dontFixup = true;
    }
  );

  config =
    if allowImportFromDerivation then
      builtins.toFile "linux-config-${version}" (builtins.readFile configfile)
    else
      configfile;
in
stdenv.mkDerivation (
  common
  // {
    pname = "linux";

    configurePhase = ''
      runHook preConfigure
      mkdir build
      cp --no-preserve=mode ${config} build/.config
      make $makeFlags olddefconfig
      # The compiler was asked for nothing new.
      diff ${config} build/.config
      release=$(make -s --no-print-directory $makeFlags kernelrelease)
      if [ "$release" != ${lib.escapeShellArg modDirVersion} ]; then
        echo "the kernel's release is $release, not ${modDirVersion}: give the source's version, and LOCALVERSION in options" >&2
        exit 1
      fi
      runHook postConfigure
    '';
    buildFlags = [ target ];
    installPhase = ''
      runHook preInstall
      mkdir -p $out
      cp build/arch/${sourceArch}/boot/${target} build/System.map $out/
      cp build/.config $out/config
      runHook postInstall
    '';
    # Nothing in it starts on the machine that builds it.
    dontStrip = true;
    dontPatchELF = true;

    # It may take long, and many cores.
    requiredSystemFeatures = [ "big-parallel" ];

    passthru = {
      inherit
        configfile
        fragments
        modDirVersion
        options
        target
        version
        ;
      baseVersion = lib.head (lib.splitString "-rc" version);
      kernelOlder = lib.versionOlder version;
      kernelAtLeast = lib.versionAtLeast version;
      kernelPatches = [ ];
      features = { };
      isModular = false;
    };

    meta = {
      description = "Linux, configured by Bocaditos for one kind of image";
      license = lib.licenses.gpl2Only;
      platforms = [
        "x86_64-linux"
        "aarch64-linux"
      ];
    };
  }
)
