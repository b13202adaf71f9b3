# An error some calls away from the package that it is in.
let
  inner = attrs: attrs.missing;
  outer = x: inner { there = x; };
in
{ package = derivation { name = outer 1; system = "none"; builder = "none"; }; }
