# As lib/licenses.nix of nixpkgs has them: what meta.license is checked by.
let
  license = shortName: free: {
    inherit shortName free;
    fullName = shortName;
    redistributable = free;
    deprecated = false;
  };
in
{
  asl20 = license "asl20" true;
  bsd2 = license "bsd2" true;
  gpl2Only = license "gpl2Only" true;
  gpl2Plus = license "gpl2Plus" true;
  gpl3Plus = license "gpl3Plus" true;
  lgpl21Plus = license "lgpl21Plus" true;
  mit = license "mit" true;
  publicDomain = license "publicDomain" true;
  unfree = license "unfree" false;
}
