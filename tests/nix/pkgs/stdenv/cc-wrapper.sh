#!@bash@
# What is linked without the C library (the kernel, EFI programs) or statically
# has no use for a dynamic linker's name or paths.
link=("-Wl,--dynamic-linker=@glibc@/lib/ld-linux-x86-64.so.2" -Wl,-rpath,@glibc@/lib $NIX_LDFLAGS)
for arg; do
  case $arg in
  -c | -S | -E | -M | -MM | -nostdlib | -static | -static-pie | -r | -fsyntax-only) link=() ;;
  esac
done
exec @real@ --sysroot=@toolchain@ "$@" $NIX_CFLAGS_COMPILE "${link[@]}"
