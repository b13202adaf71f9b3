# pkgs/by-name/me/meson/setup-hook.sh and ninja's: the phases of a package that
# has meson among its native inputs.
mesonConfigurePhase() {
  runHook preConfigure
  local bin=${!outputBin} lib=${!outputLib}
  meson setup build \
    --prefix="$prefix" --libdir="$lib/lib" --libexecdir="$lib/libexec" --bindir="$bin/bin" --sbindir="$bin/sbin" \
    --sysconfdir=/etc --localstatedir=/var --buildtype="${mesonBuildType:-plain}" \
    ${mesonFlags:-} "${mesonFlagsArray[@]+"${mesonFlagsArray[@]}"}"
  cd build
  runHook postConfigure
}

ninjaBuildPhase() {
  runHook preBuild
  ninja --quiet -j"$NIX_BUILD_CORES" ${ninjaFlags:-}
  runHook postBuild
}

mesonInstallPhase() {
  runHook preInstall
  meson install --no-rebuild --quiet ${mesonInstallTags:+--tags "${mesonInstallTags// /,}"}
  runHook postInstall
}

if [ -z "${dontUseMesonConfigure:-}" ]; then
  : "${configurePhase:=mesonConfigurePhase}" "${buildPhase:=ninjaBuildPhase}" "${installPhase:=mesonInstallPhase}"
fi
