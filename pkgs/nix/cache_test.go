package nix

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/pkgs"
)

// author is a machine with nix, the lock it made, and its key.
type author struct {
	cfg    Config
	source *Source
	lock   *pkgs.Lock
	secret string // file
	public string
}

func newAuthor(t testing.TB, install ...string) *author {
	t.Helper()
	a := &author{cfg: config(t)}
	a.source = newSource(t, a.cfg)
	a.lock = resolve(t, a.source, request(install...))
	a.secret, a.public = newKey(t, "author-1")
	return a
}

func newKey(t testing.TB, name string) (file, public string) {
	t.Helper()
	secret := nixOutput(t, nil, "key", "generate-secret", "--key-name", name)
	file = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, nixOutput(t, strings.NewReader(secret), "key", "convert-secret-to-public")
}

func nixOutput(t testing.TB, stdin *strings.Reader, args ...string) string {
	t.Helper()
	cmd := exec.Command("nix", append([]string{"--extra-experimental-features", "nix-command"}, args...)...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	return debiantest.Output(t, cmd)
}

// copy makes a binary cache of the lock's paths, signed, and returns its directory.
func (a *author) copy(t testing.TB, compression string) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"copy", "--no-check-sigs", "--store", a.cfg.Store, "--to", "file://" + dir + "?compression=" + compression + "&secret-key=" + a.secret}
	for _, p := range a.lock.Packages {
		args = append(args, p.Path)
	}
	nixOutput(t, nil, args...)
	return dir
}

// without is a machine without nix and with an empty store.
func (a *author) without(t testing.TB, caches ...string) Config {
	t.Helper()
	cfg := a.cfg
	cfg.Program, cfg.Store, cfg.CacheDir = "/nowhere/nix", t.TempDir(), t.TempDir()
	cfg.Caches, cfg.TrustedKeys = caches, []string{a.public}
	return cfg
}

func quick(s *Source) *Source {
	s.backoff, s.limits = time.Millisecond, limits{stalled: 10 * time.Second, attempts: 2}
	return s
}

func TestBuildWithoutNix(t *testing.T) {
	a := newAuthor(t, "greeter", "link", "file", "script")
	root := openAll(t, a.source, a.lock)
	want, err := root.Text()
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, cache string) {
		s := newSource(t, a.without(t, cache))
		var last pkgs.Event
		if err := s.Fetch(t.Context(), a.lock, func(e pkgs.Event) { last = e }); err != nil {
			t.Fatal(err)
		}
		if last.Packages != len(a.lock.Packages) || last.Bytes != last.TotalBytes || last.Bytes == 0 {
			t.Errorf("progress ends with %+v", last)
		}
		got := openAll(t, s, a.lock)
		if text, err := got.Text(); err != nil || text != want {
			t.Errorf("got\n%s\nwant\n%s(%v)", text, want, err)
		}
		if got.Digest() != root.Digest() {
			t.Error("the same bytes have other IDs")
		}
		if left, _ := os.ReadDir(filepath.Join(s.cfg.CacheDir, "nix", "partial")); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
		// Once there, neither cache nor nix is needed.
		s.cfg.Caches = nil
		if err := s.Fetch(t.Context(), a.lock, nil); err != nil {
			t.Error(err)
		}
	}
	for _, compression := range []string{"xz", "zstd", "br", "none", "bzip2", "gzip"} {
		t.Run(compression, func(t *testing.T) {
			dir := a.copy(t, compression)
			server := httptest.NewServer(http.FileServer(http.Dir(dir)))
			defer server.Close()
			t.Run("http", func(t *testing.T) { check(t, server.URL) })
			t.Run("file", func(t *testing.T) { check(t, "file://"+dir) })
			t.Run("path", func(t *testing.T) { check(t, dir) })
		})
	}
}

// narInfoOf is the file in a cache's directory.
func narInfoOf(dir string, p pkgs.Locked) string {
	return filepath.Join(dir, path.Base(p.Path)[:32]+".narinfo")
}

func edit(t testing.TB, file string, f func(string) string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := f(string(data))
	if text == string(data) {
		t.Fatalf("nothing to change in %s:\n%s", file, data)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// field changes a line of a narinfo.
func field(key, value string) func(string) string {
	return func(text string) string {
		return regexp.MustCompile(`(?m)^`+key+`: .*$`).ReplaceAllString(text, key+": "+value)
	}
}

// narOf is the file that a narinfo names.
func narOf(t testing.TB, dir string, p pkgs.Locked) string {
	t.Helper()
	data, err := os.ReadFile(narInfoOf(dir, p))
	if err != nil {
		t.Fatal(err)
	}
	info, err := parseNARInfo(data)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, info.url)
}

func TestCachesThatLie(t *testing.T) {
	a := newAuthor(t, "greeter")
	greeter := entry(t, a.lock, "greeter")
	_, other := newKey(t, "other-1")
	_, sameName := newKey(t, "author-1")
	infoOf := func(f func(string) string) func(*testing.T, string, *Config) {
		return func(t *testing.T, dir string, _ *Config) { edit(t, narInfoOf(dir, greeter), f) }
	}
	narBytes := func(f func([]byte) []byte) func(*testing.T, string, *Config) {
		return func(t *testing.T, dir string, _ *Config) {
			edit(t, narOf(t, dir, greeter), func(s string) string { return string(f([]byte(s))) })
		}
	}
	remove := func(key string) func(string) string {
		return func(s string) string { return regexp.MustCompile(`(?m)^`+key+`: .*\n`).ReplaceAllString(s, "") }
	}
	sum := strings.Repeat("1", 52)
	for _, c := range []struct {
		name   string
		change func(*testing.T, string, *Config)
		want   string
	}{
		{"untrusted key", func(t *testing.T, _ string, cfg *Config) { cfg.TrustedKeys = []string{other} }, "signed by author-1, which is not a trusted key"},
		{"wrong signature", func(t *testing.T, _ string, cfg *Config) { cfg.TrustedKeys = []string{sameName} }, "its signature by author-1 is wrong"},
		{"signature that is no base 64", infoOf(field("Sig", "author-1:?")), "its signature by author-1 is wrong"},
		{"no signature", infoOf(remove("Sig")), "nobody signed it"},
		{"another build", infoOf(field("NarHash", "sha256:"+sum)), "its NAR hash is"},
		{"another size", infoOf(field("NarSize", "4096")), "its NAR has 4096 bytes, the lock says"},
		{"another path", infoOf(field("StorePath", "/nix/store/"+sum[:32]+"-other")), "its narinfo is that of /nix/store/"},
		{"a reference less", infoOf(field("References", path.Base(greeter.Path))), "its references are not those of the lock"},
		{"file larger than it says", infoOf(field("FileSize", "100")), "its file is larger than the 100 bytes that its narinfo says"},
		{"file smaller than it says", infoOf(field("FileSize", "999999")), "of 999999 bytes"},
		{"wrong file hash", infoOf(field("FileHash", "sha256:"+sum)), "its file's hash is"},
		{"outside of the cache", infoOf(field("URL", "../../etc/passwd")), "does not stay in the cache"},
		{"another server", infoOf(field("URL", "http://example.org/x")), "does not stay in the cache"},
		{"unknown compression", infoOf(field("Compression", "rot13")), `its compression "rot13" is not supported`},
		{"no NAR hash", infoOf(remove("NarHash")), "it has no NarHash"},
		{"not a narinfo", infoOf(func(string) string { return "<html>" }), "no \"Key: value\""},
		{"an endless narinfo", infoOf(func(s string) string { return s + strings.Repeat("X: y\n", 1<<19) }), "more than"},
		{"no NAR", func(t *testing.T, dir string, _ *Config) { os.Remove(narOf(t, dir, greeter)) }, "it has the narinfo, but not the file"},
		{"truncated NAR", narBytes(func(b []byte) []byte { return b[:len(b)/2] }), "tried 2 times: its file ended after"},
		{"truncated NAR of unknown size", func(t *testing.T, dir string, cfg *Config) {
			narBytes(func(b []byte) []byte { return b[:len(b)/2] })(t, dir, cfg)
			infoOf(remove("FileSize"))(t, dir, cfg)
			infoOf(remove("FileHash"))(t, dir, cfg)
		}, "tried 2 times"},
		{"changed NAR", narBytes(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), "its file's hash is"},
		{"changed NAR that the narinfo fits", func(t *testing.T, dir string, cfg *Config) {
			file := narOf(t, dir, greeter)
			edit(t, file, func(s string) string { return strings.Replace(s, "#!/bin/sh", "#!/bin/xx", 1) })
			data, _ := os.ReadFile(file)
			edit(t, narInfoOf(dir, greeter), field("FileHash", "sha256:"+sha256Of(data)))
		}, "its NAR's hash is"},
		{"a cache of another store", func(t *testing.T, dir string, _ *Config) {
			edit(t, filepath.Join(dir, "nix-cache-info"), func(string) string { return "StoreDir: /gnu/store\n" })
		}, "is a cache of the store directory /gnu/store"},
		{"not a cache", func(t *testing.T, dir string, _ *Config) { os.Remove(filepath.Join(dir, "nix-cache-info")) }, "has no nix-cache-info"},
		{"it has nothing", func(t *testing.T, dir string, _ *Config) { os.Remove(narInfoOf(dir, greeter)) }, "it does not have it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := a.copy(t, "none")
			cfg := a.without(t, dir)
			c.change(t, dir, &cfg)
			s := quick(newSource(t, cfg))
			err := s.Fetch(t.Context(), a.lock, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if !strings.Contains(err.Error(), cfg.Caches[0]) || !strings.Contains(err.Error(), "greeter") && c.name != "not a cache" && c.name != "a cache of another store" {
				t.Errorf("%v does not name the path and the cache", err)
			}
			if e := (*pkgs.Error)(nil); !errors.As(err, &e) || e.Tip == "" {
				t.Errorf("%v has no hint", err)
			}
			if s.cached(greeter) {
				t.Error("it is in the cache")
			}
			// The next cache has it right.
			cfg.Caches = append(cfg.Caches, a.copy(t, "xz"))
			cfg.TrustedKeys = []string{a.public}
			s = quick(newSource(t, cfg))
			if err := s.Fetch(t.Context(), a.lock, nil); err != nil {
				t.Errorf("with a second cache: %v", err)
			}
			openAll(t, s, a.lock)
		})
	}
}

func sha256Of(data []byte) string {
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// A cache may send more than it said, for ever.
func TestEndlessNAR(t *testing.T) {
	a := newAuthor(t, "greeter")
	greeter := entry(t, a.lock, "greeter")
	for _, compression := range []string{"none", "gzip"} {
		t.Run(compression, func(t *testing.T) {
			dir := a.copy(t, compression)
			for _, key := range []string{"FileSize", "FileHash"} {
				edit(t, narInfoOf(dir, greeter), func(s string) string {
					return regexp.MustCompile(`(?m)^`+key+`: .*\n`).ReplaceAllString(s, "")
				})
			}
			nar := "/" + strings.TrimPrefix(narOf(t, dir, greeter), dir+"/")
			first, err := os.ReadFile(narOf(t, dir, greeter))
			if err != nil {
				t.Fatal(err)
			}
			var sent atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != nar {
					http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
					return
				}
				for block := first; ; block = make([]byte, 1<<16) {
					n, err := w.Write(block)
					if sent.Add(int64(n)); err != nil {
						return
					}
				}
			}))
			defer server.Close()
			s := quick(newSource(t, a.without(t, server.URL)))
			err = s.Fetch(t.Context(), a.lock, nil)
			if err == nil || !strings.Contains(err.Error(), "larger than") && !strings.Contains(err.Error(), "gzip") {
				t.Errorf("got %v", err)
			}
			if n := sent.Load(); n > 64<<20 {
				t.Errorf("%d bytes were read", n)
			}
		})
	}
}

func TestCachesThatFail(t *testing.T) {
	a := newAuthor(t, "greeter")
	dir := a.copy(t, "xz")
	files := http.FileServer(http.Dir(dir))
	t.Run("it stops answering", func(t *testing.T) {
		release := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/nar/") {
				files.ServeHTTP(w, r)
				return
			}
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			<-release
		}))
		defer server.Close()
		defer close(release)
		s := quick(newSource(t, a.without(t, server.URL)))
		s.limits.stalled = 50 * time.Millisecond
		if err := s.Fetch(t.Context(), a.lock, nil); err == nil || !strings.Contains(err.Error(), "nothing came for") {
			t.Errorf("got %v", err)
		}
		// Another cache takes over.
		s = quick(newSource(t, a.without(t, server.URL, dir)))
		s.limits.stalled = 50 * time.Millisecond
		if err := s.Fetch(t.Context(), a.lock, nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("it fails at first", func(t *testing.T) {
		var requests atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/nar/") && requests.Add(1) == 1 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			files.ServeHTTP(w, r)
		}))
		defer server.Close()
		var retries int
		err := quick(newSource(t, a.without(t, server.URL))).Fetch(t.Context(), a.lock, func(e pkgs.Event) {
			if e.Retry != nil {
				retries++
			}
		})
		if err != nil || retries != 1 {
			t.Errorf("%d retries: %v", retries, err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		server := httptest.NewServer(files)
		server.Close()
		var retries int
		err := quick(newSource(t, a.without(t, server.URL))).Fetch(t.Context(), a.lock, func(e pkgs.Event) {
			if e.Retry != nil {
				retries++
			}
		})
		if err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/nar/") {
				cancel()
			}
			files.ServeHTTP(w, r)
		}))
		defer server.Close()
		if err := quick(newSource(t, a.without(t, server.URL))).Fetch(ctx, a.lock, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestLockKnowsTheCache(t *testing.T) {
	a := newAuthor(t, "greeter")
	dir := a.copy(t, "zstd")
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	cfg := a.cfg
	cfg.TrustedKeys = []string{a.public}
	for _, c := range []struct{ cache, want string }{{server.URL + "/", server.URL}, {dir, ""}} {
		cfg.Caches = []string{c.cache}
		l := resolve(t, newSource(t, cfg), request("greeter", "script"))
		greeter := entry(t, l, "greeter")
		if greeter.Cache != c.want || len(greeter.Signatures) != 1 || !strings.HasPrefix(greeter.Signatures[0], "author-1:") {
			t.Errorf("greeter is from %q, signed %v", greeter.Cache, greeter.Signatures)
		}
		if p := entry(t, l, "script"); p.Cache != "" || len(p.Signatures) > 0 {
			t.Errorf("script is from %q, signed %v, but the cache does not have it", p.Cache, p.Signatures)
		}
	}
	// So it does of the substituters of nix. The lock alone is enough then,
	// without a configured cache.
	cfg.Caches = nil
	setNixConfig(t, "extra-substituters = "+server.URL+"?trusted=1\n")
	for _, program := range []string{"nix", trixieNix(t)} {
		cfg.Program = program
		l := resolve(t, newSource(t, cfg), request("greeter"))
		if greeter := entry(t, l, "greeter"); greeter.Cache != server.URL {
			t.Errorf("%s: greeter is from %q", program, greeter.Cache)
		}
		s := newSource(t, a.without(t))
		if err := s.Fetch(t.Context(), l, nil); err != nil {
			t.Error(err)
		}
		openAll(t, s, l)
	}
}

// A cache may want a password, and neither lock nor errors tell it.
func TestPassword(t *testing.T) {
	a := newAuthor(t, "greeter")
	files := http.FileServer(http.Dir(a.copy(t, "xz")))
	broken := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, password, _ := r.BasicAuth(); {
		case password != "s3cret":
			w.WriteHeader(http.StatusUnauthorized)
		case broken:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			files.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	cache := strings.Replace(server.URL, "http://", "http://user:s3cret@", 1)
	cfg := a.cfg
	cfg.Caches = []string{cache}
	l := resolve(t, newSource(t, cfg), request("greeter"))
	if got := entry(t, l, "greeter").Cache; got != server.URL {
		t.Errorf("the lock says %q", got)
	}
	if err := newSource(t, a.without(t, cache)).Fetch(t.Context(), a.lock, nil); err != nil {
		t.Error(err)
	}
	for range 2 {
		err := quick(newSource(t, a.without(t, cache))).Fetch(t.Context(), a.lock, nil)
		if broken && (err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), server.URL)) {
			t.Errorf("got %v", err)
		}
		broken = true
	}
	err := quick(newSource(t, a.without(t, server.URL))).Fetch(t.Context(), a.lock, nil)
	if err == nil || !strings.Contains(err.Error(), "401 unauthorized") {
		t.Errorf("got %v", err)
	}
}

func TestFetchWithoutNixAndCache(t *testing.T) {
	a := newAuthor(t, "greeter")
	err := newSource(t, a.without(t)).Fetch(t.Context(), a.lock, nil)
	if err == nil || !strings.Contains(err.Error(), "no binary cache is known, and there is no nix to ask") {
		t.Errorf("got %v", err)
	}
	_, err = newSource(t, a.without(t)).Resolve(t.Context(), request("greeter"))
	if e := (*pkgs.Error)(nil); !errors.As(err, &e) || !strings.Contains(e.Tip, "nix-bin") {
		t.Errorf("got %v", err)
	}
}

// A store of this machine is used without nix, after all of it was hashed, once.
func TestLocalStoreWithoutNix(t *testing.T) {
	a := newAuthor(t, "greeter", "file", "link")
	cfg := a.without(t)
	cfg.Store = "local?root=" + a.cfg.Store
	s := newSource(t, cfg)
	if err := s.Fetch(t.Context(), a.lock, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := openAll(t, s, a.lock).Digest(), openAll(t, a.source, a.lock).Digest(); got != want {
		t.Error("another tree")
	}
	greeter := entry(t, a.lock, "greeter")
	if data, err := os.ReadFile(s.record(greeter)); err != nil || !bytes.Contains(data, []byte(greeter.Path)) {
		t.Errorf("it is not remembered: %s (%v)", data, err)
	}
	// What somebody changed is not what the lock says.
	file := filepath.Join(a.cfg.Store, greeter.Path, "bin", "greeter")
	if err := os.Chmod(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("evil"), 0o555); err != nil {
		t.Fatal(err)
	}
	cfg.CacheDir = t.TempDir()
	if err := newSource(t, cfg).Fetch(t.Context(), a.lock, nil); err == nil || !strings.Contains(err.Error(), "greeter") {
		t.Errorf("got %v", err)
	}
}

// Nix' own substituters, and what it can build again, are used where no cache of ours has a path.
func TestFetchThroughNix(t *testing.T) {
	a := newAuthor(t, "greeter")
	dir := a.copy(t, "xz")
	setNixConfig(t, "extra-substituters = file://"+dir+"\nextra-trusted-public-keys = "+a.public+"\n")
	cfg := a.cfg
	cfg.Store, cfg.CacheDir = t.TempDir(), t.TempDir()
	s := newSource(t, cfg)
	var last pkgs.Event
	if err := s.Fetch(t.Context(), a.lock, func(e pkgs.Event) { last = e }); err != nil {
		t.Fatal(err)
	}
	if last.Bytes != last.TotalBytes || last.Packages != last.TotalPackages {
		t.Errorf("progress ends with %+v", last)
	}
	if got, want := openAll(t, s, a.lock).Digest(), openAll(t, a.source, a.lock).Digest(); got != want {
		t.Error("another tree")
	}
	if _, err := os.Stat(filepath.Join(cfg.Store, entry(t, a.lock, "greeter").Path)); err != nil {
		t.Error(err)
	}
	// Without any cache nix evaluates and builds it again, if the packages still are those.
	setNixConfig(t, "")
	cfg.Store, cfg.CacheDir = t.TempDir(), t.TempDir()
	s = newSource(t, cfg)
	if err := s.Fetch(t.Context(), a.lock, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := openAll(t, s, a.lock).Digest(), openAll(t, a.source, a.lock).Digest(); got != want {
		t.Error("another tree")
	}
	cfg.Store, cfg.CacheDir = t.TempDir(), t.TempDir()
	cfg.Args = map[string]string{"greeting": "something else"}
	if err := newSource(t, cfg).Fetch(t.Context(), a.lock, nil); err == nil || !strings.Contains(err.Error(), "the package set now has another greeter than the lock") {
		t.Errorf("got %v", err)
	}
}

// What builders make anew must be what the lock says.
func TestBuildThatIsNotReproducible(t *testing.T) {
	a := newAuthor(t, "random")
	cfg := a.cfg
	cfg.Store, cfg.CacheDir = t.TempDir(), t.TempDir()
	if err := newSource(t, cfg).Fetch(t.Context(), a.lock, nil); err == nil || !strings.Contains(err.Error(), "fetch random: nix made it with another content than the lock says") {
		t.Errorf("got %v", err)
	}
}
