{
  description = "A small package set with nixpkgs' interfaces, for tests";

  # The directory of Debian's packages comes by the environment, so evaluation
  # is impure.
  outputs =
    { self }:
    {
      lib = import ./lib.nix;
      legacyPackages.x86_64-linux = import ./. { system = "x86_64-linux"; };
    };
}
