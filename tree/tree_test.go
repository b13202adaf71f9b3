package tree_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
)

var (
	pkgA = tree.Origin{Package: "a"}
	pkgB = tree.Origin{Package: "b"}
)

func put(t *testing.T, tr *tree.Tree, p string, n *tree.Node) {
	t.Helper()
	if err := tr.Put(p, n); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, tr *tree.Tree) string {
	t.Helper()
	s, err := tr.Text()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPutFollowsLinkedParents(t *testing.T) {
	tr := tree.New()
	put(t, tr, "/usr/bin", tree.NewDir(0o755, pkgA))
	put(t, tr, "/bin", tree.NewSymlink("usr/bin", pkgA))
	put(t, tr, "/bin/sh", tree.NewSymlink("dash", pkgA))
	if n := tr.Lookup("/usr/bin/sh"); n == nil || n.Target != "dash" {
		t.Fatalf("/bin/sh did not land in /usr/bin:\n%s", text(t, tr))
	}
	if n := tr.Lookup("/bin/sh"); n != nil {
		t.Fatal("Lookup followed a link")
	}
}

func TestResolve(t *testing.T) {
	tr := tree.New()
	put(t, tr, "/usr/bin/dash", tree.NewFile(0o755, tree.String("elf"), pkgA))
	put(t, tr, "/bin", tree.NewSymlink("/usr/bin", pkgA))
	put(t, tr, "/usr/bin/sh", tree.NewSymlink("../../../../usr/bin/dash", pkgA))
	put(t, tr, "/loop", tree.NewSymlink("loop", pkgA))
	for _, c := range []struct{ in, want, err string }{
		{"/bin/sh", "/usr/bin/dash", ""},
		{"bin/../bin/./sh", "/usr/bin/dash", ""},
		{"/", "/", ""},
		{"/bin/none", "", "no such file"},
		{"/usr/bin/dash/x", "", "not a directory"},
		{"/loop/x", "", "too many symbolic links"},
	} {
		got, _, err := tr.Resolve(c.in)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Resolve(%q) = %q, %v; want %q, %q", c.in, got, err, c.want, c.err)
		}
	}
	if p, n, err := tr.ResolveParent("/bin/new"); p != "/usr/bin/new" || n != nil || err != nil {
		t.Errorf("ResolveParent of a missing name = %q, %v, %v", p, n, err)
	}
	if p, n, err := tr.ResolveParent("/bin"); p != "/bin" || n.Type != tree.Symlink || err != nil {
		t.Errorf("ResolveParent of a link = %q, %v, %v", p, n, err)
	}
}

func TestCleanRefuses(t *testing.T) {
	for _, p := range []string{"../x", "/a/../../b", "a\x00b", strings.Repeat("n", 256)} {
		if _, err := tree.Clean(p); err == nil {
			t.Errorf("Clean(%q) gave no error", p)
		}
	}
}

func TestMerge(t *testing.T) {
	base := func() *tree.Tree {
		tr := tree.New()
		put(t, tr, "/usr/lib/x", tree.NewFile(0o644, tree.String("one"), pkgA))
		put(t, tr, "/lib", tree.NewSymlink("usr/lib", pkgA))
		return tr
	}
	for _, c := range []struct {
		name, path string
		node       *tree.Node
		rule       tree.Rule
		err, want  string
	}{
		{"new file through a link", "/lib/y", tree.NewFile(0o644, tree.String("y"), pkgB), nil, "", "/usr/lib/y: file 0644 a1fce436"},
		{"equal file", "/usr/lib/x", tree.NewFile(0o644, tree.String("one"), pkgB), nil, "", "/usr/lib/x: file 0644 7692c3ad"},
		{"other content", "/usr/lib/x", tree.NewFile(0o644, tree.String("two"), pkgB), nil, "/usr/lib/x: package a and package b disagree about its content", ""},
		{"other mode", "/usr/lib/x", tree.NewFile(0o600, tree.String("one"), pkgB), nil, "disagree about its mode", ""},
		{"file where a directory is", "/usr/lib", tree.NewFile(0o644, tree.String("x"), pkgB), nil, "disagree about its type", ""},
		{"rule takes the new one", "/usr/lib/x", tree.NewFile(0o644, tree.String("two"), pkgB),
			func(*tree.Conflict) tree.Decision { return tree.TakeWant }, "", "/usr/lib/x: file 0644 3fc4ccfe"},
		{"rule keeps the old one", "/usr/lib/x", tree.NewFile(0o644, tree.String("two"), pkgB),
			func(*tree.Conflict) tree.Decision { return tree.KeepHave }, "", "/usr/lib/x: file 0644 7692c3ad"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, src := base(), tree.New()
			put(t, src, c.path, c.node)
			err := errors.Join(tr.Merge(src, c.rule)...)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, tr); !strings.Contains(got, c.want+"\n") {
				t.Fatalf("want a line %q in\n%s", c.want, got)
			}
		})
	}
}

// writeTar makes an uncompressed tar in a temporary file.
func writeTar(t *testing.T, headers ...*tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := h.Uname // the test's way to give a body
		h.Uname = ""
		h.Size = int64(len(body))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(body))
	}
	w.Close()
	file := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTarKeepsWhatAFilesystemCannot(t *testing.T) {
	file := writeTar(t,
		&tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		&tar.Header{Name: "./bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		&tar.Header{Name: "./bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Gid: 42, Uname: "suid"},
		&tar.Header{Name: "./bin/su2", Typeflag: tar.TypeLink, Linkname: "./bin/su"},
		&tar.Header{Name: "./bin/ping", Typeflag: tar.TypeReg, Mode: 0o755, Uname: "p", PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01\x00"}},
		&tar.Header{Name: "./dev/null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3},
		&tar.Header{Name: "./run/p", Typeflag: tar.TypeFifo, Mode: 0o600},
	)
	tr, err := tree.ReadTar(file, "sha256:x", pkgA)
	if err != nil {
		t.Fatal(err)
	}
	want := `/: dir 0755
/bin: dir 0755
/bin/ping: file 0755 148de9c5 security.capability=0100
/bin/su: file 4755 15460c0b 0:42
/bin/su2: file 4755 15460c0b 0:42
/dev: dir 0755
/dev/null: char 0666 1:3
/run: dir 0755
/run/p: fifo 0600
`
	got := text(t, tr)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if tr.Lookup("/bin/su") != tr.Lookup("/bin/su2") {
		t.Error("the hard link became a copy")
	}

	// What is written and read again is the same tree.
	again := filepath.Join(t.TempDir(), "again.tar")
	f, _ := os.Create(again)
	if err := tr.WriteTar(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	back, err := tree.ReadTar(again, "sha256:y", pkgA)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := text(t, tr), text(t, back); a != b {
		t.Errorf("round trip changed the tree:\n%s\n%s", a, b)
	}
	if back.Lookup("/bin/su") != back.Lookup("/bin/su2") {
		t.Error("round trip lost the hard link")
	}
}

func TestTarRefuses(t *testing.T) {
	file := func(name string) *tar.Header {
		return &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}
	}
	for _, c := range []struct {
		name    string
		headers []*tar.Header
		err     string
	}{
		{"leaves the root", []*tar.Header{file("./../etc/passwd")}, "path leaves the root"},
		{"same path twice", []*tar.Header{file("./a"), file("./a")}, "second entry for one path"},
		{"same path twice, spelled otherwise", []*tar.Header{file("./a"), file("a")}, "second entry for one path"},
		{"below its own link", []*tar.Header{{Name: "./l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, file("./l/passwd")}, "not a directory"},
		{"below a file", []*tar.Header{file("./f"), file("./f/x")}, "not a directory"},
		{"hard link to nothing", []*tar.Header{{Name: "./h", Typeflag: tar.TypeLink, Linkname: "./none"}}, "no such file"},
		{"hard link out of the root", []*tar.Header{{Name: "./h", Typeflag: tar.TypeLink, Linkname: "../../x"}}, "path leaves the root"},
		{"name too long", []*tar.Header{file("./" + strings.Repeat("n", 256))}, "name not allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tree.ReadTar(writeTar(t, c.headers...), "id", pkgA)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Fatalf("got %v, want %q", err, c.err)
			}
		})
	}
}

func TestErrorsAreThoseOfIOFS(t *testing.T) {
	_, _, err := tree.New().Resolve("/none")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

func TestDigestSeesEveryField(t *testing.T) {
	seen := map[string]string{}
	check := func(what string, change func(*tree.Tree)) {
		tr := tree.New()
		put(t, tr, "/f", tree.NewFile(0o644, tree.String("x"), pkgA))
		change(tr)
		d := tr.Digest()
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", what, other)
		}
		seen[d] = what
	}
	check("nothing", func(*tree.Tree) {})
	check("mode", func(tr *tree.Tree) { tr.Lookup("/f").Mode = 0o600 })
	check("uid", func(tr *tree.Tree) { tr.Lookup("/f").UID = 1 })
	check("gid", func(tr *tree.Tree) { tr.Lookup("/f").GID = 1 })
	check("xattr", func(tr *tree.Tree) { tr.Lookup("/f").Xattrs = map[string]string{"user.a": "b"} })
	check("content", func(tr *tree.Tree) { tr.Lookup("/f").Content = tree.String("y") })
	check("name", func(tr *tree.Tree) { put(t, tr, "/g", tree.NewFile(0o644, tree.String("x"), pkgA)) })
	check("hard link", func(tr *tree.Tree) { put(t, tr, "/g", tr.Lookup("/f")) })
	check("link", func(tr *tree.Tree) { put(t, tr, "/f", tree.NewSymlink("x", pkgA)) })

	a := tree.New()
	put(t, a, "/f", tree.NewFile(0o644, tree.String("x"), pkgA))
	b := tree.New()
	put(t, b, "/f", tree.NewFile(0o644, tree.String("x"), pkgB))
	if a.Lookup("/f"); a.Digest() != b.Digest() {
		t.Error("the origin changes the digest")
	}
}

func TestCloneIsIndependent(t *testing.T) {
	a := tree.New()
	put(t, a, "/f", tree.NewFile(0o644, tree.String("x"), pkgA))
	put(t, a, "/g", a.Lookup("/f"))
	b := a.Clone()
	b.Lookup("/f").Mode = 0o600
	if a.Lookup("/f").Mode != 0o644 || b.Lookup("/g").Mode != 0o600 {
		t.Error("Clone shares nodes with its source or lost the hard link")
	}
}

// The index that a tool leaves beside its result may differ from run to run;
// the result's name must not.
func TestContentNamedByItself(t *testing.T) {
	reg := func(name, body string) *tar.Header {
		return &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Uname: body}
	}
	a, err := tree.ReadTar(writeTar(t, reg("./noise", "1"), reg("./x", "same")), "", pkgA)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tree.ReadTar(writeTar(t, reg("./noise", "22"), reg("./x", "same")), "", pkgA)
	if err != nil {
		t.Fatal(err)
	}
	if x, y := a.Lookup("/x").Content.ID(), b.Lookup("/x").Content.ID(); x != y || x != tree.String("same").ID() {
		t.Errorf("equal contents are named %s and %s", x, y)
	}
	if got, err := tree.ReadAll(a.Lookup("/x").Content); err != nil || string(got) != "same" {
		t.Errorf("content %q, %v", got, err)
	}
}

func TestReadDir(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "data"), []byte("x"), 0o600)
	os.WriteFile(filepath.Join(dir, "tool"), []byte("x"), 0o700)
	os.Symlink("tool", filepath.Join(dir, "link"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "/: dir 0755\n/data: file 0644 2d711642\n/link: symlink tool\n/pipe: fifo 0644\n/tool: file 0755 2d711642\n"
	tr, err := tree.ReadDir(dir, pkgA)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, tr); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	null, err := tree.ReadHost("/dev/null", pkgA)
	if err != nil || null.Type != tree.CharDevice || null.Major != 1 || null.Minor != 3 {
		t.Errorf("/dev/null is %+v, %v", null, err)
	}
}
