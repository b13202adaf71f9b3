package disk

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func espFile(path string, b []byte) ESPFile {
	return ESPFile{Path: path, Size: int64(len(b)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

// writeESP writes the filesystem to a file of its own, which fsck.vfat finds
// nothing to say about.
func writeESP(t *testing.T, files []ESPFile, o ESPOptions) string {
	t.Helper()
	esp, err := NewESP(files, o)
	if err != nil {
		t.Fatal(err)
	}
	f := newFile(t)
	n, err := esp.WriteTo(f)
	if err != nil {
		t.Fatal(err)
	}
	if n != esp.Size() {
		t.Fatalf("%d bytes written, size is %d", n, esp.Size())
	}
	// Two lines, the version and the count of files: all is well.
	if out := tool(t, "fsck.vfat", "-n", f.Name()); strings.Count(out, "\n") != 2 {
		t.Errorf("fsck.vfat: %s", out)
	}
	if out := tool(t, "fsck.vfat", "-nv", f.Name()); !strings.Contains(out, "32 bit entries") {
		t.Errorf("not FAT32: %s", out)
	}
	return f.Name()
}

// checkFiles copies everything out with mtools.
func checkFiles(t *testing.T, image string, files []ESPFile) {
	t.Helper()
	dir := t.TempDir()
	tool(t, "mcopy", "-s", "-n", "-i", image, "::*", dir)
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found++
		}
		return err
	})
	if err != nil || found != len(files) {
		t.Errorf("%d files instead of %d, %v", found, len(files), err)
	}
	for _, f := range files {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, f.Path)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s came back as %d bytes, %v", f.Path, len(got), err)
		}
	}
}

func TestESP(t *testing.T) {
	var sizes []ESPFile
	for _, n := range []int{0, 1, 511, 512, 513, 4095, 4096, 4097, 100000, 3 << 20} {
		sizes = append(sizes, espFile(fmt.Sprintf("EFI/BOOT/%d.EFI", n), randomBytes(n)))
	}
	var many []ESPFile // a directory of many clusters, short names of up to ~300
	for i := range 300 {
		many = append(many, espFile(fmt.Sprintf("dir/long name that ends in %d.txt", i), randomBytes(i)))
	}
	var names []ESPFile
	for i, name := range []string{
		"A", "LONG_ONE.TXT", "lower.txt", "Mixed.Txt", "no extension here", "two.dots.here", ".hidden", "..x", " space in front",
		"LONG_O~1.TXT", "long_one.txt.bak", "Long_One2.txt", "long+plus.txt", "LONGPL~1.TXT", "long,comma.text", "ünïcödé.efi", "日本語", "[brackets].t", "a;b=c",
		"exactly13char", "exactly12cha", "twenty-six characters long", strings.Repeat("n", 255), "AUX", "name~1.txt", "NAME~1.TXT2", "12345678.123", "123456789.123", "12345678.1234",
	} {
		names = append(names, espFile(name, randomBytes(i*100)), espFile("sub/dir/"+name, randomBytes(i)))
	}
	deep := []ESPFile{espFile("a/b/c/d/e/f/g/h/Deep.txt", []byte("deep")), espFile("a/b/top", nil), espFile("efi/x", nil)}
	tests := map[string]struct {
		files []ESPFile
		o     ESPOptions
		size  int64 // MiB
	}{
		"no files":           {nil, ESPOptions{}, 33},
		"sizes":              {sizes, ESPOptions{Label: "ESP", VolumeID: 0xdeadbeef, Epoch: time.Unix(1700000000, 0)}, 33},
		"clusters of 1024":   {sizes, ESPOptions{MinSize: 70 << 20}, 70},
		"clusters of 2048":   {sizes, ESPOptions{MinSize: 140 << 20}, 140},
		"clusters of 4096":   {sizes, ESPOptions{MinSize: 300<<20 + 1}, 301},
		"directory too long": {many, ESPOptions{}, 33},
		"names":              {names, ESPOptions{Label: "A B-C_D"}, 33},
		"nested":             {deep, ESPOptions{}, 33},
		"headroom":           {sizes, ESPOptions{Headroom: 60 << 20}, 65},
		"full":               {[]ESPFile{espFile("EFI/BOOT/BOOTX64.EFI", randomBytes(40<<20))}, ESPOptions{}, 41},
		"a 100 MiB UKI":      {[]ESPFile{espFile("EFI/BOOT/BOOTX64.EFI", randomBytes(100<<20))}, ESPOptions{}, 101},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			image := writeESP(t, tt.files, tt.o)
			fi, err := os.Stat(image)
			if err != nil {
				t.Fatal(err)
			}
			if fi.Size() != tt.size<<20 {
				t.Errorf("%d bytes, want %d MiB", fi.Size(), tt.size)
			}
			if len(tt.files) > 0 {
				checkFiles(t, image, tt.files)
			}
		})
	}
}

func TestESPHeader(t *testing.T) {
	files := []ESPFile{espFile("EFI/BOOT/BOOTX64.EFI", []byte("x"))}
	image := writeESP(t, files, ESPOptions{VolumeID: 0x1234abcd, Label: "BOCADITOS", Epoch: time.Date(2024, 2, 29, 13, 14, 16, 0, time.FixedZone("", 3600))})
	if out := tool(t, "minfo", "-i", image, "::"); !strings.Contains(out, "serial number: 1234ABCD") || !strings.Contains(out, `disk label="BOCADITOS  "`) {
		t.Errorf("minfo: %s", out)
	}
	if out := tool(t, "mlabel", "-s", "-i", image, "::"); !strings.Contains(out, "BOCADITOS") {
		t.Errorf("mlabel: %s", out)
	}
	out := tool(t, "mdir", "-/", "-i", image, "::")
	if strings.Count(out, "2024-02-29  12:14") != 7 { // two directories with . and .., one in the root, one file
		t.Errorf("mdir: %s", out)
	}
	if out := tool(t, "file", "-s", image); !strings.Contains(out, "FAT (32 bit)") {
		t.Errorf("file: %s", out)
	}
}

func TestESPHeadroomIsFree(t *testing.T) {
	image := writeESP(t, []ESPFile{espFile("big", randomBytes(40<<20))}, ESPOptions{Headroom: 30 << 20})
	more := filepath.Join(t.TempDir(), "more")
	if err := os.WriteFile(more, randomBytes(30<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "mcopy", "-i", image, more, "::more")
	tool(t, "fsck.vfat", "-n", image)
}

func TestDOSTime(t *testing.T) {
	tests := []struct {
		t    time.Time
		want uint32
	}{
		{time.Time{}, 0x0021_0000},
		{time.Unix(0, 0), 0x0021_0000},
		{time.Date(1980, 1, 1, 0, 0, 2, 0, time.UTC), 0x0021_0001},
		{time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC), (43<<9|11<<5|14)<<16 | 22<<11 | 13<<5 | 10},
		{time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), (127<<9|12<<5|31)<<16 | 23<<11 | 59<<5 | 29},
	}
	for _, tt := range tests {
		if got := dosTime(tt.t); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.t, got, tt.want)
		}
	}
}

func TestESPRefuses(t *testing.T) {
	ok := espFile("EFI/BOOT/BOOTX64.EFI", []byte("x"))
	one := func(path string) []ESPFile { return []ESPFile{ok, espFile(path, nil)} }
	huge := ok
	huge.Path, huge.Size = "huge", math.MaxUint32+1
	tests := []struct {
		files []ESPFile
		o     ESPOptions
		want  string
	}{
		{one("/EFI/x"), ESPOptions{}, `ESP: file "/EFI/x": empty name in path`},
		{one("EFI//x"), ESPOptions{}, `ESP: file "EFI//x": empty name in path`},
		{one(""), ESPOptions{}, `ESP: file "": empty name in path`},
		{one("EFI/../x"), ESPOptions{}, `ESP: file "EFI/../x": name ".." ends with a dot or space`},
		{one("EFI/x "), ESPOptions{}, `ESP: file "EFI/x ": name "x " ends with a dot or space`},
		{one(`EFI\x`), ESPOptions{}, `ESP: file "EFI\\x": name "EFI\\x" has '\\', which FAT does not allow`},
		{one("a:b"), ESPOptions{}, `ESP: file "a:b": name "a:b" has ':', which FAT does not allow`},
		{one("a\nb"), ESPOptions{}, `ESP: file "a\nb": name "a\nb" has '\n', which FAT does not allow`},
		{one("a\xff"), ESPOptions{}, `ESP: file "a\xff": name "a\xff" is not UTF-8`},
		{one(strings.Repeat("n", 256)), ESPOptions{}, `is longer than 255 UTF-16 code units`},
		{one("EFI/BOOT/BOOTX64.EFI"), ESPOptions{}, `EFI/BOOT/BOOTX64.EFI is there already`},
		{one("EFI/BOOT/bootx64.efi"), ESPOptions{}, `bootx64.efi and BOOTX64.EFI are the same name on FAT`},
		{one("efi/x"), ESPOptions{}, `efi and EFI are the same name on FAT`},
		{one("EFI/BOOT"), ESPOptions{}, `EFI/BOOT is there already`},
		{one("EFI/BOOT/BOOTX64.EFI/x"), ESPOptions{}, `EFI/BOOT/BOOTX64.EFI is there already`},
		{[]ESPFile{huge}, ESPOptions{}, `ESP: file "huge": size of 4294967296 bytes is not one of a FAT file (0 to 4 GiB - 1)`},
		{[]ESPFile{{Path: "x"}}, ESPOptions{}, `ESP: file "x": no content`},
		{nil, ESPOptions{Label: "TWELVE CHARS"}, `ESP: volume label "TWELVE CHARS" is longer than 11 characters`},
		{nil, ESPOptions{Label: "esp"}, `ESP: volume label "esp" has 'e', which FAT does not allow there`},
		{nil, ESPOptions{MinSize: -1}, `ESP: minimum size of -1 or headroom of 0 bytes is not possible`},
		{nil, ESPOptions{Headroom: math.MaxInt64}, `ESP: minimum size of 0 or headroom of 9223372036854775807 bytes is not possible`},
	}
	for _, tt := range tests {
		_, err := NewESP(tt.files, tt.o)
		if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("error %v\nwant  %s", err, tt.want)
		}
	}
}

func TestESPFileThatChanged(t *testing.T) {
	for _, promised := range []int64{5, 20} {
		f := espFile("EFI/x", randomBytes(10))
		f.Size = promised
		esp, err := NewESP([]ESPFile{f}, ESPOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := esp.WriteTo(io.Discard); err == nil || !strings.HasPrefix(err.Error(), `write ESP: file "EFI/x": content `) {
			t.Errorf("10 bytes instead of %d: error %v", promised, err)
		}
	}
}
