package debian

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// bootable is a request as the builder makes it.
var bootable = pkgs.Request{Arch: "x86-64", Sets: []pkgs.Set{
	{Name: "root", Install: []string{"systemd", "udev", "dbus-broker", "login", "util-linux", "kmod", "iproute2"}, Closure: true},
	{Name: "kernel", Install: []string{"linux-image-cloud-amd64"}},
	{Name: "stub", Install: []string{"systemd-boot-efi"}},
}}

// Against the archive that this host's own apt uses: it needs the network.
func TestHostArchive(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no network")
	}
	ctx := context.Background()
	a, err := New(Config{Release: "trixie", CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Resolve(ctx, bootable)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]pkgs.Locked{}
	for _, p := range l.Packages {
		byName[p.Name] = p
	}
	for _, want := range []string{"systemd", "udev", "dbus-broker", "libc6", "systemd-boot-efi"} {
		if byName[want].SHA256 == "" {
			t.Errorf("%s is not in the lock", want)
		}
	}
	for name, p := range byName {
		if name == "initramfs-tools" || name == "linux-image-cloud-amd64" {
			t.Errorf("%s is in the lock", name)
		}
		if p.In("kernel") && !strings.HasPrefix(name, "linux-") {
			t.Errorf("the kernel set has %s", name)
		}
	}
	names := map[string]bool{}
	for _, r := range l.Releases {
		names[r.Name] = true
		if r.Origin != "Debian" || len(r.Key) < 40 || len(r.SHA256) != 64 {
			t.Errorf("release %+v", r)
		}
	}
	for _, want := range []string{"trixie", "trixie-updates", "trixie-security"} {
		if !names[want] {
			t.Errorf("no release %s in the lock", want)
		}
	}

	one := *l
	one.Packages = []pkgs.Locked{byName["dbus-broker"]}
	if err := a.Fetch(ctx, &one, nil); err != nil {
		t.Fatal(err)
	}
	p, err := a.Open(ctx, one.Packages[0])
	if err != nil {
		t.Fatal(err)
	}
	if n := p.Tree.Lookup("/usr/lib/systemd/system/dbus-broker.service"); n == nil || n.Type != tree.File || n.Origin().Package != "dbus-broker" {
		t.Errorf("dbus-broker has no unit file: %+v", n)
	}
	if len(p.Scripts) == 0 {
		t.Error("dbus-broker has maintainer scripts, but none were found")
	}
}

// BenchmarkHostArchive reports what a first build waits for. Run with
// -benchtime 1x: it downloads the whole set each time.
func BenchmarkHostArchive(b *testing.B) {
	ctx := context.Background()
	for range b.N {
		a, err := New(Config{CacheDir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		step := func(unit string, f func() error) {
			start := time.Now()
			if err := f(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(start).Seconds(), unit)
		}
		var l *pkgs.Lock
		resolve := func() (err error) { l, err = a.Resolve(ctx, bootable); return }
		step("s-resolve", resolve)
		step("s-resolve-again", resolve)
		step("s-fetch", func() error { return a.Fetch(ctx, l, nil) })
		open := func() error {
			var g errgroup.Group
			for _, p := range l.Packages {
				g.Go(func() error { _, err := a.Open(ctx, p); return err })
			}
			return g.Wait()
		}
		step("s-open", open)
		step("s-open-again", open)
		b.ReportMetric(float64(len(l.Packages)), "packages")
		b.ReportMetric(sizeOf(b, a.cfg.CacheDir, "blobs")/1e6, "MB")
		b.ReportMetric(sizeOf(b, a.cfg.CacheDir, "unpacked")/1e6, "MB-unpacked")
	}
}

func sizeOf(b *testing.B, elem ...string) float64 {
	var sum int64
	err := filepath.Walk(filepath.Join(elem...), func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return float64(sum)
}
