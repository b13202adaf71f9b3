package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/archivetest"
	"github.com/bocaditos/bocaditos/pkgs"
)

// keys sign the tests' archives.
var keys *archivetest.Keys

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if keys, err = archivetest.MakeKeys(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer keys.Close()
		return m.Run()
	}())
}

// testArchive is an archive with packages for every case.
type testArchive struct{ *archivetest.Archive }

func newArchive(t testing.TB) *testArchive {
	t.Helper()
	pool := filepath.Join(keys.Home, "pool")
	poolOnce.Do(func() { archivetest.MakePool(t, pool, packages) })
	return &testArchive{keys.New(t, pool)}
}

var poolOnce sync.Once // the packages are built once for all archives

var packages = []archivetest.Package{
	{Suite: "brot", Name: "app", Fields: "Pre-Depends: base | other-base\nDepends: libthing:any (>= 1.0), virtual-thing\nRecommends: extra\nReplaces: oldapp (<< 1)\n", Files: map[string]string{"usr/bin/app": "app one"}},
	{Suite: "brot-updates", Name: "app", Fields: "Version: 1.1\nPre-Depends: base | other-base\nDepends: libthing:any (>= 1.0), virtual-thing\nRecommends: extra\nReplaces: oldapp (<< 1)\n", Files: map[string]string{"usr/bin/app": "app two", "usr/bin/su": "setuid", "DEBIAN/postinst": "#!/bin/sh\nexit 1\n", "DEBIAN/triggers": "activate-noawait ldconfig\n"}},
	{Suite: "brot", Name: "libthing", Fields: "Version: 2:1.2+dfsg~rc1-1\nMulti-Arch: allowed\nProvides: virtual-thing (= 1), libthing-abi\n", Files: map[string]string{"usr/lib/libthing.so.1": strings.Repeat("lib", 100<<10)}},
	{Suite: "brot", Name: "base", Fields: "Architecture: all\n", Files: map[string]string{"usr/share/base/x": "x"}},
	{Suite: "brot", Name: "extra", Fields: ""},
	{Suite: "brot", Name: "must", Fields: "Essential: yes\nPriority: required\n", Files: map[string]string{"usr/bin/must": ""}},
	{Suite: "brot", Name: "broken", Fields: "Depends: libthing (>= 3:0)\n"},
	{Suite: "brot", Name: "fights", Fields: "Conflicts: app\n"},
	{Suite: "brot", Name: "kern-meta", Fields: "Depends: kern-1+x (= 1:6.1~x+b1), kern-tools\n", Files: map[string]string{"usr/share/doc/kern-meta/copyright": "free"}},
	{Suite: "brot", Name: "kern-1+x", Fields: "Version: 1:6.1~x+b1\nDepends: kern-tools\n", Files: map[string]string{"usr/lib/modules/x": "x"}},
	{Suite: "brot", Name: "kern-tools", Fields: "", Files: map[string]string{"usr/bin/kern-tool": "x"}},
}

// source opens the archive at an address.
func (a *testArchive) source(t testing.TB, mirror string) *Archive {
	t.Helper()
	s, err := New(Config{Release: "brot", Mirror: mirror, Keyring: a.Keyring, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.backoff = time.Millisecond
	return s
}

func request(install ...string) pkgs.Request {
	return pkgs.Request{Arch: "x86-64", Sets: []pkgs.Set{{Name: "root", Install: install, Closure: true}}}
}

func resolve(t testing.TB, s *Archive, req pkgs.Request) *pkgs.Lock {
	t.Helper()
	l, err := s.Resolve(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// wantError looks for what people should see of an error.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", parts)
	}
	text := err.Error()
	var hinted *pkgs.Error
	if errors.As(err, &hinted) {
		text += "\n  hint: " + hinted.Hint()
	}
	t.Log(text)
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("error:\n%s\nlacks %q", text, p)
		}
	}
}
