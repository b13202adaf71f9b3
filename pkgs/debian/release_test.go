package debian

import (
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/archivetest"
)

// sign returns an InRelease file, signed by gpg with these keys.
func sign(t *testing.T, text string, args ...string) []byte {
	t.Helper()
	file := archivetest.Write(t, t.TempDir()+"/Release", text, 0o644)
	return archivetest.Command(t, keys.GPG(append(args, "--output", "-", "--clearsign", file)...))
}

func TestVerifyRelease(t *testing.T) {
	const text = "Origin: Test\nSuite: stable\nCodename: brot\nDate: Sat, 01 Aug 2026 08:00:00 UTC\nSHA256:\n 00 1 main/x\n"
	keyring := archivetest.Command(t, keys.GPG("--export", keys.Good, keys.Expired, keys.RSA))
	now := time.Now().Add(time.Hour) // later than any signature made here
	good, bad := []string{"--local-user", keys.Good}, []string{"--local-user", keys.Bad}
	signed := string(sign(t, text, good...))
	for _, c := range []struct {
		name string
		data string
		at   time.Time
		want string // error; empty: accepted
	}{
		{"good", signed, now, ""},
		{"good after one by an unknown key", string(sign(t, text, append(bad, good...)...)), now, ""},
		{"good before one by an unknown key", string(sign(t, text, append(good, bad...)...)), now, ""},
		{"unknown key", string(sign(t, text, bad...)), now, "is not in the keyring"},
		{"expired key", string(sign(t, text, "--faked-system-time", "20200101T120000", "--local-user", keys.Expired)), now, "has expired"},
		{"the same before the key expired", string(sign(t, text, "--faked-system-time", "20200101T120000", "--local-user", keys.Expired)), time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), ""},
		{"SHA-512 signature", string(sign(t, text, "--local-user", keys.RSA, "--digest-algo", "SHA512")), now, ""},
		{"SHA-1 signature", string(sign(t, text, "--local-user", keys.RSA, "--digest-algo", "SHA1")), now, "uses SHA-1"},
		{"changed", strings.Replace(signed, "Suite: stable", "Suite: Stable", 1), now, "is bad"},
		{"not signed", text, now, "it is not signed"},
		{"text before", "Origin: Debian\n" + signed, now, "text outside of its signed part"},
		{"text after", signed + "Origin: Debian\n", now, "text outside of its signed part"},
		{"twice", signed + signed, now, "text outside of its signed part"},
		{"field twice", string(sign(t, text+"Origin: Debian\n", good...)), now, "field Origin is there twice"},
		{"no date", string(sign(t, "Origin: Test\n", good...)), now, `"" is not a date in UTC`},
		{"date in another zone", string(sign(t, "Date: Sat, 01 Aug 2026 08:00:00 PST\n", good...)), now, "is not a date in UTC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := verifyRelease([]byte(c.data), keyring, c.at)
			if c.want != "" {
				wantError(t, err, c.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			user := keys.Good
			if strings.Contains(c.name, "expired") {
				user = keys.Expired
			} else if strings.Contains(c.name, "SHA") {
				user = keys.RSA
			}
			fingerprint := strings.ToLower(strings.Split(strings.SplitAfter(string(archivetest.Command(t, keys.GPG("--with-colons", "--list-keys", user))), "\nfpr:")[1], ":")[8])
			if r.Key != fingerprint || r.Codename != "brot" || r.Suite != "stable" || !r.Date.Equal(time.Date(2026, 8, 1, 8, 0, 0, 0, time.UTC)) {
				t.Errorf("got %+v, want key %s", r, fingerprint)
			}
		})
	}
}

func TestFresh(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		date, till time.Duration // from now; till 0: no Valid-Until
		want       string
	}{
		{"brot", -399 * day, 0, ""},
		{"stable", -1 * day, day, ""},
		{"brot", -401 * day, 0, "it is 401 days old, more than the 400 allowed"},
		{"brot", -2 * day, -day, "it expired on 2026-07-31"},
		{"sid", -1 * day, 0, "it is the Release of brot (stable)"},
	} {
		r := release{}
		r.Codename, r.Suite, r.Date = "brot", "stable", now.Add(c.date)
		if c.till != 0 {
			r.validUntil = now.Add(c.till)
		}
		err := r.fresh(c.name, DefaultMaxAge, now)
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if c.want != "" {
			wantError(t, err, c.want)
		}
	}
}

// Armored and binary keyrings, also several in one file, are the same to us as to gpg.
func TestReadKeyrings(t *testing.T) {
	dir := t.TempDir()
	one, two := archivetest.Command(t, keys.GPG("--armor", "--export", keys.Good)), archivetest.Command(t, keys.GPG("--armor", "--export", keys.Bad))
	armored := archivetest.Write(t, dir+"/a.asc", string(one)+string(two), 0o644)
	binary := archivetest.Write(t, dir+"/b.gpg", string(archivetest.Command(t, keys.GPG("--export", keys.Good, keys.Bad))), 0o644)
	for _, file := range []string{armored, binary} {
		keyring, err := readKeyrings(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range []string{keys.Good, keys.Bad} {
			data := sign(t, "Date: Sat, 01 Aug 2026 08:00:00 UTC\n", "--local-user", user)
			if _, err := verifyRelease(data, keyring, time.Now()); err != nil {
				t.Errorf("%s, %s: %v", file, user, err)
			}
		}
	}
	_, err := readKeyrings(dir + "/none")
	wantError(t, err, "read keyring: open", "no such file")
}

func TestSignedBy(t *testing.T) {
	dir := t.TempDir()
	armored := string(archivetest.Command(t, keys.GPG("--armor", "--export", keys.Good)))
	embedded := " " + strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(armored), "\n\n", "\n.\n"), "\n", "\n ")
	deb822 := archivetest.Write(t, dir+"/x.sources", "# comment\n\nTypes: deb\nURIs: http://a\n\nTypes: deb\n# Signed-By: /no\nSigned-By: /k/a.gpg\n\n\nTypes: deb\nSigned-By:\n"+embedded+"\n", 0o644)
	list := archivetest.Write(t, dir+"/x.list", "# one\ndeb [arch=amd64 signed-by=/k/b.gpg] http://b x main\ndeb http://c x main\n", 0o644)
	for _, c := range []struct {
		file   string
		number int
		want   string
	}{{deb822, 1, ""}, {deb822, 2, "/k/a.gpg"}, {deb822, 3, armored}, {deb822, 4, ""}, {list, 2, "/k/b.gpg"}, {list, 3, ""}, {list, 9, ""}, {dir + "/none.list", 1, ""}} {
		got := hostEntry{file: c.file, number: c.number}.signedBy()
		if strings.TrimSpace(got) != strings.TrimSpace(c.want) {
			t.Errorf("%s:%d: %q, want %q", c.file, c.number, got, c.want)
		}
	}
	keys, err := hostEntry{file: deb822, number: 3}.keyring()
	if err != nil || len(keys) == 0 {
		t.Errorf("embedded key: %v", err)
	}
}

func TestMirrors(t *testing.T) {
	list := archivetest.Write(t, t.TempDir()+"/debian.list", "# comment\nhttp://one.example/debian/ priority:1\nhttp://two.example\n", 0o644)
	if got := mirrorList("mirror+file:" + list); got != "http://one.example/debian" {
		t.Errorf("mirror+file is %s", got)
	}
	for in, want := range map[string]string{
		"http://m.example/debian/":           "http://m.example/debian-security",
		"http://m.example/a/debian/20260801": "http://m.example/a/debian-security/20260801",
		"http://m.example/mine":              "http://m.example/mine",
		"file:///srv/debian":                 "file:///srv/debian-security",
		"file://localhost/srv/mine":          "file:///srv/mine",
	} {
		uri, err := parseMirror(in)
		if got := securityURI(uri); err != nil || got != want {
			t.Errorf("%s: security at %s, want %s (%v)", in, got, want, err)
		}
	}
	for _, bad := range []string{"ftp://m.example/", "m.example", "http:///x", "file://host/x", "http://m/?q", "/srv/debian", "http://m/a b"} {
		if _, err := parseMirror(bad); err == nil {
			t.Errorf("mirror %q is accepted", bad)
		}
	}
}
