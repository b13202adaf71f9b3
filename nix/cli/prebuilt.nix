# An overlay that takes the bocaditos that is already there instead of compiling
# it: the tool adds it with its own executable when it evaluates a package set,
# so no Go is needed. The executable is static. It may be a path or a string with
# an absolute path, for which evaluation must be impure.
{ executable }:
final: prev: {
  bocaditos = (prev.bocaditos or { }) // {
    cli =
      final.runCommandLocal "bocaditos"
        {
          executable = builtins.path {
            name = "bocaditos";
            path = executable;
          };
          meta.mainProgram = "bocaditos";
        }
        ''
          mkdir -p $out/bin
          ln -s $executable $out/bin/bocaditos
        '';
  };
}
