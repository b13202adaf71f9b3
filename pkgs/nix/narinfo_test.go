package nix

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
)

const someNARInfo = `StorePath: /nix/store/00000000000000000000000000000000-a-1
URL: nar/x.nar.xz?hash=1
Compression: xz
FileHash: sha256:1111111111111111111111111111111111111111111111111111
FileSize: 10
NarHash: sha256:1111111111111111111111111111111111111111111111111111
NarSize: 20
References: 00000000000000000000000000000000-a-1 11111111111111111111111111111111-b
Deriver: 22222222222222222222222222222222-a-1.drv
Sig: k-1:c2ln
Sig: k-2:c2ln
`

func TestParseNARInfo(t *testing.T) {
	i, err := parseNARInfo([]byte(someNARInfo))
	if err != nil {
		t.Fatal(err)
	}
	want := "1;/nix/store/00000000000000000000000000000000-a-1;sha256:1111111111111111111111111111111111111111111111111111;20;" +
		"/nix/store/00000000000000000000000000000000-a-1,/nix/store/11111111111111111111111111111111-b"
	if got := i.fingerprint(); got != want {
		t.Errorf("the fingerprint is %s", got)
	}
	if i.url != "nar/x.nar.xz?hash=1" || i.fileSize != 10 || len(i.signatures) != 2 {
		t.Errorf("got %+v", i)
	}
	if i, err := parseNARInfo([]byte(strings.Replace(someNARInfo, "Compression: xz\n", "", 1))); err != nil || i.compression != "bzip2" {
		t.Errorf("without Compression: %+v (%v)", i, err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"NarSize: 20", "NarSize: -20", "line 7: NarSize: size -20"},
		{"NarSize: 20", "NarSize: 99999999999999999999", "line 7: NarSize"},
		{"FileSize: 10", "FileSize: ten", "line 5: FileSize"},
		{"StorePath: /nix/store/", "StorePath: /gnu/store/", "is not a path below /nix/store"},
		{"References: 0", "References: ../0", "is not the name of a store path"},
		{"URL: nar/", "URL: /nar/", "does not stay in the cache"},
		{"URL: nar/", "URL: //example.org/", "does not stay in the cache"},
		{"URL: nar/", "URL: nar/../../", "does not stay in the cache"},
		{"URL: nar/", "URL: nar/%2e%2e/%2e%2e/", "does not stay in the cache"},
		{"URL: nar/", "URL: file:///", "does not stay in the cache"},
		{"NarHash: sha256:", "NarHash: md5:", "NarHash"},
		{"NarHash: ", "NarHash: x\nNarHash: ", "line 6: NarHash"},
		{"Deriver: ", "URL: nar/y\nDeriver: ", "a second URL"},
		{"StorePath: ", "Storepath: ", "it has no StorePath"},
		{"Deriver: ", "Deriver ", "no \"Key: value\""},
	} {
		text := strings.Replace(someNARInfo, c.old, c.new, 1)
		if _, err := parseNARInfo([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.new, err, c.want)
		}
	}
}

// No narinfo makes the parser fail otherwise than by an error, or a path trusted that nobody signed.
func FuzzNARInfo(f *testing.F) {
	f.Add([]byte(someNARInfo))
	f.Add([]byte(someNARInfo + "CA: fixed:r:sha256:1111111111111111111111111111111111111111111111111111\n"))
	f.Add([]byte(someNARInfo + "CA: text:sha256:1111111111111111111111111111111111111111111111111111\n"))
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	key, err := parseKey("k-1:" + base64.StdEncoding.EncodeToString(public))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		i, err := parseNARInfo(text)
		if err == nil && i.trusted([]publicKey{key}) == nil {
			t.Errorf("trusted:\n%s", text)
		}
	})
}
