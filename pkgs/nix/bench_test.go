package nix

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
)

// BOCADITOS_BENCH_PARTS sets the size of the closure, in units of 16 MiB.
func benchmarkConfig(b *testing.B) Config {
	cfg := config(b)
	cfg.Log = nil
	if parts := os.Getenv("BOCADITOS_BENCH_PARTS"); parts != "" {
		cfg.Args = map[string]string{"parts": parts}
	}
	return cfg
}

// BenchmarkOpen reads a closure in place, from the trees to the last byte.
func BenchmarkOpen(b *testing.B) {
	s := newSource(b, benchmarkConfig(b))
	l := resolve(b, s, request("bulk"))
	if err := s.Fetch(b.Context(), l, nil); err != nil {
		b.Fatal(err)
	}
	resetPeak(b)
	b.ReportAllocs()
	for b.Loop() {
		var read int64
		err := openAll(b, s, l).Walk(func(_ string, n *tree.Node) error {
			if n.Type != tree.File {
				return nil
			}
			data, err := tree.ReadAll(n.Content)
			read += int64(len(data))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(read)
	}
	reportPeak(b)
}

// BenchmarkFetch brings a closure from a cache on this machine.
func BenchmarkFetch(b *testing.B) {
	a := &author{cfg: benchmarkConfig(b)}
	a.source = newSource(b, a.cfg)
	a.lock = resolve(b, a.source, request("bulk"))
	a.secret, a.public = newKey(b, "author-1")
	var size int64
	for _, p := range a.lock.Packages {
		size += p.Size
	}
	// Not br: nix takes minutes to make it, at the one level that it knows.
	for _, compression := range []string{"none", "zstd", "xz"} {
		b.Run(compression, func(b *testing.B) {
			server := httptest.NewServer(http.FileServer(http.Dir(a.copy(b, compression))))
			defer server.Close()
			resetPeak(b)
			b.SetBytes(size)
			for b.Loop() {
				if err := newSource(b, a.without(b, server.URL)).Fetch(context.Background(), a.lock, nil); err != nil {
					b.Fatal(err)
				}
			}
			reportPeak(b)
		})
	}
}

// resetPeak starts the kernel's measurement of the process' peak memory anew: see proc(5).
func resetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}

func reportPeak(b *testing.B) {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(kib)/1024, "peak-MiB")
}
