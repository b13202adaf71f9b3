package debian

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bocaditos/bocaditos/internal/archivetest"
	"github.com/bocaditos/bocaditos/pkgs"
)

// fetchCase is an archive, locked, whose mirror can be made to fail.
func fetchCase(t *testing.T) (*testArchive, *archivetest.Mirror, *Archive, *pkgs.Lock) {
	t.Helper()
	archivetest.FakeHost(t, "")
	archive := newArchive(t)
	m := archivetest.Serve(t, archive.Dir)
	s := archive.source(t, m.URL)
	l := resolve(t, s, request("app"))
	m.Served.Store(0)
	return archive, m, s, l
}

// nothingWrong fails if a blob has other bytes than its name says.
func nothingWrong(t *testing.T, s *Archive) (blobs int) {
	t.Helper()
	files, _ := filepath.Glob(s.blob("*"))
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := checkDigest(f, filepath.Base(file)); err != nil {
			t.Error(err)
		}
	}
	return len(files)
}

func TestTruncatedDownloadResumes(t *testing.T) {
	archive, m, s, l := fetchCase(t)
	size := l.Packages[0].Size
	for _, p := range l.Packages {
		size = max(size, p.Size)
	}
	m.Fail(archivetest.Cut(archive.Dir, int(size/3)))
	var retries []error
	err := s.Fetch(context.Background(), l, func(e pkgs.Event) {
		if e.Retry != nil {
			retries = append(retries, e.Retry)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	// Each try brings a third: without resuming no number of them is enough.
	if len(retries) < 2 {
		t.Errorf("%d retries were reported: %v", len(retries), retries)
	}
	if n := nothingWrong(t, s); n != len(l.Packages) {
		t.Errorf("%d blobs, want %d", n, len(l.Packages))
	}
}

func TestServerWithoutRanges(t *testing.T) {
	archive, m, s, l := fetchCase(t)
	first := true
	var mu sync.Mutex
	m.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		r.Header.Del("Range")
		if first && strings.HasSuffix(r.URL.Path, ".deb") {
			first = false
			return archivetest.Cut(archive.Dir, 100)(w, r)
		}
		return false
	})
	if err := s.Fetch(context.Background(), l, nil); err != nil {
		t.Fatal(err)
	}
	nothingWrong(t, s)
}

func TestBadPartialIsStartedAnew(t *testing.T) {
	_, _, s, l := fetchCase(t)
	for i, p := range l.Packages {
		text := "not what the archive has"
		if i == 1 {
			text = strings.Repeat("x", int(p.Size)) // as long as the whole
		}
		if i == 2 {
			text = strings.Repeat("x", int(p.Size)+1)
		}
		archivetest.Write(t, filepath.Join(s.cfg.CacheDir, "partial", p.SHA256), text, 0o644)
	}
	if err := s.Fetch(context.Background(), l, nil); err != nil {
		t.Fatal(err)
	}
	nothingWrong(t, s)
}

func TestFetchErrors(t *testing.T) {
	deb := func(f http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, ".deb") {
				f(w, r)
				return true
			}
			return false
		}
	}
	for _, c := range []struct {
		name  string
		fault func(archive *testArchive) func(http.ResponseWriter, *http.Request) bool
		want  []string
	}{
		{"dies midway", func(a *testArchive) func(http.ResponseWriter, *http.Request) bool { return archivetest.Cut(a.Dir, 1) }, []string{"tried 5 times"}},
		{"down", func(*testArchive) func(http.ResponseWriter, *http.Request) bool {
			return deb(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
		}, []string{"tried 5 times", "503 service unavailable"}},
		{"gone", func(*testArchive) func(http.ResponseWriter, *http.Request) bool { return deb(http.NotFound) },
			[]string{"the mirror no longer has it", "hint: run `bocaditos update`"}},
		{"forbidden", func(*testArchive) func(http.ResponseWriter, *http.Request) bool {
			return deb(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) })
		}, []string{"403 forbidden"}},
		{"tampered", func(a *testArchive) func(http.ResponseWriter, *http.Request) bool {
			return deb(func(w http.ResponseWriter, r *http.Request) {
				data, _ := os.ReadFile(filepath.Join(a.Dir, r.URL.Path))
				data[len(data)/2] ^= 1
				w.Write(data)
			})
		}, []string{"the lock says", "hint: the mirror is broken or lies"}},
		{"shorter", func(*testArchive) func(http.ResponseWriter, *http.Request) bool {
			return deb(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("short")) })
		}, []string{"it has 5 bytes, the lock says"}},
		{"longer", func(a *testArchive) func(http.ResponseWriter, *http.Request) bool {
			return deb(func(w http.ResponseWriter, r *http.Request) {
				data, _ := os.ReadFile(filepath.Join(a.Dir, r.URL.Path))
				w.Write(data)
				w.(http.Flusher).Flush() // so that no length is announced
				w.Write([]byte("more"))
			})
		}, []string{"it has more than the"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive, m, s, l := fetchCase(t)
			m.Fail(c.fault(archive))
			wantError(t, s.Fetch(context.Background(), l, nil), c.want...)
			if n := nothingWrong(t, s); n != 0 {
				t.Errorf("%d blobs after an error", n)
			}
			// Once the mirror is well again, so is the cache.
			m.Heal()
			if err := s.Fetch(context.Background(), l, nil); err != nil {
				t.Fatal(err)
			}
			checkApp(t, s, l)
		})
	}
}

func TestCancelLeavesOnlyPartials(t *testing.T) {
	archive, m, s, l := fetchCase(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, ".deb") {
			return false
		}
		data, _ := os.ReadFile(filepath.Join(archive.Dir, r.URL.Path))
		w.Write(data[:100])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	err := s.Fetch(ctx, l, func(e pkgs.Event) {
		if e.Bytes >= 100 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if n := nothingWrong(t, s); n != 0 {
		t.Errorf("%d blobs after a cancellation", n)
	}
	if partial, _ := filepath.Glob(filepath.Join(s.cfg.CacheDir, "partial", "*")); len(partial) == 0 {
		t.Error("nothing is left to be continued")
	}
}

func TestTwoFetchesShareACache(t *testing.T) {
	archive, m, s, l := fetchCase(t)
	cfg := s.cfg
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			s, err := New(cfg) // as another process would: flock works by open file
			if err == nil {
				err = s.Fetch(context.Background(), l, nil)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := m.Served.Load(); n != int64(len(l.Packages)) {
		t.Errorf("%d downloads of %d packages", n, len(l.Packages))
	}
	nothingWrong(t, s)
	if partial, _ := filepath.Glob(filepath.Join(cfg.CacheDir, "partial", "*")); len(partial) != 0 {
		t.Errorf("left over: %v", partial)
	}
	// And what is there needs no mirror.
	m.Close()
	os.RemoveAll(archive.Dir)
	if err := s.Fetch(context.Background(), l, nil); err != nil {
		t.Fatal(err)
	}
}

func TestProxy(t *testing.T) {
	c, err := newClient(map[string]string{
		"acquire::http::proxy":                 "http://general:3128",
		"acquire::http::proxy::near.example":   "DIRECT",
		"acquire::https::proxy::tls.example":   "http://tls:3128",
		"acquire::http::proxy::socks.example":  "socks5h://socks:1080",
		"acquire::http::proxy::broken.example": "no url",
	})
	if err != nil {
		t.Fatal(err)
	}
	detecting, err := newClient(map[string]string{"acquire::http::proxy-auto-detect": archivetest.Write(t, t.TempDir()+"/detect", "#!/bin/sh\necho http://detected:1\n", 0o755)})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		client    *client
		uri, want string
	}{
		{c, "http://far.example/x", "http://general:3128"},
		{c, "http://near.example/x", "none"},
		{c, "https://tls.example/x", "http://tls:3128"},
		{c, "https://far.example/x", "http://general:3128"},
		{c, "http://socks.example/x", "socks5h://socks:1080"},
		{c, "http://broken.example/x", `the host's apt is configured to use the proxy "no url", which is not a URL`},
		{detecting, "http://far.example/x", "http://detected:1"},
	} {
		req, _ := http.NewRequest("GET", p.uri, nil)
		u, err := p.client.proxy(req)
		got := "none"
		if err != nil {
			got = err.Error()
		} else if u != nil {
			got = u.String()
		}
		if got != p.want {
			t.Errorf("%s: %s, want %s", p.uri, got, p.want)
		}
	}
}
