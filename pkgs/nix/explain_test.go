package nix

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/pkgs"
)

func TestErrorsOfEvaluation(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		cfg := config(t)
		cfg.Program = program
		for _, c := range []struct{ install, want, hint string }{
			{"greater", "package greater: there is no greater", "similar names: greeter"},
			{"greeterPackages.plugin", "package greeterPackages.plugin: there is no plugin in greeterPackages", "similar names: plug-in"},
			{"greeter.dve", "package greeter.dve: there is no dve in greeter", "similar names: dev"},
			{"nothinglikethis", "there is no nothinglikethis", "nix search"},
			{"number.x", "what comes before x is not a set of packages", "a dot leads into a set"},
			{"greeterPackages", "it is a set of packages", "greeterPackages.NAME"},
			{"number", "it is of type int, not a package", ""},
			{"unfree", "evaluate package unfree: nixpkgs refuses unfree-1: its licence is unfree", "allow_unfree = true"},
			{"unfreeOld", "evaluate package unfreeOld: nixpkgs refuses unfree-2: its licence is unfree", "allow_unfree = true"},
			{"licensed", "nixpkgs refuses licensed-1: its licence is unfree", "allow_unfree = true"},
			{"broken", "nixpkgs refuses broken-1: it is marked as broken", "allow_broken = true"},
			{"brokenOld", "nixpkgs refuses broken-2: it is marked as broken", "allow_broken = true"},
			{"insecure", "nixpkgs refuses insecure-1: it has known vulnerabilities", `add "insecure-1" to permit_insecure in [nix]`},
			{"unsupported", "nixpkgs refuses unsupported-1: it is not made for this architecture", "allow_unsupported = true"},
			{"aliased", "evaluate package aliased: aliased was renamed to greeter", "the whole trace is in "},
			{"deep", "evaluate package deep: attribute 'missing' missing", "the whole trace is in "},
		} {
			t.Run(c.install, func(t *testing.T) {
				_, err := newSource(t, cfg).Resolve(t.Context(), request("script", c.install))
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				if strings.Count(err.Error(), "\n") > 3 {
					t.Errorf("%d lines:\n%v", strings.Count(err.Error(), "\n"), err)
				}
				var e *pkgs.Error
				if c.hint == "" {
					return
				}
				if !errors.As(err, &e) || !strings.Contains(e.Tip, c.hint) {
					t.Fatalf("%v: the hint is %+v, want %q", err, e, c.hint)
				}
				checkFile(t, e.Tip, "while evaluating the package '"+c.install+"'")
			})
		}
	})
}

// checkFile looks into the file that a hint names at its end, if it does.
func checkFile(t *testing.T, hint, want string) {
	t.Helper()
	m := regexp.MustCompile(` is in (/\S+)$`).FindStringSubmatch(hint)
	if m == nil {
		return
	}
	if data, err := os.ReadFile(m[1]); err != nil || !strings.Contains(string(data), want) {
		t.Errorf("%s: no %q in\n%s(%v)", m[1], want, data, err)
	}
}

func TestAllowed(t *testing.T) {
	cfg := config(t)
	cfg.AllowUnfree = true
	if got := names(resolve(t, newSource(t, cfg), request("licensed"))); got != "licensed" {
		t.Errorf("got %s", got)
	}
}

// All that is missing is told at once.
func TestSeveralMissing(t *testing.T) {
	_, err := newSource(t, config(t)).Resolve(t.Context(), request("greater", "scirpt"))
	if err == nil || !strings.Contains(err.Error(), "greater") || !strings.Contains(err.Error(), "scirpt") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfBuilding(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		cfg := config(t)
		cfg.Program = program
		for _, install := range []string{"failing", "onFailing"} {
			_, err := newSource(t, cfg).Resolve(t.Context(), request("script", install))
			if err == nil || !strings.HasPrefix(err.Error(), "build failing-1: it failed; the end of its log:\n") ||
				!strings.Contains(err.Error(), "line 6\n") || !strings.HasSuffix(err.Error(), "line 25") || strings.Contains(err.Error(), "line 5\n") {
				t.Errorf("%s: got %v", install, err)
				continue
			}
			e := (*pkgs.Error)(nil)
			if !errors.As(err, &e) {
				t.Fatalf("%v has no hint", err)
			}
			checkFile(t, e.Tip, "line 1\n")
		}
		foreign := request("script")
		foreign.Arch = "arm64"
		_, err := newSource(t, cfg).Resolve(t.Context(), foreign)
		if e := (*pkgs.Error)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), "aarch64-linux") || !strings.Contains(e.Tip, "builders in nix.conf") {
			t.Errorf("for another architecture: %v", err)
		}
		for _, install := range []string{"mismatched", "onMismatched"} {
			_, err := newSource(t, cfg).Resolve(t.Context(), request(install))
			if err == nil || !strings.HasPrefix(err.Error(), "build the packages: hash mismatch in fixed-output derivation '/nix/store/") ||
				!strings.Contains(err.Error(), "got:") || strings.Contains(err.Error(), "said by the builder") {
				t.Errorf("%s: got %v", install, err)
			}
		}
	})
}

func TestErrorsOfTheSource(t *testing.T) {
	base := config(t)
	write := func(text string) string {
		file := t.TempDir() + "/x.nix"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, c := range []struct{ name, nixpkgs, overlay, want string }{
		{"no such file", "/nowhere/nixpkgs", "", "/nowhere/nixpkgs"},
		{"no such channel", "<nowhere>", "", "nowhere"},
		{"syntax", write("{ system }:\n{ a = ; }"), "", "syntax error"},
		{"not a package set", write("7"), "", "what comes before script is not a set of packages"},
		{"a set without overlays", write("{ a = 1; }"), write("final: prev: { }"), "neither appendOverlays nor extend"},
		{"syntax in an overlay", base.Nixpkgs, write("final: prev: {"), "syntax error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := base
			cfg.Nixpkgs = c.nixpkgs
			if c.overlay != "" {
				cfg.Overlays = []string{c.overlay}
			}
			_, err := newSource(t, cfg).Resolve(t.Context(), request("script"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Nixpkgs: "<nixpkgs>", CacheDir: "/cache"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no nixpkgs", func(c *Config) { c.Nixpkgs = "" }, "want a flake reference"},
		{"relative cache", func(c *Config) { c.CacheDir = "cache" }, "want an absolute path"},
		{"relative overlay", func(c *Config) { c.Overlays = []string{"o.nix"} }, "want an absolute path"},
		{"key without name", func(c *Config) { c.TrustedKeys = []string{"abc"} }, "want NAME:BASE64"},
		{"short key", func(c *Config) { c.TrustedKeys = []string{"a:YWJj"} }, "want NAME:BASE64"},
		{"ftp cache", func(c *Config) { c.Caches = []string{"ftp://example.org"} }, "want an http, https or file URL"},
		{"relative path as a cache", func(c *Config) { c.Caches = []string{"cache"} }, "want an http, https or file URL"},
		{"a store elsewhere", func(c *Config) { c.Store = "ssh-ng://example.org" }, "is not on this machine"},
	} {
		cfg := good
		c.change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestRequestRefuses(t *testing.T) {
	s := newSource(t, config(t))
	for _, name := range []string{"", "a b", "a..b", ".a", "a.", "a;b", `"a`, "${x}", "bash=5.2", "../x"} {
		if _, err := s.Resolve(t.Context(), request(name)); err == nil || !strings.Contains(err.Error(), "is not an attribute path") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	req := request("script")
	req.Arch = "vax"
	if _, err := s.Resolve(t.Context(), req); err == nil || !strings.Contains(err.Error(), "want x86-64 or arm64") {
		t.Errorf("got %v", err)
	}
}

// As later versions say it than those that run here: src/libstore/build of Nix 2.31.
func TestErrorMessages(t *testing.T) {
	said := `these 2 derivations will be built:
error: Cannot build '/nix/store/00000000000000000000000000000000-failing-1.drv'.
       Reason: builder failed with exit code 3.
       Output paths:
         /nix/store/11111111111111111111111111111111-failing-1
       Last 2 log lines:
       > line 24
       > line 25
       For full logs, run:
         nix log /nix/store/00000000000000000000000000000000-failing-1.drv
error: Cannot build '/nix/store/22222222222222222222222222222222-on-failing-1.drv'.
       Reason: 1 dependency failed.
       Output paths:
         /nix/store/33333333333333333333333333333333-on-failing-1
`
	s := newSource(t, Config{Nixpkgs: "<nixpkgs>", CacheDir: t.TempDir(), Program: "/nowhere/nix"})
	err := s.buildError(t.Context(), &commandError{errors.New("exit status 1"), said})
	if err == nil || !strings.HasPrefix(err.Error(), "build failing-1: it failed") {
		t.Errorf("got %v", err)
	}
}
