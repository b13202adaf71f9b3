package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/bocaditos/bocaditos/internal/archivetest"
	"github.com/bocaditos/bocaditos/pkgs"
)

// put makes a blob of a package and the lock's entry for it.
func put(t testing.TB, s *Archive, data []byte) pkgs.Locked {
	t.Helper()
	sum := sha256.Sum256(data)
	p := pkgs.Locked{Name: "p", Version: "1.0", Arch: "amd64", Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	archivetest.Write(t, s.blob(p.SHA256), string(data), 0o644)
	return p
}

func cacheOnly(t testing.TB) *Archive {
	t.Helper()
	s, err := New(Config{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCompressions(t *testing.T) {
	for _, c := range []string{"xz", "gzip", "none", "zstd"} {
		t.Run(c, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "p.deb")
			archivetest.MakeDeb(t, file, "p", "", c, map[string]string{"usr/bin/p": strings.Repeat("program", 1<<16)})
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := cacheOnly(t)
			l := put(t, s, data)
			for _, when := range []string{"first", "from the cache"} {
				p, err := s.Open(context.Background(), l)
				if err != nil {
					t.Fatal(err)
				}
				text, err := p.Tree.Text()
				if want := "/: dir 0755\n/usr: dir 0755\n/usr/bin: dir 0755\n/usr/bin/p: file 0755 ba771216\n"; err != nil || text != want {
					t.Errorf("%s: %v\n%s", when, err, text)
				}
			}
		})
	}
}

type entry struct{ name, body string }

func arFile(members ...entry) []byte {
	var b bytes.Buffer
	b.WriteString(arMagic)
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m.name, 0, 0, 0, "100644", len(m.body), m.body)
		if len(m.body)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func tarFile(t testing.TB, headers ...tar.Header) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := h.Uname // where a case has the body
		h.Uname, h.Size, h.Mode = "", int64(len(body)), 0o644
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(body))
	}
	w.Close()
	return b.String()
}

func TestMaliciousPackages(t *testing.T) {
	version := entry{"debian-binary", "2.0\n"}
	say := func(text string) entry {
		return entry{"control.tar", tarFile(t, tar.Header{Name: "./control", Uname: text})}
	}
	control := say("Package: p\nVersion: 1.0\nArchitecture: amd64\n")
	data := func(h ...tar.Header) entry { return entry{"data.tar", tarFile(t, h...)} }
	plain := data(tar.Header{Name: "./x"})
	good := arFile(version, control, plain)
	huge := func() string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(tarFile(t, tar.Header{Name: "control", Uname: strings.Repeat("#", maxControl)})))
		z.Close()
		return b.String()
	}()
	for _, c := range []struct {
		name string
		deb  []byte
		want string
	}{
		{"path leaves the root", arFile(version, control, data(tar.Header{Name: "./../../etc/passwd"})), "path leaves the root"},
		{"same path twice", arFile(version, control, data(tar.Header{Name: "./x"}, tar.Header{Name: "x"})), "second entry for one path"},
		{"writes through its own link", arFile(version, control, data(tar.Header{Name: "./l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, tar.Header{Name: "./l/passwd"})), "not a directory"},
		{"hard link to the host", arFile(version, control, data(tar.Header{Name: "./h", Typeflag: tar.TypeLink, Linkname: "/etc/shadow"})), "no such file"},
		{"another package", arFile(version, say("Package: q\nVersion: 1.0\nArchitecture: amd64\n"), plain), "the package says it is q 1.0 amd64"},
		{"another version", arFile(version, say("Package: p\nVersion: 0.9\nArchitecture: amd64\n"), plain), "the package says it is p 0.9 amd64"},
		{"field twice", arFile(version, say("Package: q\nPackage: p\n"), plain), "field Package is there twice"},
		{"two control files", arFile(version, entry{"control.tar", tarFile(t, tar.Header{Name: "./control"}, tar.Header{Name: "control"})}, plain), "two control files"},
		{"no control file", arFile(version, entry{"control.tar", tarFile(t)}, plain), "no control file"},
		{"not ar", []byte("hello"), "not an ar archive"},
		{"empty ar", []byte(arMagic), "does not begin with debian-binary"},
		{"garbage after the last member", append(bytes.Clone(good), bytes.Repeat([]byte("x"), 60)...), "no ar header"},
		{"some bytes after the last member", append(bytes.Clone(good), 'x'), "cut off"},
		{"cut off", good[:len(good)-1], "does not fit"},
		{"size not a number", bytes.Replace(good, []byte("100644  4 "), []byte("100644  +4"), 1), "does not fit"},
		{"negative size", bytes.Replace(good, []byte("100644  4 "), []byte("100644  -4"), 1), "does not fit"},
		{"format 3", arFile(entry{"debian-binary", "3.0\n"}, control, plain), "only 2.0 is known"},
		{"data twice", arFile(version, control, plain, plain), "not a Debian package: it has debian-binary, control.tar, data.tar, data.tar"},
		{"order", arFile(version, plain, control), "not a Debian package"},
		{"unknown member", arFile(version, control, entry{"x", ""}, plain), "not a Debian package"},
		{"unknown compression", arFile(version, control, entry{"data.tar.lz", ""}), `compression ".lz" is not supported`},
		{"bad xz", arFile(version, control, entry{"data.tar.xz", "nonsense"}), "decompress data.tar.xz"},
		{"bad zstd", arFile(version, control, entry{"data.tar.zst", "nonsense"}), "decompress data.tar.zst"},
		{"bomb", arFile(version, entry{"control.tar.gz", huge}, plain), "it is too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := cacheOnly(t)
			_, err := s.Open(context.Background(), put(t, s, c.deb))
			wantError(t, err, c.want)
		})
	}
	t.Run("none of these", func(t *testing.T) {
		s := cacheOnly(t)
		deb := arFile(version, entry{"_gpgorigin", "x"}, control, plain)
		if _, err := s.Open(context.Background(), put(t, s, deb)); err != nil {
			t.Fatal(err)
		}
	})
}

// Scripts are kept byte for byte, and a link in a script's place is not
// overlooked. A cache of a version that knew less is unpacked anew.
func TestScripts(t *testing.T) {
	s := cacheOnly(t)
	program := "\x7fELF\x00\xff\xfe"
	l := put(t, s, arFile(entry{"debian-binary", "2.0\n"}, entry{"control.tar", tarFile(t,
		tar.Header{Name: "./control", Uname: "Package: p\nVersion: 1.0\nArchitecture: amd64\n"},
		tar.Header{Name: "./prerm", Typeflag: tar.TypeSymlink, Linkname: "postinst"},
		tar.Header{Name: "./postinst", Uname: program},
		tar.Header{Name: "./md5sums", Uname: "x"},
		tar.Header{Name: "triggers", Uname: "activate x\n"},
	)}, entry{"data.tar", tarFile(t)}))
	want := []pkgs.Script{{Name: "postinst", Text: program}, {Name: "prerm", Text: ""}, {Name: "triggers", Text: "activate x\n"}}
	facts := filepath.Join(s.cfg.CacheDir, "unpacked", l.SHA256+".json")
	for _, when := range []string{"first", "from the cache", "from an old cache"} {
		if when == "from an old cache" {
			archivetest.Write(t, facts, `{"format":1,"name":"p","version":"1.0","architecture":"amd64","scripts":["postinst"]}`, 0o644)
		}
		p, err := s.Open(context.Background(), l)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p.Scripts, want) {
			t.Errorf("%s: got %q", when, p.Scripts)
		}
	}
}

func TestLimitOfData(t *testing.T) {
	m := member{"data.tar", nil}
	r := &limited{bytes.NewReader(make([]byte, 100)), 99, m.name}
	if _, err := new(bytes.Buffer).ReadFrom(r); err == nil {
		t.Error("100 bytes passed a limit of 99")
	}
}

func TestOpenChecksTheBlob(t *testing.T) {
	s := cacheOnly(t)
	p := put(t, s, []byte("some package"))
	archivetest.Write(t, s.blob(p.SHA256), "Some package", 0o644)
	_, err := s.Open(context.Background(), p)
	wantError(t, err, "SHA-256 is", "hint: the cache is damaged")
	if s.cached(p) {
		t.Error("the damaged blob is still there")
	}
	_, err = s.Open(context.Background(), p)
	wantError(t, err, "hint: it was not fetched")
	files, _ := filepath.Glob(filepath.Join(s.cfg.CacheDir, "unpacked", "*"))
	if len(files) > 0 {
		t.Errorf("left over: %v", files)
	}
}

func TestOpenConcurrently(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.deb")
	archivetest.MakeDeb(t, file, "p", "", "xz", map[string]string{"usr/bin/p": "program"})
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := cacheOnly(t)
	l := put(t, s, data)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.Open(context.Background(), l) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(s.cfg.CacheDir, "unpacked", "*"))
	if len(files) != 2 {
		t.Errorf("want a tar and its facts, have %v", files)
	}
}

func TestRelations(t *testing.T) {
	got := parseRelations("a, b (>= 1) | c:any (= 2:1~x), d(<< 3), e [amd64] <!nocheck>, , libc6 (>=2.3)|v")
	want := [][]relation{{{"a", ""}}, {{"b", ""}, {"c", "2:1~x"}}, {{"d", ""}}, {{"e", ""}}, {{"libc6", ""}, {"v", ""}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func FuzzReadDeb(f *testing.F) {
	f.Add(arFile(entry{"debian-binary", "2.0\n"}, entry{"control.tar", "x"}, entry{"data.tar", ""}))
	f.Add([]byte(arMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := readDeb(bytes.NewReader(data), int64(len(data)))
		if err == nil {
			readControl(d.control)
		}
	})
}

// BenchmarkUnpack measures the slowest part of a first build.
func BenchmarkUnpack(b *testing.B) {
	file := filepath.Join(b.TempDir(), "p.deb")
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []string{"xz", "zstd"} {
		b.Run(c, func(b *testing.B) {
			archivetest.MakeDeb(b, file, "p", "", c, map[string]string{"usr/bin/p": string(program)})
			data, err := os.ReadFile(file)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(program)))
			for b.Loop() {
				s := cacheOnly(b)
				if _, err := s.Open(context.Background(), put(b, s, data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
