# Run by busybox's ash.
mkdir "$TMPDIR/bin"
"$busybox" --install -s "$TMPDIR/bin"
PATH=$TMPDIR/bin
umask 022

mkdir -p "$out/usr/bin" "$out/usr/sbin" "$out/usr/lib/x86_64-linux-gnu" "$out/usr/lib64"
for d in bin sbin lib lib64; do ln -s usr/$d "$out/$d"; done
mkdir "$TMPDIR/deb"
for deb in $debs; do
  case $deb in
    *-base-files.deb) continue ;; # its links are those above
  esac
  dpkg-deb -x "$deb" "$out"
done
cd "$out"
rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/info var etc

# What alternatives(7) would have linked.
ln -sf gawk usr/bin/awk
ln -sf bash usr/bin/sh
for f in usr/bin/aclocal-* usr/bin/automake-*; do ln -s "${f##*/}" "${f%-*}"; done
ln -sf x86_64-linux-gnu-ld.bfd usr/bin/x86_64-linux-gnu-ld

# Scripts, such as autoconf's, that name each other and their data.
find usr/bin usr/share/autoconf usr/share/automake* usr/share/aclocal* -type f -exec grep -lE '/usr|"/bin/' {} + | while read -r f; do
  case $(head -c 4 "$f" | tr -d '\177') in
    ELF) ;;
    "# Th") ;; # m4's frozen state says how long its strings are
    *) sed -i "s,/usr/\(bin\|share\|lib\)/,$out/usr/\1/,g; s,\"/usr/share\",\"$out/usr/share\",; s,\"/bin/,\"$out/bin/,g; s,^ *prefix=.*/usr[\"']*$,prefix=$out/usr," "$f" ;;
  esac
done

# Programs find ld.so and, by DT_RPATH, which counts for what their libraries
# need too, all libraries. Copies run patchelf, as it can't change what runs.
lib=$out/usr/lib/x86_64-linux-gnu
ldso=$lib/ld-linux-x86-64.so.2
cp usr/bin/patchelf "$TMPDIR/patchelf"
find usr/bin usr/sbin usr/libexec usr/lib/gcc -type f -perm -100 | while read -r f; do
  case $(head -c 4 "$f" | tr -d '\177') in
    ELF)
      if "$ldso" --library-path "$lib" "$TMPDIR/patchelf" --print-interpreter "$f" >/dev/null 2>&1; then
        if [ "$(od -An -tu1 -j16 -N1 "$f" | tr -d ' ')" = 2 ]; then
          # ET_EXEC, as Python, gcc and cc1 are: patchelf 0.18 breaks these.
          mv "$f" "$f.elf"
          printf '#!%s\nexec %s --library-path %s --argv0 "$0" %s "$@"\n' "$out/usr/bin/bash" "$ldso" "$lib" "$out/$f.elf" >"$f"
          chmod +x "$f"
        else
          "$ldso" --library-path "$lib" "$TMPDIR/patchelf" --set-interpreter "$ldso" --force-rpath --set-rpath "$lib" "$f"
        fi
      fi
      ;;
    '#!'*)
      sed -i "1s,^#! */usr/bin/env ,#!$out/usr/bin/,; 1s,^#! */bin/,#!$out/usr/bin/,; 1s,^#! */usr/bin/,#!$out/usr/bin/," "$f"
      ;;
  esac
done
