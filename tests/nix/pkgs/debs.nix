# Debian's files, in the store by content: `final.deb.NAME` and `final.debianSource.NAME`
# are store paths that depend on the file alone, not on where it was.
{ debs }:
final: prev:
let
  dir =
    if debs == "" then
      throw "this package set is made of Debian's packages: the argument debs (or BOCADITOS_TEST_DEBS) names their directory"
    else
      toString debs;
  index = builtins.fromJSON (builtins.readFile (dir + "/debs.json"));
  stored =
    suffix: name: f:
    builtins.path {
      # Without the characters that names in the store may not have.
      name = builtins.replaceStrings [ "~" "%" ":" ] [ "-" "-" "-" ] (name + suffix);
      path = dir + "/" + f.file;
      recursive = false;
      inherit (f) sha256;
    };
in
{
  deb = builtins.mapAttrs (
    name: f:
    {
      inherit (f) version;
      outPath = stored ".deb" name f;
    }
  ) index.packages;
  debianSource = builtins.mapAttrs (
    name: f:
    {
      inherit (f) version;
      outPath = stored ("." + f.suffix) name f;
    }
  ) index.sources;
  debianToolchain = index.toolchain;

  # A static busybox is what runs before anything else can: see
  # pkgs/stdenv/linux/bootstrap-files of nixpkgs. It goes by its file's name, so that
  # must not begin with a hash.
  bootstrapBusybox = "${
    builtins.path {
      name = "bootstrap";
      path = dir + "/bootstrap";
    }
  }/busybox";
}
