# What a build runs in: the part of nixpkgs' pkgs/stdenv/generic/setup.sh that its
# packages and setup hooks rely on (phases, hooks, substituteInPlace,
# patchShebangs, moveToOutput), written anew.
set -eu
set -o pipefail
shopt -s nullglob extglob

PATH=$stdenv/bin:$stdenv/sbin
if [ -n "${cc:-}" ]; then PATH=$cc/bin:$PATH; fi
export PATH
export SHELL=$stdenv/bin/bash CONFIG_SHELL=$stdenv/bin/bash
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1} TZ=UTC HOME=/homeless-shelter
export LC_ALL=C.UTF-8
# The compiler's and Python's own files are below Debian's usr.
export PYTHONHOME=$stdenv/usr PYTHONPATH=$stdenv/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
for d in "$stdenv"/usr/share/perl5 "$stdenv"/usr/{lib/x86_64-linux-gnu,share}/{perl/5.*([0-9]),perl-base}; do
  export PERL5LIB="${PERL5LIB:+$PERL5LIB:}$d"
done
export PKG_CONFIG_LIBDIR=$stdenv/usr/lib/x86_64-linux-gnu/pkgconfig:$stdenv/usr/share/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stdenv
export BISON_PKGDATADIR=$stdenv/usr/share/bison M4=$stdenv/bin/m4
umask 022

: "${NIX_BUILD_CORES:=1}"
prefix=$out
HOST_PATH=
# Where ELF files may find what they need; see relinkElf.
libraryPath=()
pkgsSeen=" "

# The output for each kind of file, as names of variables:
# pkgs/build-support/setup-hooks/multiple-outputs.sh.
firstOutput() {
  local to=$1 o
  shift
  for o; do
    if [ -n "${!o:-}" ]; then
      if [ -z "${!to:-}" ]; then printf -v "$to" %s "$o"; fi # one the derivation chose stays
      return
    fi
  done
}
firstOutput outputDev dev out
firstOutput outputBin bin out
firstOutput outputLib lib out

# Programs such as ninja, and system(3), have this name compiled in. Nix's
# sandbox lacks it if Nix was built without one; then the root is the build's.
if ! [ -e /bin/sh ] && mkdir -p /bin 2>/dev/null; then ln -s "$SHELL" /bin/sh; fi

die() {
  echo "error: $*" >&2
  exit 1
}

# runHook NAME runs the functions in the array NAMEHooks (without "Hook"
# doubled) and then NAME, a function or shell code in a variable.
runHook() {
  local hook=$1 f
  shift
  local -n list="${hook%Hook}Hooks"
  for f in "${list[@]+"${list[@]}"}"; do _eval "$f" "$@"; done
  unset -n list
  _implicit "$hook" "$@"
}

_eval() {
  if declare -F "$1" >/dev/null; then "$@"; else eval "$1"; fi
}

_implicit() {
  if declare -F "$1" >/dev/null; then
    "$@"
  elif [ -n "${!1:-}" ]; then
    eval "${!1}"
  fi
}

echoCmd() {
  printf '%s:' "$1"
  shift
  printf ' %q' "$@"
  echo
}

addToSearchPath() {
  if [ -d "$2" ]; then export "$1=${!1:+${!1}:}$2"; fi
}

# addEnvHooks keeps nixpkgs' signature (host offset, functions); there is but one
# platform.
envHooks=()
addEnvHooks() {
  shift
  envHooks+=("$@")
}

# findInputs adds a package and what it propagates to allInputs, then runs its
# setup hook.
allInputs=()
findInputs() {
  local pkg=$1 f p
  case $pkgsSeen in *" $pkg "*) return 0 ;; esac
  pkgsSeen+="$pkg "
  [ -e "$pkg" ] || die "build input $pkg does not exist"
  if [ -f "$pkg" ]; then
    . "$pkg"
    return 0
  fi
  for f in propagated-build-inputs propagated-native-build-inputs; do
    if [ -f "$pkg/nix-support/$f" ]; then
      for p in $(<"$pkg/nix-support/$f"); do findInputs "$p"; done
    fi
  done
  allInputs+=("$pkg")
  case " ${buildInputs:-} ${propagatedBuildInputs:-} " in
  *" $pkg "*) addToSearchPath HOST_PATH "$pkg/bin" ;;
  esac
  if [ -d "$pkg/bin" ]; then PATH=$pkg/bin:$PATH; fi
  if [ -f "$pkg/nix-support/setup-hook" ]; then . "$pkg/nix-support/setup-hook"; fi
}

addLibrary() {
  local pkg=$1
  if [ -d "$pkg/lib" ]; then
    libraryPath+=("$pkg/lib")
    NIX_LDFLAGS="${NIX_LDFLAGS:-} -L$pkg/lib -Wl,-rpath,$pkg/lib"
  fi
  if [ -d "$pkg/include" ]; then NIX_CFLAGS_COMPILE="${NIX_CFLAGS_COMPILE:-} -isystem $pkg/include"; fi
  addToSearchPath PKG_CONFIG_PATH "$pkg/lib/pkgconfig"
  addToSearchPath PKG_CONFIG_PATH "$pkg/share/pkgconfig"
}

prepareInputs() {
  local p f
  for p in ${nativeBuildInputs:-} ${propagatedNativeBuildInputs:-} ${buildInputs:-} ${propagatedBuildInputs:-}; do
    findInputs "$p"
  done
  for p in "${allInputs[@]+"${allInputs[@]}"}"; do
    addLibrary "$p"
    for f in "${envHooks[@]+"${envHooks[@]}"}"; do "$f" "$p"; done
  done
  export PATH HOST_PATH NIX_LDFLAGS="${NIX_LDFLAGS:-}" NIX_CFLAGS_COMPILE="${NIX_CFLAGS_COMPILE:-}"
}

# substitute IN OUT, with --replace-fail, --replace-warn, --replace-quiet (and
# --replace, which is the latter's old name), --subst-var.
substitute() {
  local in=$1 to=$2 text pattern with mode
  shift 2
  [ -f "$in" ] || die "substitute(): file '$in' does not exist"
  # The x keeps trailing newlines.
  text=$(cat "$in"; printf x)
  text=${text%x}
  while [ $# -gt 0 ]; do
    mode=$1
    case $mode in
    --replace | --replace-fail | --replace-warn | --replace-quiet)
      pattern=$2 with=$3
      shift 3
      ;;
    --subst-var)
      pattern="@$2@" with=${!2} mode=--replace-fail
      shift 2
      ;;
    --subst-var-by)
      pattern="@$2@" with=$3 mode=--replace-fail
      shift 3
      ;;
    *) die "substitute(): Invalid command line argument: $mode" ;;
    esac
    if [[ $text != *"$pattern"* ]]; then
      case $mode in
      --replace-fail) die "substituteStream() in derivation $name: pattern $pattern doesn't match anything in file '$in'" ;;
      --replace-warn) echo "warning: pattern $pattern doesn't match anything in file '$in'" >&2 ;;
      esac
    fi
    text=${text//"$pattern"/"$with"}
  done
  printf %s "$text" >"$to"
}

substituteInPlace() {
  local files=() f
  while [ $# -gt 0 ] && [[ $1 != --* ]]; do
    files+=("$1")
    shift
  done
  for f in "${files[@]}"; do
    if ! [ -w "$f" ]; then chmod u+w "$f"; fi
    substitute "$f" "$f.substituted" "$@"
    # Keeps the mode.
    cat "$f.substituted" >"$f"
    rm "$f.substituted"
  done
}

substituteAll() { die "substituteAll is gone from nixpkgs; use substitute"; }

# patchShebangs [--build|--host] PATHS points the interpreters of executable
# scripts to programs on the path: pkgs/build-support/setup-hooks/patch-shebangs.sh.
patchShebangs() {
  local pathName=PATH f line words interpreter new
  while [[ ${1:-} == --* ]]; do
    case $1 in
    --host) pathName=HOST_PATH ;;
    --build | --update) ;;
    esac
    shift
  done
  while IFS= read -r -d '' f; do
    IFS= read -r line <"$f" 2>/dev/null || true
    [[ $line == '#!'* ]] || continue
    read -r -a words <<<"${line#'#!'}"
    interpreter=${words[0]:-}
    words=("${words[@]:1}")
    [[ $interpreter == "$NIX_STORE"/* || -z $interpreter ]] && continue
    if [[ $interpreter == */env ]]; then
      interpreter=${words[0]}
      words=("${words[@]:1}")
    fi
    new=$(PATH=${!pathName} type -P "${interpreter##*/}" || true)
    if [ -z "$new" ]; then continue; fi
    line="#!$new${words[*]:+ ${words[*]}}"
    # A script may be read-only, and its mode stays.
    { echo "$line"; tail -n +2 "$f"; } >"$TMPDIR/.shebang"
    if ! [ -w "$f" ]; then chmod u+w "$f"; fi
    cat "$TMPDIR/.shebang" >"$f"
  done < <(find "$@" -type f -perm -0100 -print0)
}

# moveToOutput PATTERN OUTPUT: pkgs/build-support/setup-hooks/multiple-outputs.sh.
moveToOutput() {
  local patt=$1 dst=$2 output src
  for output in $outputs; do
    [ "${!output}" = "$dst" ] && continue
    for src in "${!output}"/$patt; do
      [ -e "$src" ] || [ -L "$src" ] || continue
      local to=$dst${src#"${!output}"}
      mkdir -p "${to%/*}"
      if [ -d "$src" ] && [ -d "$to" ]; then
        cp -a "$src/." "$to/"
        rm -r "$src"
      else
        mv "$src" "$to"
      fi
      rmdir --ignore-fail-on-non-empty -p "${src%/*}" 2>/dev/null || true
    done
  done
}

# isELF FILE
isELF() {
  local magic
  LC_ALL=C read -r -n 4 magic 2>/dev/null <"$1" || true
  [ "$magic" = $'\177ELF' ]
}

# relinkElf OUTPUTS gives each ELF file below them glibc's ld.so of the store and a
# run path of exactly the directories that have what it needs, and those in
# dlopenPath. A library nobody has is an error. patchelf leaves ld.so and libc
# alone: they have nothing to find, and break.
relinkElf() {
  local ldso=${glibc:-}/lib/ld-linux-x86-64.so.2 f d lib dirs own=() found
  readarray -t own < <(find "$@" -name '*.so*' -printf '%h\n' | sort -u)
  while IFS= read -r -d '' f; do
    isELF "$f" || continue
    case $f in *.o | *.ko | *.ko.* | *.efi | *.efi.stub | */ld-linux-*.so.* | */libc.so.* | */lib/modules/*) continue ;; esac
    local needed
    needed=$(patchelf --print-needed "$f" 2>/dev/null) || continue
    chmod u+w "$f"
    if patchelf --print-interpreter "$f" >/dev/null 2>&1; then
      if [ -z "${glibc:-}" ]; then ldso=$out/lib/ld-linux-x86-64.so.2; fi
      patchelf --set-interpreter "$ldso" "$f"
    fi
    dirs=
    for lib in $needed; do
      case $lib in ld-linux-x86-64.so.2) continue ;; esac
      found=
      for d in "${own[@]+"${own[@]}"}" ${extraLibraryPath:-} ${glibc:+"$glibc/lib"} "${libraryPath[@]+"${libraryPath[@]}"}"; do
        if [ -e "$d/$lib" ]; then
          found=$d
          break
        fi
      done
      [ -n "$found" ] || die "$f needs $lib, which no build input has"
      case ":$dirs:" in *":$found:"*) ;; *) dirs=${dirs:+$dirs:}$found ;; esac
    done
    for d in ${dlopenPath:-}; do
      case ":$dirs:" in *":$d:"*) ;; *) dirs=${dirs:+$dirs:}$d ;; esac
    done
    if [ -n "$dirs" ]; then patchelf --set-rpath "$dirs" "$f"; else patchelf --remove-rpath "$f"; fi
  done < <(find "$@" -type f -print0)
}

unpackFile() {
  case $1 in
  *.tar | *.tar.* | *.tgz) tar xf "$1" ;;
  *)
    if [ -d "$1" ]; then
      cp -r --no-preserve=ownership "$1" "$(basename "$1" | cut -d- -f2-)"
      chmod -R u+w .
    else
      die "source $1 is not an archive"
    fi
    ;;
  esac
}

unpackPhase() {
  runHook preUnpack
  local s before d
  before=" $(echo *) "
  for s in ${srcs:-$src}; do unpackFile "$s"; done
  if [ -z "${sourceRoot:-}" ]; then
    for d in */; do
      case $before in *" ${d%/} "*) continue ;; esac
      [ -z "${sourceRoot:-}" ] || die "unpacker produced multiple directories"
      sourceRoot=${d%/}
    done
  fi
  [ -n "${sourceRoot:-}" ] || die "unpacker appears to have produced no directories"
  chmod -R u+w "$sourceRoot"
  runHook postUnpack
}

patchPhase() {
  runHook prePatch
  local p
  for p in ${patches:-}; do
    echo "applying patch $p"
    patch --no-backup-if-mismatch -p1 ${patchFlags:-} <"$p"
  done
  runHook postPatch
}

configurePhase() {
  runHook preConfigure
  if [ -x "${configureScript:-./configure}" ] && [ -z "${dontConfigure:-}" ]; then
    echoCmd 'configure flags' --prefix="$prefix" ${configureFlags:-} "${configureFlagsArray[@]+"${configureFlagsArray[@]}"}"
    "${configureScript:-./configure}" --prefix="$prefix" ${configureFlags:-} "${configureFlagsArray[@]+"${configureFlagsArray[@]}"}"
  fi
  runHook postConfigure
}

buildPhase() {
  runHook preBuild
  if [ -e Makefile ] || [ -n "${makefile:-}" ] || [ -e makefile ]; then
    make ${makefile:+-f "$makefile"} -j"$NIX_BUILD_CORES" SHELL="$SHELL" ${makeFlags:-} "${makeFlagsArray[@]+"${makeFlagsArray[@]}"}" ${buildFlags:-}
  fi
  runHook postBuild
}

checkPhase() {
  runHook preCheck
  make -j"$NIX_BUILD_CORES" SHELL="$SHELL" ${makeFlags:-} check
  runHook postCheck
}

installPhase() {
  runHook preInstall
  make SHELL="$SHELL" ${makeFlags:-} "${makeFlagsArray[@]+"${makeFlagsArray[@]}"}" ${installFlags:-} ${installTargets:-install}
  runHook postInstall
}

fixupPhase() {
  local output p all=()
  for output in $outputs; do
    if [ -e "${!output}" ]; then
      chmod -R u+w "${!output}"
      all+=("${!output}")
    fi
  done
  runHook preFixup
  for output in $outputs; do
    [ -d "${!output}" ] || continue
    local prefix=${!output}
    if [ -z "${dontMoveSbin:-}" ] && [ -d "$prefix/sbin" ] && ! [ -L "$prefix/sbin" ]; then
      # pkgs/build-support/setup-hooks/move-sbin.sh
      mkdir -p "$prefix/bin"
      local p
      for p in "$prefix"/sbin/*; do
        if [ "$p" -ef "$prefix/bin/${p##*/}" ]; then rm "$p"; fi # a link from one to the other
      done
      cp -a "$prefix/sbin/." "$prefix/bin/"
      rm -r "$prefix/sbin"
      ln -s bin "$prefix/sbin"
    fi
    if [ -z "${dontStrip:-}" ]; then
      find "$prefix" -type f \( -name '*.so*' -o -path '*/bin/*' -o -path '*/libexec/*' -o -path '*/lib/systemd/*' \) ! -name '*.stub' ! -path '*/boot/efi/*' -exec strip --strip-debug {} + 2>/dev/null || true
    fi
    if [ -z "${dontPatchShebangs:-}" ]; then patchShebangs --host "$prefix"; fi
    local hook
    for hook in "${fixupOutputHooks[@]+"${fixupOutputHooks[@]}"}"; do _eval "$hook"; done
  done
  if [ -z "${dontPatchELF:-}" ] && [ ${#all[@]} -gt 0 ]; then relinkElf "${all[@]}"; fi
  # Static libraries and such are the toolchain's matter.
  for output in $outputs; do
    if [ -d "${!output}/lib" ]; then find "${!output}/lib" \( -name '*.a' -o -name '*.la' \) -delete; fi
  done

  # What depends on the output dev gets the libraries, too: multiple-outputs.sh.
  local to=${!outputDev}/nix-support propagated=${propagatedBuildInputs:-}
  for output in "$outputBin" "$outputLib"; do
    if [ "$outputDev" = dev ]; then propagated+=" ${!output}"; fi
  done
  mkdir -p "$to"
  if [ -n "${propagated// /}" ]; then echo "$propagated" >"$to/propagated-build-inputs"; fi
  if [ -n "${propagatedNativeBuildInputs:-}" ]; then echo "$propagatedNativeBuildInputs" >"$to/propagated-native-build-inputs"; fi
  if [ -n "${setupHook:-}" ]; then cp "$setupHook" "$to/setup-hook"; fi
  rmdir --ignore-fail-on-non-empty "$to"
  runHook postFixup
}

# Phases of a derivation may be shell code in a variable.
runPhase() {
  local phase=$1
  echo "Running phase: $phase"
  if [ -n "${!phase:-}" ]; then eval "${!phase}"; else "$phase"; fi
  if [ "$phase" = unpackPhase ] && [ -n "${sourceRoot:-}" ]; then cd "$sourceRoot"; fi
}

genericBuild() {
  if [ -n "${buildCommand:-}" ]; then
    eval "$buildCommand"
    return
  fi
  local phase
  for phase in ${phases:-${prePhases:-} unpackPhase patchPhase ${preConfigurePhases:-} configurePhase ${preBuildPhases:-} buildPhase checkPhase ${preInstallPhases:-} installPhase ${preFixupPhases:-} fixupPhase installCheckPhase ${postPhases:-}}; do
    case $phase in
    unpackPhase) [ -z "${dontUnpack:-}" ] || continue ;;
    configurePhase) [ -z "${dontConfigure:-}" ] || continue ;;
    buildPhase) [ -z "${dontBuild:-}" ] || continue ;;
    checkPhase) [ -n "${doCheck:-}" ] || continue ;;
    installPhase) [ -z "${dontInstall:-}" ] || continue ;;
    fixupPhase) [ -z "${dontFixup:-}" ] || continue ;;
    installCheckPhase) [ -n "${doInstallCheck:-}" ] || continue ;;
    esac
    runPhase "$phase"
  done
}

cd "$NIX_BUILD_TOP"
prepareInputs
runHook postHook
set +u
