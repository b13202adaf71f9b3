package nix

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/tree"
)

// words makes a NAR of strings.
func words(list ...string) []byte {
	var b []byte
	for _, s := range list {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
		b = append(b, make([]byte, -len(s)&7)...)
	}
	return b
}

// archive is a NAR of a directory with the entries' words.
func archive(entries ...[]string) []byte {
	all := []string{narMagic, "(", "type", "directory"}
	for _, e := range entries {
		all = append(all, e...)
	}
	return words(append(all, ")")...)
}

func file(name, content string) []string {
	return []string{"entry", "(", "name", name, "node", "(", "type", "regular", "contents", content, ")", ")"}
}

func walk(nar []byte) (string, error) {
	var b strings.Builder
	err := walkNAR(bytes.NewReader(nar), int64(len(nar)), func(e narEntry) error {
		fmt.Fprintf(&b, "%s %s %t %q %d\n", e.path, e.kind, e.executable, e.target, e.size)
		return nil
	})
	return b.String(), err
}

func TestNARRefuses(t *testing.T) {
	good := archive(file("a", "x"), file("b", "y"))
	if _, err := walk(good); err != nil {
		t.Fatal(err)
	}
	deep := []string{narMagic}
	for range maxNARDepth + 2 {
		deep = append(deep, "(", "type", "directory", "entry", "(", "name", "d", "node")
	}
	padded := archive(file("a", "Q"))
	padded[bytes.IndexByte(padded, 'Q')+1] = 1
	huge := words(narMagic, "(", "type", "regular", "contents")
	huge = binary.LittleEndian.AppendUint64(huge, 1<<62)
	negative := binary.LittleEndian.AppendUint64(words(narMagic, "(", "type", "regular", "contents"), 1<<63+5)
	for _, c := range []struct {
		name string
		nar  []byte
		want string
	}{
		{"empty", nil, "it ends in the middle"},
		{"another format", []byte("!<arch>\n12345678"), "a length of"},
		{"a later version", words("nix-archive-2"), `"nix-archive-2" instead of "nix-archive-1"`},
		{"truncated", good[:len(good)-8], "a length of 1 with 0 bytes left"},
		{"truncated in a length", good[:len(good)-12], "it ends in the middle"},
		{"truncated before an entry", good[:96], "it ends in the middle"},
		{"more after its end", append(slices.Clone(good), 0), "1 bytes after its end"},
		{"dot", archive(file(".", "")), `the name "." is not allowed`},
		{"dot dot", archive(file("..", "")), `the name ".." is not allowed`},
		{"no name", archive(file("", "")), `the name "" is not allowed`},
		{"slash", archive(file("a/b", "")), `the name "a/b" is not allowed`},
		{"absolute", archive(file("/etc", "")), `the name "/etc" is not allowed`},
		{"NUL", archive(file("a\x00", "")), "is not allowed"},
		{"long name", archive(file(strings.Repeat("n", 256), "")), "at most 255"},
		{"twice", archive(file("a", ""), file("a", "")), `the name "a" is there twice`},
		{"not sorted", archive(file("b", ""), file("a", "")), "not sorted"},
		{"padding", padded, "padding that is not zero"},
		{"huge file", huge, "a length of 4611686018427387904"},
		{"negative length", negative, "a length of 9223372036854775813"},
		{"deep", words(deep...), "more than 256 directories deep"},
		{"unknown type", words(narMagic, "(", "type", "socket", ")"), `unknown type "socket"`},
		{"no content", words(narMagic, "(", "type", "regular", ")"), "a file without content"},
		{"executable twice", words(narMagic, "(", "type", "regular", "executable", "", "executable", "", "contents", "", ")"), `"executable" in a file`},
		{"executable with text", words(narMagic, "(", "type", "regular", "executable", "x", "contents", "", ")"), `"x" instead of ""`},
		{"link to nothing", words(narMagic, "(", "type", "symlink", "target", "", ")"), `a link to ""`},
		{"long link", words(narMagic, "(", "type", "symlink", "target", strings.Repeat("x", 4096), ")"), "at most 4095"},
		{"link with NUL", words(narMagic, "(", "type", "symlink", "target", "a\x00b", ")"), "a link to"},
		{"odd word", archive([]string{"file"}), `"file" in a directory`},
		{"below a file", words(narMagic, "(", "type", "regular", "contents", "", "entry"), `"entry" instead of ")"`},
	} {
		if _, err := walk(c.nar); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "NAR, at byte ") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// testTree makes files of all kinds, and many.
func testTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "top")
	write := func(name string, size int, mode os.FileMode) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Repeat([]byte{'a'}, size), mode); err != nil {
			t.Fatal(err)
		}
	}
	for size := range 20 {
		write(fmt.Sprintf("sizes/%d", size), size, 0o644)
	}
	write("large", 1<<20+3, 0o600)
	write("bin/tool", 100, 0o755)
	write("bin/group-only", 1, 0o654)
	// Sorted by byte, not by a locale.
	for _, name := range []string{"a", "B", "a.b", "a-b", "ab", "_", "é", "a b"} {
		write("names/"+name, 1, 0o644)
	}
	for _, target := range []string{"bin/tool", "/nowhere", "../x"} {
		if err := os.Symlink(target, filepath.Join(dir, "names", "to-"+filepath.Base(target))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "large"), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNARIsThatOfNix(t *testing.T) {
	dir := testTree(t)
	for _, file := range []string{dir, dir + "/large", dir + "/bin/tool", dir + "/names/to-tool", dir + "/empty"} {
		var got bytes.Buffer
		if err := writeNAR(&got, file); err != nil {
			t.Fatal(err)
		}
		if want := debiantest.Run(t, "nix-store", "--dump", file); got.String() != want {
			t.Errorf("%s: our NAR of %d bytes is not nix' of %d", file, got.Len(), len(want))
		}
	}
	// And what we read of it is what nix was given.
	var nar bytes.Buffer
	if err := writeNAR(&nar, dir); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := walkNAR(bytes.NewReader(nar.Bytes()), int64(nar.Len()), func(e narEntry) error {
		seen++
		info, err := os.Lstat(filepath.Join(dir, e.path))
		if err != nil {
			return err
		}
		switch e.kind {
		case tree.File:
			want, _ := os.ReadFile(filepath.Join(dir, e.path))
			if got := nar.Bytes()[e.offset : e.offset+e.size]; !bytes.Equal(got, want) || e.executable != (info.Mode()&0o100 != 0) {
				t.Errorf("%s: %d bytes, executable %t", e.path, len(got), e.executable)
			}
		case tree.Symlink:
			if want, _ := os.Readlink(filepath.Join(dir, e.path)); e.target != want {
				t.Errorf("%s: to %s", e.path, e.target)
			}
		}
		return nil
	})
	if err != nil || seen < 40 {
		t.Errorf("%d entries: %v", seen, err)
	}
}

func TestNARRefusesSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	debiantest.Run(t, "mkfifo", filepath.Join(dir, "fifo"))
	if err := writeNAR(io.Discard, dir); err == nil || !strings.Contains(err.Error(), "fifo") {
		t.Errorf("got %v", err)
	}
}

// What we accept is what nix accepts, and the only NAR of these files.
func FuzzNAR(f *testing.F) {
	f.Add(archive(file("a", "x"), file("b", "yyyyyyyyy")))
	f.Add(words(narMagic, "(", "type", "regular", "executable", "", "contents", "#!", ")"))
	f.Add(words(narMagic, "(", "type", "symlink", "target", "x", ")"))
	f.Add(archive([]string{"entry", "(", "name", "d", "node", "(", "type", "directory", ")", ")"}, file("e", "")))
	f.Add(archive(file("..", "x")))
	f.Fuzz(func(t *testing.T, nar []byte) {
		if _, err := walk(nar); err != nil {
			return
		}
		dir := filepath.Join(t.TempDir(), "top")
		err := walkNAR(bytes.NewReader(nar), int64(len(nar)), func(e narEntry) error {
			file := filepath.Join(dir, e.path)
			if file != dir && !strings.HasPrefix(file, dir+"/") {
				t.Fatalf("%q leads out", e.path)
			}
			switch e.kind {
			case tree.Dir:
				return os.Mkdir(file, 0o755)
			case tree.Symlink:
				return os.Symlink(e.target, file)
			}
			mode := os.FileMode(0o644)
			if e.executable {
				mode = 0o755
			}
			return os.WriteFile(file, nar[e.offset:e.offset+e.size], mode)
		})
		if err != nil {
			t.Fatal(err)
		}
		var again bytes.Buffer
		if err := writeNAR(&again, dir); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), nar) {
			t.Fatalf("its files have another NAR:\n%s\n%s", hex.Dump(nar), hex.Dump(again.Bytes()))
		}
	})
}

func BenchmarkHashNAR(b *testing.B) {
	dir := benchmarkTree(b)
	b.ReportAllocs()
	for b.Loop() {
		_, size, err := hashNAR(b.Context(), dir)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(size)
	}
}

func BenchmarkWalkNAR(b *testing.B) {
	file := filepath.Join(b.TempDir(), "nar")
	f, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := writeNAR(f, benchmarkTree(b)); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		if err := walkNAR(f, info.Size(), func(narEntry) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkTree is like a package: many small files, few large ones.
func benchmarkTree(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	for i := range 2000 {
		size := 1 << (i % 15)
		if i%200 == 0 {
			size = 8 << 20
		}
		file := filepath.Join(dir, fmt.Sprint(i%50), fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Repeat([]byte{byte(i)}, size), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}
