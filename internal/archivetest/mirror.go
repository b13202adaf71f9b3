package archivetest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// FakeHost gives the test a host whose apt has these sources (deb822), a hook
// that leaves a trace, and no proxy for this machine.
func FakeHost(t testing.TB, sources string) (trace string) {
	t.Helper()
	dir := t.TempDir()
	trace = filepath.Join(dir, "hook-ran")
	Write(t, dir+"/etc/sources.list.d/host.sources", sources, 0o644)
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	Write(t, dir+"/status", "", 0o644)
	t.Setenv("APT_CONFIG", Write(t, dir+"/apt.conf", fmt.Sprintf(`Dir::Etc "%[1]s/etc"; Dir::Etc::parts "/dev/null"; Dir::Etc::main "/dev/null";
Dir::State::lists "%[1]s/lists"; Dir::State::status "%[1]s/status"; Dir::Cache "%[1]s/cache";
APT::Sandbox::User ""; APT::Architecture "amd64"; APT::Architectures { "amd64"; };
APT::Update::Pre-Invoke { "touch %[2]s"; }; APT::Update::Post-Invoke { "touch %[2]s"; };
APT::Install-Recommends "true"; Acquire::Languages "none";
Acquire::http::Proxy "http://127.0.0.1:1"; Acquire::http::Proxy::127.0.0.1 "DIRECT";
`, dir, trace), 0o644))
	return trace
}

// A Fault sees a request first. If it answers it, it returns true.
type Fault func(http.ResponseWriter, *http.Request) bool

// Mirror serves an archive over HTTP, as well as its fault lets it.
type Mirror struct {
	*httptest.Server
	Served atomic.Int64 // requests for packages
	fault  atomic.Pointer[Fault]
}

// Serve starts a mirror of a directory; it ends with the test.
func Serve(t testing.TB, dir string) *Mirror {
	m := new(Mirror)
	files := http.FileServer(http.Dir(dir))
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".deb") {
			m.Served.Add(1)
		}
		if f := m.fault.Load(); f != nil && (*f)(w, r) {
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(m.Close)
	return m
}

// Fail makes the mirror faulty from now on.
func (m *Mirror) Fail(f Fault) { m.fault.Store(&f) }

// Heal makes the mirror well again.
func (m *Mirror) Heal() { m.fault.Store(nil) }

// Cut answers requests for packages with the headers of the whole and only the
// first n bytes asked for.
func Cut(dir string, n int) Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, ".deb") {
			return false
		}
		http.ServeFile(&cutWriter{w, n}, r, filepath.Join(dir, r.URL.Path))
		return true
	}
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(c.left, len(p))])
	if c.left -= n; err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}
