package nix

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// config is for testdata/set.nix and a store of the test's own, with nothing
// of the host's configuration.
func config(t testing.TB) Config {
	t.Helper()
	setNixConfig(t, "")
	set, err := filepath.Abs("testdata/set.nix")
	if err != nil {
		t.Fatal(err)
	}
	return Config{Nixpkgs: set, Store: t.TempDir(), CacheDir: t.TempDir(), Log: &logWriter{t}}
}

// setNixConfig lets root build without build users, in the sandbox that a
// store in another place needs, with the host's shell.
func setNixConfig(t testing.TB, more string) {
	t.Setenv("NIX_CONFIG", "build-users-group =\nsubstituters =\nsandbox = true\nsandbox-paths = /bin /lib /lib64 /usr\n"+more)
	t.Setenv("NIX_CONF_DIR", t.TempDir())
	t.Setenv("NIX_USER_CONF_FILES", os.DevNull)
	t.Setenv("NIX_REMOTE", "")
	t.Setenv("NIX_PATH", "")
}

type logWriter struct{ t testing.TB }

func (w *logWriter) Write(p []byte) (int, error) {
	w.t.Logf("nix: %s", bytes.TrimSpace(p))
	return len(p), nil
}

func newSource(t testing.TB, cfg Config) *Source {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request(install ...string) pkgs.Request {
	return pkgs.Request{Arch: "x86-64", Sets: []pkgs.Set{{Name: "root", Install: install, Closure: true}}}
}

func resolve(t testing.TB, s *Source, req pkgs.Request) *pkgs.Lock {
	t.Helper()
	l, err := s.Resolve(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, l)
}

// written is the lock after writing and reading.
func written(t testing.TB, l *pkgs.Lock) *pkgs.Lock {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.lock")
	if err := l.Write(file); err != nil {
		t.Fatal(err)
	}
	l, err := pkgs.ReadLock(file)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func names(l *pkgs.Lock) string {
	var list []string
	for _, p := range l.Packages {
		list = append(list, p.Name)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func entry(t testing.TB, l *pkgs.Lock, name string) pkgs.Locked {
	t.Helper()
	i := slices.IndexFunc(l.Packages, func(p pkgs.Locked) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no %s in the lock: %s", name, names(l))
	}
	return l.Packages[i]
}

// openAll merges all packages of a lock.
func openAll(t testing.TB, s *Source, l *pkgs.Lock) *tree.Tree {
	t.Helper()
	root := tree.New()
	for _, p := range l.Packages {
		pkg, err := s.Open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if pkg.Prefix != p.Path || pkg.Name != p.Name {
			t.Errorf("%s at %s opened as %s at %s", p.Name, p.Path, pkg.Name, pkg.Prefix)
		}
		for _, err := range root.Merge(pkg.Tree, nil) {
			t.Error(err)
		}
	}
	return root
}

func TestResolveAndOpenInPlace(t *testing.T) {
	cfg := config(t)
	s := newSource(t, cfg)
	l := resolve(t, s, request("greeter", "link", "script"))
	if got, want := names(l), "greeter library.lib link script text"; got != want {
		t.Fatalf("the closure is %s, want %s", got, want)
	}
	greeter := entry(t, l, "greeter")
	if greeter.Version != "1.2" || greeter.Arch != "x86_64-linux" || !slices.Equal(greeter.References, []string{"library.lib", "text"}) {
		t.Errorf("greeter is %+v", greeter)
	}
	if err := s.Fetch(t.Context(), l, nil); err != nil {
		t.Fatal(err)
	}
	root := openAll(t, s, l)
	lines := map[string]string{
		greeter.Path:                       "dir 0555",
		greeter.Path + "/bin/greeter":      "file 0555",
		greeter.Path + "/empty":            "file 0444 empty",
		greeter.Path + "/greet":            "symlink bin/greeter",
		greeter.Path + "/lib/nothing":      "dir 0555",
		entry(t, l, "link").Path:           "symlink " + greeter.Path + "/bin/greeter",
		entry(t, l, "script").Path:         "file 0555",
		entry(t, l, "library.lib").Path:    "dir 0555",
		greeter.Path + "/lib/deep/er/text": "file 0444",
	}
	for p, want := range lines {
		n := root.Lookup(p)
		if n == nil {
			t.Errorf("%s is not in the tree", p)
			continue
		}
		if got, err := tree.Describe(n); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s is %s (%v), want %s", p, got, err, want)
		}
		if n.Origin().Package == "" {
			t.Errorf("%s has no origin", p)
		}
	}
	// Every file's bytes are those of the store, and none was copied.
	root.WalkUnder(greeter.Path, func(p string, n *tree.Node) error {
		if n.Type != tree.File {
			return nil
		}
		got, err := tree.ReadAll(n.Content)
		if err != nil {
			t.Error(err)
		}
		if want, err := os.ReadFile(filepath.Join(cfg.Store, p)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d (%v)", p, len(got), len(want), err)
		}
		return nil
	})
	if entries, err := os.ReadDir(filepath.Join(cfg.CacheDir, "nix", "nar")); err == nil {
		t.Errorf("%d NARs were made", len(entries))
	}
}

func TestResolveTwiceIsTheSame(t *testing.T) {
	cfg := config(t)
	s := newSource(t, cfg)
	first := resolve(t, s, request("greeter", "twins"))
	if d := pkgs.Diff(first, resolve(t, s, request("twins", "greeter"))); d != nil {
		t.Errorf("the second lock differs: %v", d)
	}
	if err := first.Satisfies(pkgs.Request{From: cfg.From(), Arch: "x86-64", Sets: request("greeter", "twins").Sets}); err != nil {
		t.Error(err)
	}
	if got := first.Epoch(); !got.Equal(unknownDate) {
		t.Errorf("epoch %s", got)
	}
}

func TestOutputsAndSets(t *testing.T) {
	s := newSource(t, config(t))
	req := request("greeter.dev", "greeterPackages.plug-in", "twins")
	req.Sets = append(req.Sets, pkgs.Set{Name: "kernel", Install: []string{"greeter", "link"}})
	l := resolve(t, s, req)
	var twins int
	for _, p := range l.Packages {
		if strings.HasPrefix(p.Name, "twin-") {
			twins++
		}
	}
	if twins != 2 {
		t.Errorf("%d packages called twin in %s", twins, names(l))
	}
	if dev := entry(t, l, "greeter.dev"); !slices.Contains(dev.References, "greeter") || !strings.HasSuffix(dev.Path, "-greeter-1.2-dev") {
		t.Errorf("greeter.dev is %+v", dev)
	}
	if got := entry(t, l, "greeter").Sets; !slices.Equal(got, []string{"kernel", "root"}) {
		t.Errorf("greeter is in %v", got)
	}
	if got := entry(t, l, "link").Sets; !slices.Equal(got, []string{"kernel"}) {
		t.Errorf("link is in %v", got)
	}
	if got := entry(t, l, "library.lib").Sets; !slices.Equal(got, []string{"root"}) {
		t.Errorf("library.lib is in %v", got)
	}
}

// nixpkgs takes a while to evaluate: once is enough.
func TestOneEvaluation(t *testing.T) {
	cfg := config(t)
	file := filepath.Join(t.TempDir(), "traced.nix")
	text := "{ system, overlays ? [ ] }@args: builtins.trace \"evaluated for ${system}\" (import " + cfg.Nixpkgs + " args)\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg.Nixpkgs, cfg.Log = file, &log
	req := request("script")
	req.Sets = append(req.Sets, pkgs.Set{Name: "kernel", Install: []string{"library"}}, pkgs.Set{Name: "stub", Install: []string{"link"}})
	resolve(t, newSource(t, cfg), req)
	if n := strings.Count(log.String(), "evaluated for x86_64-linux"); n != 1 {
		t.Errorf("evaluated %d times:\n%s", n, log.String())
	}
}

func TestOverlaysAndArguments(t *testing.T) {
	cfg := config(t)
	dir := t.TempDir()
	files := map[string]string{
		"overlay.nix":      `final: prev: { bocaditos.added = prev.script; bocaditos.cli = throw "compiled"; }`,
		"cli/prebuilt.nix": `{ executable }: final: prev: { bocaditos = prev.bocaditos // { cli = prev.greeterPackages.plug-in // { version = executable; }; }; }`,
		"user.nix":         `final: prev: { script = throw "replaced"; text = final.bocaditos.added; }`,
	}
	if err := os.Mkdir(filepath.Join(dir, "cli"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Overlay, cfg.Executable = dir, "/nowhere/bocaditos"
	cfg.Overlays = []string{filepath.Join(dir, "user.nix")}
	cfg.Args = map[string]string{"greeting": "good day", "unknown": "not passed"}
	cfg.AllowUnfree = true
	s := newSource(t, cfg)
	l := resolve(t, s, request("bocaditos.added", "bocaditos.cli", "library", "file"))
	if cli := entry(t, l, "bocaditos.cli"); cli.Version != "/nowhere/bocaditos" {
		t.Errorf("bocaditos.cli is %+v", cli)
	}
	root := openAll(t, s, l)
	text, err := tree.ReadAll(root.Lookup(entry(t, l, "library").Path + "/lib/x").Content)
	if err != nil || string(text) != "good day\n" {
		t.Errorf("the argument became %q (%v)", text, err)
	}
	if n := root.Lookup(entry(t, l, "file").Path); n.Size() != int64(len("true\n")) {
		t.Errorf("the overlay's text has %d bytes", n.Size())
	}
}

// A flake of a revision has a date that is the same everywhere.
func TestFlakeOfARevision(t *testing.T) {
	cfg := config(t)
	repository := t.TempDir()
	for _, name := range []string{"set.nix", "deep.nix"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(repository, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	flake := `{ outputs = { self }: { legacyPackages.x86_64-linux = import ./set.nix { system = "x86_64-linux"; }; }; }`
	if err := os.WriteFile(filepath.Join(repository, "flake.nix"), []byte(flake), 0o644); err != nil {
		t.Fatal(err)
	}
	date := time.Date(2025, 11, 30, 12, 0, 0, 0, time.UTC)
	t.Setenv("GIT_COMMITTER_DATE", date.Format(time.RFC3339))
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	git := func(args ...string) string {
		return strings.TrimSpace(debiantest.Run(t, append([]string{"git", "-C", repository, "-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)...))
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "packages")
	revision := git("rev-parse", "HEAD")
	var locks []*pkgs.Lock
	programs(t, func(t *testing.T, program string) {
		cfg := cfg
		cfg.Program, cfg.Nixpkgs = program, "git+file://"+repository
		l := resolve(t, newSource(t, cfg), request("greeter"))
		r := l.Releases[0]
		if r.Revision != revision || !r.Date.Equal(date) || len(r.SHA256) != 64 || r.Origin != cfg.Nixpkgs {
			t.Errorf("the lock says %+v of revision %s", r, revision)
		}
		if !l.Epoch().Equal(date) {
			t.Errorf("epoch %s", l.Epoch())
		}
		locks = append(locks, l)
	})
	// Packages change, and the lock still is of the revision it was made of.
	changed := strings.Replace(flake, `system = "x86_64-linux";`, `system = "x86_64-linux"; greeting = "changed";`, 1)
	if err := os.WriteFile(filepath.Join(repository, "flake.nix"), []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	git("commit", "-q", "-a", "-m", "other packages")
	programs(t, func(t *testing.T, program string) {
		cfg := config(t)
		cfg.Program, cfg.Nixpkgs = program, "git+file://"+repository
		s := newSource(t, cfg)
		if err := s.Fetch(t.Context(), locks[0], nil); err != nil {
			t.Fatal(err)
		}
		openAll(t, s, locks[0])
	})
}

// What builders say reaches the user, while they say it.
func TestLogOfBuilders(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		cfg := config(t)
		var log bytes.Buffer
		cfg.Program, cfg.Log = program, &log
		resolve(t, newSource(t, cfg), request("talking"))
		for _, want := range []string{"talking-1.drv", "words of a builder"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %q in\n%s", want, log.String())
			}
		}
	})
}

func TestCancelledBuild(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := config(t)
		cfg.Program = program
		cfg.Log = writerFunc(func(p []byte) (int, error) {
			if bytes.Contains(p, []byte("going to sleep")) {
				cancel()
			}
			return len(p), nil
		})
		if _, err := newSource(t, cfg).Resolve(ctx, request("sleeping")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestSourceOfPackages(t *testing.T) {
	base := config(t)
	set := base.Nixpkgs
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	data, err := os.ReadFile(set)
	if err != nil {
		t.Fatal(err)
	}
	write("channel/default.nix", string(data))
	write("flake/set.nix", string(data))
	write("flake/flake.nix", `{ outputs = { self }: { legacyPackages.x86_64-linux = let
		pkgs = overlays: import ./set.nix { system = "x86_64-linux"; inherit overlays; } // { extend = o: pkgs (overlays ++ [ o ]); };
		in pkgs [ ]; }; }`)
	write("both/default.nix", string(data))
	write("both/flake.nix", `{ outputs = { self }: { }; }`)
	write("extend.nix", `let pkgs = overlays: import `+set+` { system = "x86_64-linux"; inherit overlays; } // { appendOverlays = o: pkgs (overlays ++ o); }; in pkgs [ ]`)
	write("overlay.nix", `final: prev: { extra = prev.script; }`)
	t.Setenv("NIX_PATH", "nixpkgs="+filepath.Join(dir, "channel"))
	var want string
	for _, from := range []string{set, "<nixpkgs>", filepath.Join(dir, "channel"), filepath.Join(dir, "extend.nix"),
		"path:" + filepath.Join(dir, "flake"), filepath.Join(dir, "flake"), "path:" + filepath.Join(dir, "both")} {
		cfg := base
		cfg.Nixpkgs, cfg.Overlay = from, dir
		l, err := newSource(t, cfg).Resolve(context.Background(), request("extra", "greeter"))
		if err != nil {
			t.Errorf("%s: %v", from, err)
			continue
		}
		l = written(t, l)
		if !l.Epoch().Equal(unknownDate) {
			t.Errorf("%s: epoch %s, but a checkout's time is another on each host", from, l.Epoch())
		}
		var paths []string
		for _, p := range l.Packages {
			paths = append(paths, p.Name+" "+p.Path)
		}
		if got := strings.Join(paths, "\n"); want == "" {
			want = got
		} else if got != want {
			t.Errorf("%s gives\n%s\nwant\n%s", from, got, want)
		}
	}
}

func TestPinned(t *testing.T) {
	for _, c := range []struct{ nixpkgs, want string }{
		{"github:NixOS/nixpkgs", "github:NixOS/nixpkgs/abc"},
		{"github:NixOS/nixpkgs/nixos-25.11", "github:NixOS/nixpkgs/abc"},
		{"github:NixOS/nixpkgs/release/25.11?dir=x", "github:NixOS/nixpkgs/abc?dir=x"},
		{"git+https://example.org/x?ref=main", "git+https://example.org/x?ref=main&rev=abc"},
		{"path:/x", "path:/x"},
		{"/x", "/x"},
		{"<nixpkgs>", "<nixpkgs>"},
		{"nixpkgs/nixos-25.11", "nixpkgs/nixos-25.11"},
	} {
		if got := pinned(c.nixpkgs, "abc"); got != c.want {
			t.Errorf("%s is %s, want %s", c.nixpkgs, got, c.want)
		}
		if got := pinned(c.nixpkgs, ""); got != c.nixpkgs {
			t.Errorf("%s without a revision is %s", c.nixpkgs, got)
		}
	}
}
