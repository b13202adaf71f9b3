PATH=$toolchain/bin
mkdir -p "$out/bin"
for name in gcc cc cpp; do
  real=$name
  if [ "$name" = cc ]; then real=gcc; fi
  sed "s,@bash@,$toolchain/bin/bash,; s,@real@,$toolchain/usr/bin/$real,; s,@toolchain@,$toolchain,; s,@glibc@,$glibc,g" "$wrapper" >"$out/bin/$name"
  chmod +x "$out/bin/$name"
done
