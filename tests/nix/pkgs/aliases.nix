# pkgs/top-level/aliases.nix: old names, which go with config.allowAliases.
final: prev: {
  pam = final.linux-pam;
  utillinux = throw "'utillinux' has been renamed to/replaced by 'util-linux'"; # Converted to throw 2024-10-17
  procps-ng = final.procps;
}
