package nix

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestHashesAreThoseOfNix(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	want := hex.EncodeToString(sum[:])
	for _, to := range []string{"to-base16", "to-base32", "to-base64", "to-sri"} {
		text := strings.TrimSpace(nixOutput(t, nil, "hash", to, "--type", "sha256", want))
		if !strings.HasPrefix(text, "sha256-") {
			text = "sha256:" + text
		}
		if got, err := sha256Hex(text); err != nil || got != want {
			t.Errorf("%s %s is %s (%v)", to, text, got, err)
		}
		if to == "to-base32" && text != "sha256:"+base32(sum[:]) {
			t.Errorf("%s, and we write %s", text, base32(sum[:]))
		}
	}
	for _, bad := range []string{"", "sha256:", "sha1:" + want, "sha256:" + want[1:], "sha256-" + want, "sha256:" + strings.Repeat("e", 52),
		"sha256:" + strings.Repeat("z", 52), "sha256:" + strings.Repeat("g", 64), "sha512-" + want} {
		if got, err := sha256Hex(bad); err == nil {
			t.Errorf("%q is %s", bad, got)
		}
	}
}

func TestSplitName(t *testing.T) {
	const hash = "/nix/store/00000000000000000000000000000000-"
	for _, c := range []struct{ base, name, version string }{
		{"glibc-2.40-66", "glibc", "2.40-66"},
		{"glibc-2.40-66-bin", "glibc.bin", "2.40-66"},
		{"util-linux-minimal-2.41-lib", "util-linux-minimal.lib", "2.41"},
		{"unit-sshd.service", "unit-sshd.service", ""},
		{"bash-interactive-5.2p37", "bash-interactive", "5.2p37"},
		{"source", "source", ""},
		{"dbus-1", "dbus", "1"},
		{"-1", "-1", ""},
		{"lib", "lib", ""},
	} {
		if name, version := splitName(hash + c.base); name != c.name || version != c.version {
			t.Errorf("%s is %q %q, want %q %q", c.base, name, version, c.name, c.version)
		}
	}
}

// Paths whose name follows from their content need no signature.
func TestContentAddressed(t *testing.T) {
	a := newAuthor(t, "addressed", "greeter")
	dir := a.copy(t, "none")
	kinds := map[string]bool{}
	for _, p := range a.lock.Packages {
		data, err := os.ReadFile(narInfoOf(dir, p))
		if err != nil {
			t.Fatal(err)
		}
		info, err := parseNARInfo(data)
		if err != nil {
			t.Fatal(err)
		}
		if info.contentAddressed() != (info.ca != "") {
			t.Errorf("%s with CA %q: content-addressed %t", p.Path, info.ca, info.contentAddressed())
		}
		if info.ca == "" {
			continue
		}
		kinds[regexp.MustCompile(`^(text|fixed)(:r)?`).FindString(info.ca)] = true
		edit(t, narInfoOf(dir, p), func(s string) string { return regexp.MustCompile(`(?m)^Sig: .*\n`).ReplaceAllString(s, "") })
		for _, change := range []func(*narInfo){
			func(i *narInfo) { i.path = i.path[:11] + strings.Repeat("0", 32) + i.path[43:] },
			func(i *narInfo) { i.ca = i.ca[:len(i.ca)-1] },
			func(i *narInfo) { i.ca = strings.Replace(i.ca, "sha256:", "sha256:0", 1) },
			func(i *narInfo) { i.references = append(i.references, "/nix/store/"+strings.Repeat("0", 32)+"-x") },
		} {
			changed := *info
			change(&changed)
			if changed.contentAddressed() {
				t.Errorf("%+v counts as content-addressed", changed)
			}
		}
	}
	if len(kinds) != 3 {
		t.Errorf("only %v were there", kinds)
	}
	s := newSource(t, a.without(t, dir))
	if err := s.Fetch(t.Context(), a.lock, nil); err != nil {
		t.Error(err)
	}
}

func TestStoreRoots(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", "")
	for store, want := range map[string]string{
		"":                                 "/nix/store " + home + "/.local/share/nix/root/nix/store",
		"auto":                             "/nix/store " + home + "/.local/share/nix/root/nix/store",
		"daemon":                           "/nix/store",
		"local":                            "/nix/store",
		"unix:///run/nix.sock":             "/nix/store",
		"/srv/root":                        "/srv/root/nix/store",
		"local?root=/srv/root":             "/srv/root/nix/store",
		"local?real=/srv/store":            "/srv/store",
		"local?root=/srv&require-sigs=no":  "/srv/nix/store",
		"unix:///run/nix.sock?root=/other": "/other/nix/store",
	} {
		roots, err := storeRoots(store)
		var got []string
		for _, r := range roots {
			got = append(got, filepath.Clean(string(r)))
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %v (%v), want %s", store, got, err, want)
		}
	}
}
