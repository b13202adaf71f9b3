package erofs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/erofs"
	"github.com/bocaditos/bocaditos/tree"
)

var (
	origin  = tree.Origin{Pass: "test"}
	options = erofs.Options{
		Epoch: 1700000000,
		UUID:  [16]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef},
		Label: "bocaditos-root1",
	}
)

// output runs a tool and returns what it said; a missing tool and a failure
// end the test.
func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// writeImage writes tr to a file.
func writeImage(t testing.TB, tr *tree.Tree) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.erofs")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := erofs.Write(f, tr, options)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != size || size%4096 != 0 {
		t.Fatalf("Write returned a size of %d, the file has %d (%v)", size, info.Size(), err)
	}
	return file
}

// fsck checks the structure.
func fsck(t testing.TB, image string, args ...string) {
	t.Helper()
	args = append(args, "-d2", image)
	if out := output(t, "fsck.erofs", args...); strings.Contains(out, "<E>") || strings.Contains(out, "<W>") {
		t.Fatalf("fsck.erofs complains:\n%s", out)
	}
}

// extract is fsck that also reads all data, into the directory it returns.
func extract(t testing.TB, image string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "extracted")
	fsck(t, image, "--extract="+dir)
	return dir
}

func TestReadersSeeTheTree(t *testing.T) {
	for _, c := range treeCases {
		t.Run(c.name, func(t *testing.T) {
			tr := c.make(t)
			image := writeImage(t, tr)
			if c.noExtract != "" {
				fsck(t, image)
			} else {
				compare(t, "fsck.erofs --extract", listTree(t, tr, contentOnly), listHost(t, extract(t, image), contentOnly))
			}
			compare(t, "go-erofs", listTree(t, tr, everything), listGoErofs(t, image))
			compare(t, "the kernel", listTree(t, tr, everything), listHost(t, mount(t, image), everything))
		})
	}
}

func TestRandomTrees(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			tr := randomTree(t, seed)
			image := writeImage(t, tr)
			compare(t, "fsck.erofs --extract", listTree(t, tr, contentOnly), listHost(t, extract(t, image), contentOnly))
			compare(t, "go-erofs", listTree(t, tr, everything), listGoErofs(t, image))
			if seed%10 == 0 {
				compare(t, "the kernel", listTree(t, tr, everything), listHost(t, mount(t, image), everything))
			}
		})
	}
}

func TestSuperblockFields(t *testing.T) {
	tr := randomTree(t, 7)
	inodes := map[*tree.Node]bool{}
	tr.Walk(func(_ string, n *tree.Node) error { inodes[n] = true; return nil })
	image := writeImage(t, tr)
	if got, want := output(t, "blkid", "-p", "-o", "export", image),
		"LABEL=bocaditos-root1\nUUID=01234567-89ab-cdef-0123-456789abcdef\n"; !strings.Contains(got, want) || !strings.Contains(got, "TYPE=erofs\n") {
		t.Errorf("blkid says\n%s", got)
	}
	dump := output(t, "env", "TZ=UTC", "dump.erofs", "-s", image)
	info, err := os.Stat(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{
		`Filesystem blocks: +` + fmt.Sprint(info.Size()/4096),
		`Filesystem inode metadata start block: +0`,
		`Filesystem inode count: +` + fmt.Sprint(len(inodes)) + `\n`,
		`Filesystem created: +Tue Nov 14 22:13:20 2023`,
		`Filesystem features: +sb_csum mtime *\n`,
		`Filesystem UUID: +01234567-89ab-cdef-0123-456789abcdef`,
	} {
		if !regexp.MustCompile(field).MatchString(dump) {
			t.Errorf("no %q in\n%s", field, dump)
		}
	}
}

func TestChecksumGuardsTheFirstBlock(t *testing.T) {
	image := writeImage(t, randomTree(t, 7))
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	b[4095] ^= 1
	if err := os.WriteFile(image, b, 0o600); err != nil {
		t.Fatal(err)
	}
	// Version 1.5 ends with status 0 all the same.
	if out, _ := exec.Command("fsck.erofs", image).CombinedOutput(); !strings.Contains(string(out), "superblock chksum doesn't match") {
		t.Errorf("fsck.erofs accepts a changed first block:\n%s", out)
	}
}

func TestSameTreeSameBytes(t *testing.T) {
	var images [2]bytes.Buffer
	for i := range images {
		if _, err := erofs.Write(&images[i], randomTree(t, 3), options); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(images[0].Bytes(), images[1].Bytes()) {
		t.Error("two images of one tree differ")
	}
}

func TestNotLargerThanMkfs(t *testing.T) {
	dir, _ := rootLike(t, 20e6)
	tr, err := tree.ReadDir(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(t.TempDir(), "image")
	output(t, "mkfs.erofs", "--quiet", fmt.Sprintf("-T%d", options.Epoch), theirs, dir)
	want, err := os.Stat(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := erofs.Write(io.Discard, tr, options); err != nil || got > want.Size() {
		t.Errorf("an image of %d bytes (%v), mkfs.erofs needs %d", got, err, want.Size())
	}
}

func TestEqualContentIsStoredOnce(t *testing.T) {
	size := func(copies int) int64 {
		tr := tree.New()
		for i := range copies {
			put(t, tr, fmt.Sprintf("/%d", i), tree.NewFile(0o644, tree.Bytes(pattern(1<<20+5)), origin))
		}
		n, err := erofs.Write(io.Discard, tr, options)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if one, ten := size(1), size(10); ten != one {
		t.Errorf("one file makes an image of %d bytes, ten with its content %d", one, ten)
	}
}

// wrongSize promises another size than it has.
type wrongSize struct {
	tree.Content
	size int64
}

func (w wrongSize) Size() int64 { return w.size }

var errNoMedium = errors.New("no medium")

type unreadable struct{ tree.Content }

func (unreadable) Open() (io.ReadCloser, error) { return nil, errNoMedium }

func TestErrorsNameThePath(t *testing.T) {
	file := func(have, promised int64) *tree.Node {
		return tree.NewFile(0o644, wrongSize{tree.Bytes(pattern(int(have))), promised}, origin)
	}
	slice := func(have, promised int64) *tree.Node { // a content that can seek
		name := filepath.Join(t.TempDir(), "content")
		if err := os.WriteFile(name, pattern(int(have)), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := tree.HostFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return tree.NewFile(0o644, wrongSize{c, promised}, origin)
	}
	xattr := func(name string, size int) *tree.Node {
		n := tree.NewFile(0o644, tree.String(""), origin)
		n.Xattrs = map[string]string{name: strings.Repeat("v", size)}
		return n
	}
	dir := tree.NewDir(0o755, origin)
	for _, c := range []struct {
		name string
		node *tree.Node
		err  string
	}{
		{"short inline file", file(10, 11), "less than the 11 bytes"},
		{"long inline file", file(12, 11), "more than the 11 bytes"},
		{"empty file that has bytes", file(1, 0), "more than the 0 bytes"},
		{"short file of whole blocks", file(8191, 8192), "less than the 8192 bytes"},
		{"long file of whole blocks", file(8193, 8192), "more than the 8192 bytes"},
		{"file that lacks its tail", file(8192, 8200), "less than the 8200 bytes"},
		{"file with a long tail", file(8201, 8200), "more than the 8200 bytes"},
		{"file that lacks blocks and tail", file(4000, 8200), "less than the 8200 bytes"},
		{"short file that can seek", slice(4000, 8200), "less than the 8200 bytes"},
		{"long file that can seek", slice(9000, 8200), "more than the 8200 bytes"},
		{"unreadable content", tree.NewFile(0o644, unreadable{tree.String("x")}, origin), "no medium"},
		{"no content", &tree.Node{Type: tree.File}, "file without content"},
		{"empty link", tree.NewSymlink("", origin), "link target of 0 bytes"},
		{"long link", tree.NewSymlink(strings.Repeat("l", 4096), origin), "link target of 4096 bytes"},
		{"major number too large", &tree.Node{Type: tree.CharDevice, Major: 4096}, "4096:0 is out of range"},
		{"minor number too large", &tree.Node{Type: tree.BlockDevice, Minor: 1 << 20}, "0:1048576 is out of range"},
		{"xattr value too large", xattr("user.a", 65536), "value of 65536 bytes"},
		{"xattr name too long", xattr("user."+strings.Repeat("n", 251), 0), "name longer than 255"},
		{"xattr without a name", xattr("user.", 1), "no number for its prefix"},
		{"xattr of an unknown kind", xattr("system.nfs4_acl", 1), "no number for its prefix"},
		{"xattrs too large together", &tree.Node{Type: tree.FIFO, Xattrs: map[string]string{
			"trusted.a": strings.Repeat("v", 65535), "trusted.b": strings.Repeat("v", 65535),
			"trusted.c": strings.Repeat("v", 65535), "trusted.d": strings.Repeat("v", 65535)}}, "EROFS allows 262148"},
		{"no type", &tree.Node{}, "unknown node type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := tree.New()
			put(t, tr, "/usr/x", c.node)
			_, err := erofs.Write(io.Discard, tr, options)
			var pathErr *tree.PathError
			if !errors.As(err, &pathErr) || pathErr.Path != "/usr/x" || !strings.Contains(err.Error(), c.err) {
				t.Errorf("got error %v, want one of /usr/x with %q", err, c.err)
			}
		})
	}
	tr := tree.New()
	put(t, tr, "/a", dir)
	put(t, tr, "/b", dir)
	if _, err := erofs.Write(io.Discard, tr, options); err == nil || !strings.Contains(err.Error(), "/b: the directory is also at /a") {
		t.Errorf("a directory at two places: %v", err)
	}
	if _, err := erofs.Write(io.Discard, tree.New(), erofs.Options{Label: "sixteen bytes ab"}); err == nil {
		t.Error("a label of 16 bytes is accepted")
	}
}

// fullDisk takes n bytes.
type fullDisk struct{ n int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.n -= len(b); d.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteErrorIsReturned(t *testing.T) {
	tr := tree.New()
	put(t, tr, "/big", tree.NewFile(0o644, tree.Bytes(pattern(8<<20)), origin))
	size, err := erofs.Write(io.Discard, tr, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1 << 20, int(size) - 1} {
		if _, err := erofs.Write(&fullDisk{n}, tr, options); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes only: got error %v", n, err)
		}
	}
}
