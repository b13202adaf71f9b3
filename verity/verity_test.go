package verity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var testUUID = UUID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10}

// randomBytes returns the same bytes for the same length.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

// veritysetup runs the reference tool (package cryptsetup-bin).
func veritysetup(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("veritysetup", args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("veritysetup %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func writeFile(t testing.TB, name string, b []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func format(t testing.TB, data, salt []byte) ([]byte, Params) {
	t.Helper()
	var hash bytes.Buffer
	p, err := Format(bytes.NewReader(data), int64(len(data)), &hash, Options{Salt: salt, UUID: testUUID})
	if err != nil {
		t.Fatal(err)
	}
	return hash.Bytes(), p
}

func TestFormatIsVeritysetups(t *testing.T) {
	sizes := []int{1, 2, 127, 128, 129, 3000, 128 * 128, 128*128 + 1} // blocks
	salts := []int{0, 32, 63, MaxSaltSize}                            // bytes
	for _, blocks := range sizes {
		data := randomBytes(blocks * BlockSize)
		dataFile := writeFile(t, "data", data)
		for _, n := range salts {
			t.Run(fmt.Sprintf("%d blocks, salt of %d", blocks, n), func(t *testing.T) {
				salt := Salt(randomBytes(n))
				hash, p := format(t, data, salt)

				theirs := filepath.Join(t.TempDir(), "hash")
				saltArg := salt.String()
				if saltArg == "" {
					saltArg = "-"
				}
				out := veritysetup(t, "format", "--uuid", testUUID.String(), "--salt", saltArg, dataFile, theirs)
				if !rootHashLine(out, p.RootHash) {
					t.Errorf("root hash %s, veritysetup printed\n%s", p.RootHash, out)
				}
				want, err := os.ReadFile(theirs)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(hash, want) {
					t.Errorf("hash image of %d bytes differs from veritysetup's of %d", len(hash), len(want))
				}
				if p.HashSize() != int64(len(want)) || p.DataSize() != int64(len(data)) {
					t.Errorf("sizes %d and %d, want %d and %d", p.HashSize(), p.DataSize(), len(want), len(data))
				}

				veritysetup(t, "verify", dataFile, writeFile(t, "ours", hash), p.RootHash.String())
				if err := Verify(bytes.NewReader(data), bytes.NewReader(hash), p); err != nil {
					t.Error(err)
				}
				parsed, err := ParseSuperblock(want)
				if err != nil || parsed.UUID != testUUID || parsed.DataBlocks != uint64(blocks) || !bytes.Equal(parsed.Salt, salt) {
					t.Errorf("superblock parsed as %+v, %v", parsed, err)
				}
			})
		}
	}
}

func rootHashLine(out string, want RootHash) bool {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "Root hash:"); ok {
			return strings.TrimSpace(rest) == want.String()
		}
	}
	return false
}

func TestVerifyFindsOneFlippedBit(t *testing.T) {
	const blocks = 128*128 + 1 // levels of 1, 2 and 129 hash blocks
	data := randomBytes(blocks * BlockSize)
	hash, p := format(t, data, randomBytes(32))
	tests := []struct {
		image []byte
		at    int // byte
		want  CorruptError
	}{
		{data, 0, CorruptError{PartData, 0}},
		{data, 200*BlockSize + 17, CorruptError{PartData, 200}},
		{data, len(data) - 1, CorruptError{PartData, blocks - 1}},
		{hash, 0, CorruptError{PartSuperblock, 0}},
		{hash, 16, CorruptError{PartSuperblock, 0}},                // UUID
		{hash, 88, CorruptError{PartSuperblock, 0}},                // salt
		{hash, 511, CorruptError{PartSuperblock, 0}},               // padding
		{hash, BlockSize, CorruptError{PartTree, 1}},               // root block
		{hash, BlockSize + 100, CorruptError{PartTree, 1}},         // padding of the root block
		{hash, 3 * BlockSize, CorruptError{PartTree, 3}},           // second level
		{hash, 4 * BlockSize, CorruptError{PartTree, 4}},           // first leaf
		{hash, len(hash) - 1, CorruptError{PartTree, 1 + 2 + 129}}, // padding of the last leaf
	}
	for _, tt := range tests {
		tt.image[tt.at] ^= 0x40
		err := Verify(bytes.NewReader(data), bytes.NewReader(hash), p)
		tt.image[tt.at] ^= 0x40
		var got *CorruptError
		if !errors.As(err, &got) || *got != tt.want {
			t.Errorf("bit flipped for %+v: got %v", tt.want, err)
		}
	}
	if err := Verify(bytes.NewReader(data), bytes.NewReader(hash), p); err != nil {
		t.Errorf("all bits back in place: %v", err)
	}

	wrong := p
	wrong.RootHash[31] ^= 1
	if err := Verify(bytes.NewReader(data), bytes.NewReader(hash), wrong); err == nil {
		t.Error("another root hash was accepted")
	}
	for what, err := range map[string]error{
		"data": Verify(bytes.NewReader(data[:len(data)-1]), bytes.NewReader(hash), p),
		"hash": Verify(bytes.NewReader(data), bytes.NewReader(hash[:len(hash)-1]), p),
	} {
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s cut short: got %v", what, err)
		}
	}
}

func TestFormatRefuses(t *testing.T) {
	data := bytes.NewReader(randomBytes(2 * BlockSize))
	tests := []struct {
		name string
		size int64
		salt int
		want string
	}{
		{"no data", 0, 0, "verity: no data blocks"},
		{"negative size", -BlockSize, 0, "verity: no data blocks"},
		{"half a block", 6000, 0, "verity: data of 6000 bytes is not a multiple of 4096"},
		{"long salt", BlockSize, 257, "verity: salt of 257 bytes is longer than 256"},
		{"data too short", 3 * BlockSize, 0, "verity: hash data: read at byte 8192: unexpected EOF"},
	}
	for _, tt := range tests {
		var hash bytes.Buffer
		_, err := Format(data, tt.size, &hash, Options{Salt: make([]byte, tt.salt)})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %q, want %q", tt.name, err, tt.want)
		}
		if hash.Len() > 0 {
			t.Errorf("%s: %d bytes written", tt.name, hash.Len())
		}
	}
}

func TestParseSuperblockIsStrict(t *testing.T) {
	good := Superblock{UUID: testUUID, DataBlocks: 7, Salt: Salt{1, 2}}.block()[:superblockSize]
	if _, err := ParseSuperblock(good); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSuperblock(good[:superblockSize-1]); err == nil {
		t.Error("a short superblock was accepted")
	}
	tests := map[string]struct {
		at int
		b  byte
	}{
		"signature":         {0, 'V'},
		"version":           {8, 2},
		"hash type":         {12, 0},
		"algorithm":         {35, '5'},
		"algorithm padding": {63, 'x'},
		"data block size":   {65, 0x20},
		"hash block size":   {69, 0x20},
		"no data blocks":    {72, 0},
		"data blocks":       {79, 0x80},
		"salt size":         {81, 2},
		"padding 1":         {82, 1},
		"unused salt":       {90, 1},
		"padding 2":         {511, 1},
	}
	for name, tt := range tests {
		b := bytes.Clone(good)
		b[tt.at] = tt.b
		if s, err := ParseSuperblock(b); err == nil {
			t.Errorf("%s: accepted as %+v", name, s)
		}
	}
}

func TestTable(t *testing.T) {
	p := Params{RootHash: RootHash{0xab}, Superblock: Superblock{DataBlocks: 300, Salt: Salt{0x12, 0x34}}}
	root := "ab" + strings.Repeat("0", 62)
	want := "1 /dev/vda2 254:3 4096 4096 300 1 sha256 " + root + " 1234 1 panic_on_corruption"
	if got := p.Table("/dev/vda2", "254:3", PanicOnCorruption); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.Salt = nil
	want = "1 8:1 8:2 4096 4096 300 1 sha256 " + root + " -"
	if got := p.Table("8:1", "8:2"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if p.Sectors() != 2400 {
		t.Errorf("%d sectors", p.Sectors())
	}
}

func TestParamsJSON(t *testing.T) {
	p := Params{RootHash: RootHash{31: 0xff}, Superblock: Superblock{UUID: testUUID, DataBlocks: 5, Salt: Salt{0xaa, 0xbb}}}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"root_hash":"` + strings.Repeat("0", 62) + `ff","uuid":"01234567-89ab-cdef-fedc-ba9876543210","data_blocks":5,"salt":"aabb"}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var back Params
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(back) != fmt.Sprint(p) {
		t.Errorf("came back as %+v", back)
	}
	for _, bad := range []string{
		`{"root_hash":"ff"}`, `{"root_hash":"` + strings.Repeat("zz", 32) + `"}`,
		`{"uuid":"0123456789abcdeffedcba9876543210"}`, `{"uuid":""}`,
		`{"salt":"a"}`, `{"salt":"` + strings.Repeat("00", 257) + `"}`,
	} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

// BenchmarkFormat hashes 200 MB; the sub-benchmark of veritysetup is there to
// compare with.
func BenchmarkFormat(b *testing.B) {
	data := randomBytes(200 << 20)
	name := writeFile(b, "data", data)
	b.Run("bocaditos", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			f, err := os.Open(name)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := Format(f, int64(len(data)), io.Discard, Options{Salt: make([]byte, 32)}); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
	b.Run("veritysetup", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		hash := filepath.Join(b.TempDir(), "hash")
		for b.Loop() {
			os.Remove(hash)
			veritysetup(b, "format", "--salt", strings.Repeat("00", 32), name, hash)
		}
	})
}
