package debian

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/pkgs"
)

// Keys of the test's archives, made by gpg once.
var keys struct {
	home                    string
	good, expired, bad, rsa string // user ids
}

func TestMain(m *testing.M) {
	for tool, pkg := range map[string]string{"apt-get": "apt", "apt-ftparchive": "apt-utils", "dpkg-deb": "dpkg", "gpg": "gpg", "gpg-agent": "gpg-agent", "xz": "xz-utils"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Fprintf(os.Stderr, "these tests need %s: install the package %s\n", tool, pkg)
			os.Exit(1)
		}
	}
	os.Exit(func() int {
		home, err := os.MkdirTemp("", "gpg") // short: the agent's socket is in it
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(home)
		keys.home = home
		defer exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		keys.good, keys.expired, keys.bad, keys.rsa = "good@example.org", "expired@example.org", "bad@example.org", "rsa@example.org"
		for _, k := range [][]string{
			{"--quick-gen-key", keys.good, "ed25519", "sign", "never"},
			{"--quick-gen-key", keys.bad, "ed25519", "sign", "never"},
			{"--quick-gen-key", keys.rsa, "rsa2048", "sign", "never"},
			{"--faked-system-time", "20200101T000000", "--quick-gen-key", keys.expired, "ed25519", "sign", "2d"},
		} {
			if out, err := gpg(k...).CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "make a key: %v: %s\n", err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

func gpg(args ...string) *exec.Cmd {
	return exec.Command("gpg", append([]string{"--homedir", keys.home, "--batch", "--quiet", "--passphrase", ""}, args...)...)
}

func command(t testing.TB, cmd *exec.Cmd) []byte {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, errs.String())
	}
	return out
}

func write(t testing.TB, file, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return file
}

// makeDeb builds a package with dpkg-deb. files are paths and contents; those
// below DEBIAN are control files. fields lack Package and Architecture.
func makeDeb(t testing.TB, file, name, fields, compression string, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	if !strings.Contains(fields, "Version:") {
		fields = "Version: 1.0\n" + fields
	}
	if !strings.Contains(fields, "Architecture:") {
		fields = "Architecture: amd64\n" + fields
	}
	write(t, dir+"/DEBIAN/control", "Package: "+name+"\nMaintainer: T <t@example.org>\nDescription: test\n"+fields, 0o644)
	for path, text := range files {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(path, "DEBIAN/") || strings.Contains(path, "/bin/") {
			mode = 0o755
		}
		if strings.HasSuffix(path, "/su") {
			mode |= os.ModeSetuid
		}
		write(t, filepath.Join(dir, path), text, mode)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, exec.Command("dpkg-deb", "--root-owner-group", "-Z"+compression, "--build", dir, file))
}

// testArchive is an archive in a directory, with the release "brot".
type testArchive struct {
	dir     string
	keyring string
}

// newArchive has packages for every case; publish makes it an archive.
func newArchive(t testing.TB) *testArchive {
	t.Helper()
	a := &testArchive{dir: t.TempDir()}
	poolOnce.Do(func() { makePool(t) })
	if err := os.CopyFS(a.dir+"/pool", os.DirFS(keys.home+"/pool")); err != nil {
		t.Fatal(err)
	}
	a.keyring = filepath.Join(t.TempDir(), "keys.asc")
	write(t, a.keyring, string(command(t, gpg("--armor", "--export", keys.good, keys.expired))), 0o644)
	a.publish(t, signWith(keys.good))
	return a
}

var poolOnce sync.Once

// makePool builds the packages, once for all archives.
func makePool(t testing.TB) {
	t.Helper()
	for _, p := range []struct {
		suite, name, fields string
		files               map[string]string
	}{
		{"brot", "app", "Pre-Depends: base | other-base\nDepends: libthing:any (>= 1.0), virtual-thing\nRecommends: extra\nReplaces: oldapp (<< 1)\n",
			map[string]string{"usr/bin/app": "app one"}},
		{"brot-updates", "app", "Version: 1.1\nPre-Depends: base | other-base\nDepends: libthing:any (>= 1.0), virtual-thing\nRecommends: extra\nReplaces: oldapp (<< 1)\n",
			map[string]string{"usr/bin/app": "app two", "usr/bin/su": "setuid", "DEBIAN/postinst": "#!/bin/sh\nexit 1\n", "DEBIAN/triggers": "activate-noawait ldconfig\n"}},
		{"brot", "libthing", "Version: 2:1.2+dfsg~rc1-1\nMulti-Arch: allowed\nProvides: virtual-thing (= 1), libthing-abi\n", map[string]string{"usr/lib/libthing.so.1": strings.Repeat("lib", 100<<10)}},
		{"brot", "base", "Architecture: all\n", map[string]string{"usr/share/base/x": "x"}},
		{"brot", "extra", "", nil},
		{"brot", "must", "Essential: yes\nPriority: required\n", map[string]string{"usr/bin/must": ""}},
		{"brot", "broken", "Depends: libthing (>= 3:0)\n", nil},
		{"brot", "fights", "Conflicts: app\n", nil},
		{"brot", "kern-meta", "Depends: kern-1+x (= 1:6.1~x+b1), kern-tools\n", map[string]string{"usr/share/doc/kern-meta/copyright": "free"}},
		{"brot", "kern-1+x", "Version: 1:6.1~x+b1\nDepends: kern-tools\n", map[string]string{"usr/lib/modules/x": "x"}},
		{"brot", "kern-tools", "", map[string]string{"usr/bin/kern-tool": "x"}},
	} {
		makeDeb(t, filepath.Join(keys.home, "pool", p.suite, fmt.Sprintf("%s_%d.deb", p.name, len(p.fields))), p.name, p.fields, "xz", p.files)
	}
}

type publishOption struct {
	key, fakedTime string
	unsigned       bool
	release        []string // further fields, "Name=value"
}

func signWith(key string) publishOption { return publishOption{key: key} }

// publish writes the indexes and signs them.
func (a *testArchive) publish(t testing.TB, o publishOption) {
	t.Helper()
	for _, suite := range []string{"brot", "brot-updates"} {
		dist := filepath.Join(a.dir, "dists", suite)
		cmd := exec.Command("apt-ftparchive", "packages", "pool/"+suite)
		cmd.Dir = a.dir
		index := write(t, dist+"/main/binary-amd64/Packages", string(command(t, cmd)), 0o644)
		command(t, exec.Command("xz", "-kf", index))
		args := []string{}
		for _, f := range append([]string{"Origin=Test", "Label=Test", "Suite=" + suite, "Codename=" + suite, "Architectures=amd64", "Components=main"}, o.release...) {
			args = append(args, "-o", "APT::FTPArchive::Release::"+f)
		}
		os.Remove(dist + "/InRelease")
		os.Remove(dist + "/Release")
		text := command(t, exec.Command("apt-ftparchive", append(args, "release", dist)...))
		for _, f := range o.release { // apt-ftparchive has the date from its clock only
			if date, ok := strings.CutPrefix(f, "Date="); ok {
				lines := strings.Split(string(text), "\n")
				for i := range lines {
					if strings.HasPrefix(lines[i], "Date:") {
						lines[i] = "Date: " + date
					}
				}
				text = []byte(strings.Join(lines, "\n"))
			}
		}
		release := write(t, dist+"/Release", string(text), 0o644)
		if o.unsigned {
			continue
		}
		sign := []string{"--local-user", o.key, "--output", dist + "/InRelease", "--clearsign", release}
		if o.fakedTime != "" {
			sign = append([]string{"--faked-system-time", o.fakedTime}, sign...)
		}
		command(t, gpg(sign...))
	}
}

// fakeHost gives the test a host whose apt has these sources (deb822), a hook
// that leaves a trace, and no proxy for this machine.
func fakeHost(t *testing.T, sources string) (trace string) {
	t.Helper()
	dir := t.TempDir()
	trace = filepath.Join(dir, "hook-ran")
	write(t, dir+"/etc/sources.list.d/host.sources", sources, 0o644)
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir+"/status", "", 0o644)
	t.Setenv("APT_CONFIG", write(t, dir+"/apt.conf", fmt.Sprintf(`Dir::Etc "%[1]s/etc"; Dir::Etc::parts "/dev/null"; Dir::Etc::main "/dev/null";
Dir::State::lists "%[1]s/lists"; Dir::State::status "%[1]s/status"; Dir::Cache "%[1]s/cache";
APT::Sandbox::User ""; APT::Architecture "amd64"; APT::Architectures { "amd64"; };
APT::Update::Pre-Invoke { "touch %[2]s"; }; APT::Update::Post-Invoke { "touch %[2]s"; };
APT::Install-Recommends "true"; Acquire::Languages "none";
Acquire::http::Proxy "http://127.0.0.1:1"; Acquire::http::Proxy::127.0.0.1 "DIRECT";
`, dir, trace), 0o644))
	return trace
}

// mirror serves the archive; fault, if set, sees each request first and may
// answer it.
type mirror struct {
	*httptest.Server
	fault  atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	served atomic.Int64 // requests for packages
}

func serve(t testing.TB, dir string) *mirror {
	m := new(mirror)
	files := http.FileServer(http.Dir(dir))
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".deb") {
			m.served.Add(1)
		}
		if f := m.fault.Load(); f != nil && (*f)(w, r) {
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mirror) fail(f func(http.ResponseWriter, *http.Request) bool) { m.fault.Store(&f) }

// source opens the archive at an address.
func (a *testArchive) source(t testing.TB, mirror string) *Archive {
	t.Helper()
	s, err := New(Config{Release: "brot", Mirror: mirror, Keyring: a.keyring, CacheDir: t.TempDir()})
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
