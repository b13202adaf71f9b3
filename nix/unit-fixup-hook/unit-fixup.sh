# shellcheck shell=bash
#
# Gives the Exec lines of systemd units and D-Bus service files in a package's
# outputs the absolute paths of programs: those of its own outputs, then those of
# its buildInputs. Lines that name /bin/sh, /usr/bin/env or an existing path in
# the store stay. A program that nobody has fails the build, unless the line has
# a "-" (its failure is ignored); systemd in buildInputs provides udevadm and such.
#
# dontFixupUnits=1            leaves the units alone.
# unitFixupIgnoreMissing      lists programs that may be missing, as shell patterns:
#                             those that only the image has, where they are found
#                             when it is built.
#
# What was rewritten is listed in nix-support/unit-fixup.json of the output.
#
# All outputs are done at once and last, after postFixup, where packages wrap and
# move programs: a unit of one output often starts a program of another. That is
# why this is not one of fixupOutputHooks, as patchShebangs is
# (pkgs/build-support/setup-hooks/patch-shebangs.sh in nixpkgs), but as
# auto-patchelf.sh there.
postFixupHooks+=(unitFixupAuto)

# unitFixup PREFIX... does it for these directories, which are one package.
unitFixup() {
    local -a flags=()
    local prefix pattern
    for prefix in "$@"; do
        flags+=(--prefix "$prefix")
    done
    local restoreGlobs
    restoreGlobs=$(shopt -po noglob || true)
    set -o noglob
    # A list, as a string or, with __structuredAttrs, an array.
    # shellcheck disable=SC2048
    for pattern in ${unitFixupIgnoreMissing[*]-}; do
        flags+=(--ignore-missing "$pattern")
    done
    eval "$restoreGlobs"
    echo "fixing up units in $*"
    if ! @bocaditos@ fixup "${flags[@]}" --path "${HOST_PATH//:/,}"; then
        echo "add the packages that have these programs to buildInputs, list the programs in unitFixupIgnoreMissing, or set dontFixupUnits=1" >&2
        return 1
    fi
}

unitFixupAuto() {
    if [[ -n "${dontFixupUnits-}" ]]; then
        return
    fi
    local -a prefixes=()
    local output names=${outputs-}
    # Where outputs may be an associative array, there is a function for their names.
    if declare -F getAllOutputNames >/dev/null; then
        names=$(getAllOutputNames)
    fi
    for output in $names; do
        case $output in
        # What services start is not here, and a reference to these outputs
        # would often be a cycle.
        dev | devdoc | devman | doc | info | man | debug) continue ;;
        esac
        if [[ -d "${!output}" ]]; then
            prefixes+=("${!output}")
        fi
    done
    if [[ ${#prefixes[@]} -gt 0 ]]; then
        unitFixup "${prefixes[@]}"
    fi
}
