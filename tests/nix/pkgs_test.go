// Package nix_test tests with a real Nix: the package set made of Debian's
// packages, and what of the project is Nix code.
package nix_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/internal/nixtest"
)

// eval evaluates an expression in which pkgs is the set with the overlay, and
// returns its value or what nix said.
func eval(t *testing.T, set nixtest.Set, expr string) (any, string) {
	t.Helper()
	cmd := exec.Command("nix-instantiate", "--eval", "--strict", "--json", "--expr", "let pkgs = "+set.Expr()+"; set = import "+set.Path+"; debs = "+`"`+set.Debs+`"`+"; in "+expr)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, stderr.String()
	}
	var v any
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%s: %v: %s", expr, err, out)
	}
	return v, ""
}

// The set behaves as nixpkgs does where the project and its users rely on it.
func TestInterface(t *testing.T) {
	set := nixtest.PackageSet(t)
	for _, c := range []struct {
		name, expr string
		want       any    // value, or
		err        string // part of the error
	}{
		{"overrideAttrs", `(pkgs.hostname.overrideAttrs (old: { pname = old.pname + "-x"; })).pname`, "hostname-x", ""},
		{"overrideAttrs with a set", `(pkgs.hostname.overrideAttrs { pname = "y"; }).pname`, "y", ""},
		{"overrideAttrs with two arguments", `(pkgs.hostname.overrideAttrs (final: prev: { version = "9"; name = "${final.pname}_${final.version}"; })).name`, "hostname_9", ""},
		{"overrideAttrs after overrideAttrs", `((pkgs.hostname.overrideAttrs { a = 1; }).overrideAttrs (old: { b = old.a + 1; })).b`, float64(2), ""},
		{"finalAttrs", `(pkgs.systemd.overrideAttrs { version = "257.99"; }).mesonFlags != pkgs.systemd.mesonFlags`, true, ""},
		{"another derivation", `(pkgs.hostname.overrideAttrs { a = 1; }).drvPath != pkgs.hostname.drvPath`, true, ""},
		{"the same derivation", `(pkgs.hostname.overrideAttrs { }).drvPath == pkgs.hostname.drvPath`, true, ""},
		{"override", `(pkgs.linux.override { kmod = pkgs.hostname; }).drvPath != pkgs.linux.drvPath`, true, ""},
		{"override keeps overrideAttrs", `((pkgs.linux.overrideAttrs { a = 1; }).override { kmod = pkgs.kmod; }).a`, float64(1), ""},
		{"callPackage", `(pkgs.callPackage ({ hostname, extra ? 1 }: { inherit extra; inherit (hostname) pname; }) { extra = 2; }).extra`, float64(2), ""},
		{"callPackage without argument", `pkgs.callPackage ({ nonesuch }: { }) { }`, nil, "nonesuch"},
		{"overlays", `(set { inherit debs; overlays = [ (final: prev: { hostname = prev.bash; }) (final: prev: { x = final.hostname.pname; }) ]; }).x`, "bash", ""},
		{"an overlay reaches dependents", `(set { inherit debs; overlays = [ (final: prev: { kmod = prev.kmod.overrideAttrs { a = 1; }; }) ]; }).linux.drvPath != pkgs.linux.drvPath`, true, ""},
		{"extend", `(pkgs.extend (final: prev: { x = 1; })).x`, float64(1), ""},
		{"appendOverlays", `((pkgs.appendOverlays [ (final: prev: { x = prev.bocaditos ? systemd; }) ]).x)`, true, ""},
		{"our overlay changes nothing else", `pkgs.systemd.drvPath == (set { inherit debs; }).systemd.drvPath`, true, ""},
		{"alias", `pkgs.pam.drvPath == pkgs.linux-pam.drvPath`, true, ""},
		{"alias that is gone", `pkgs.utillinux`, nil, "renamed to/replaced by 'util-linux'"},
		{"no aliases", `(set { inherit debs; config.allowAliases = false; }) ? pam`, false, ""},
		{"outputs", `pkgs.util-linux.outputs`, []any{"bin", "out", "lib", "mount", "login", "swap"}, ""},
		{"outputsToInstall", `pkgs.util-linux.meta.outputsToInstall`, []any{"bin"}, ""},
		{"the first output is the default", `pkgs.util-linux.outPath == pkgs.util-linux.bin.outPath`, true, ""},
		{"getOutput", `pkgs.lib.getLib pkgs.util-linux == pkgs.util-linux.lib && pkgs.lib.getBin pkgs.kmod == pkgs.kmod`, true, ""},
		{"all", `builtins.length pkgs.util-linux.all`, float64(6), ""},
		{"unfree", `pkgs.unfree-example.outPath`, nil, "has an unfree license (‘unfree’), refusing to evaluate"},
		{"unfree, allowed", `builtins.isString (set { inherit debs; config.allowUnfree = true; }).unfree-example.outPath`, true, ""},
		{"unfree, its name", `pkgs.unfree-example.name != ""`, true, ""},
		{"broken", `pkgs.broken-example.drvPath`, nil, "is marked as broken, refusing to evaluate"},
		{"insecure", `pkgs.insecure-example.drvPath`, nil, "is marked as insecure, refusing to evaluate"},
		{"insecure, permitted", `builtins.isString (set { inherit debs; config.permittedInsecurePackages = [ pkgs.insecure-example.name ]; }).insecure-example.drvPath`, true, ""},
		{"no debs", `(set { debs = ""; }).hostname.drvPath`, nil, "BOCADITOS_TEST_DEBS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, msg := eval(t, set, c.expr)
			if !strings.Contains(msg, c.err) || (c.err == "") != (msg == "") {
				t.Fatalf("%s\nerror %q, want %q", c.expr, msg, c.err)
			}
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(c.want)
			if string(a) != string(b) {
				t.Errorf("%s\nis %s, want %s", c.expr, a, b)
			}
		})
	}
}

// A package that uses phases, hooks, patches, outputs and propagation.
func TestStdenv(t *testing.T) {
	set := nixtest.PackageSet(t)
	expr := `let pkgs = ` + set.Expr() + `; in with pkgs; let
	  hook = makeSetupHook { name = "h"; substitutions = { who = "hook"; }; } (writeText "h.sh" ''
	    fixupOutputHooks+=('echo "@who@ $output $prefix" >>$out/log')
	  '');
	  library = stdenv.mkDerivation {
	    name = "library"; dontUnpack = true; outputs = [ "out" "dev" ];
	    propagatedBuildInputs = [ zlib ];
	    installPhase = ''
	      mkdir -p $out/lib $dev/include
	      echo 'int answer(void) { return 42; }' >a.c
	      cc -shared -fPIC -o $out/lib/libanswer.so a.c
	      echo 'int answer(void);' >$dev/include/answer.h
	    '';
	  };
	in stdenv.mkDerivation {
	  pname = "program"; version = "1";
	  src = writeTextDir "main.c" "#include <answer.h>\n#include <stdio.h>\n#include <zlib.h>\nint main(void) { printf(\"%d %d\\n\", OLD, zlibVersion()[0] == '1'); }\n";
	  patches = [ (writeText "p.patch" "--- a/main.c\n+++ b/main.c\n@@ -1,4 +1,4 @@\n #include <answer.h>\n #include <stdio.h>\n #include <zlib.h>\n-int main(void) { printf(\"%d %d\\n\", OLD, zlibVersion()[0] == '1'); }\n+int main(void) { printf(\"%d %d\\n\", answer(), zlibVersion()[0] == '1'); }\n") ];
	  nativeBuildInputs = [ hook ]; buildInputs = [ library ];
	  glibc = pkgs.glibc;
	  outputs = [ "out" "doc" ];
	  buildPhase = "runHook preBuild; cc -o program main.c -lanswer -lz; runHook postBuild";
	  preBuild = "touch pre-build";
	  installPhase = "test -e pre-build; install -D program $out/sbin/program; printf '#!/usr/bin/env bash\necho script\n' >$out/sbin/script; chmod +x $out/sbin/script; install -D main.c $doc/share/doc/main.c";
	  nativeCheckInputs = [ ];
	}`
	out := strings.Fields(debiantest.Run(t, "nix-build", "--no-out-link", "--expr", "("+expr+").all"))
	if len(out) != 2 {
		t.Fatal(out)
	}
	if got := debiantest.Run(t, out[0]+"/bin/program"); got != "42 1\n" {
		t.Errorf("program printed %q", got)
	}
	want := "hook out " + out[0] + "\nhook doc " + out[1] + "\n"
	if got := debiantest.Run(t, "cat", out[0]+"/log"); got != want {
		t.Errorf("fixupOutputHooks wrote %q, want %q", got, want)
	}
	if l := debiantest.Run(t, "readlink", out[0]+"/sbin"); l != "bin\n" {
		t.Errorf("sbin is %q", l)
	}
	refs := debiantest.Run(t, "nix-store", "--query", "--requisites", out[0])
	if strings.Contains(refs, "toolchain") || !strings.Contains(refs, "-library") {
		t.Errorf("the closure is\n%s", refs)
	}
}

// Every package of the set that is for images builds, and nothing in its closure
// is of the toolchain or is started by another ld.so than glibc's in the store.
func TestPackages(t *testing.T) {
	set := nixtest.PackageSet(t)
	paths := set.Build(t, images...)
	closure := strings.Fields(debiantest.Run(t, append([]string{"nix-store", "--query", "--requisites"}, paths...)...))
	for _, p := range closure {
		if strings.Contains(p, "toolchain") || strings.Contains(p, "gcc-wrapper") {
			t.Errorf("%s is in the closure", p)
		}
	}
	files := elfFiles(t, closure)
	if len(files) < 500 {
		t.Fatalf("only %d programs and libraries", len(files))
	}
	for path, f := range files {
		// libc can be run to print its version; nobody does.
		if f.interpreter != "" && !strings.HasPrefix(f.interpreter, "/nix/store/") && filepath.Base(path) != "libc.so.6" {
			t.Errorf("%s is started by %s", path, f.interpreter)
		}
		for _, dir := range f.runpath {
			if !strings.HasPrefix(dir, "/nix/store/") {
				t.Errorf("%s looks for libraries in %s", path, dir)
			}
		}
	}
	// They run: not all do when patchelf has been at them.
	for program, arg := range map[string]string{
		"bash/bin/bash": "--version", "coreutils/bin/ls": "--version", "openssh/bin/sshd": "-V", "nginx/bin/nginx": "-v",
		"util-linux/bin/mount": "--version", "kmod/bin/modprobe": "--version", "kbd/bin/loadkeys": "--version",
		"dbus-broker/bin/dbus-broker": "--version", "shadow/bin/useradd": "--help", "iproute2/bin/ip": "-V",
		"gnugrep/bin/grep": "--version", "strace/bin/strace": "--version", "getent/bin/getent": "--version",
	} {
		name, rest, _ := strings.Cut(program, "/")
		dir := set.Build(t, name)[0]
		debiantest.Run(t, filepath.Join(dir, rest), arg)
	}
}

// images are the attributes that images are made of.
var images = strings.Fields(`bash cacert coreutils dbus dbus-broker e2fsprogs findutils getent glibc glibc.bin gnugrep gnused gnutar gzip
	hostname iana-etc iproute2 iputils kbd kmod less linux linux.modules linux-pam nginx openssh procps shadow strace tzdata
	util-linux util-linux.lib util-linux.login util-linux.mount util-linux.swap bocaditos.systemd`)
