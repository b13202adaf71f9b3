package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/certs"
	"github.com/bocaditos/bocaditos/tree"
)

const (
	packaged = "/usr/share/ca-certificates/"
	local    = "/usr/local/share/ca-certificates/"
)

func certificate(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func newTree(t *testing.T, files map[string]string) *tree.Tree {
	t.Helper()
	root := tree.New()
	for p, text := range files {
		if err := root.Put(p, tree.NewFile(0o644, tree.String(text), tree.Origin{Package: "test"})); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAdd(t *testing.T) {
	a, b, c := certificate(t, "a"), certificate(t, "b"), certificate(t, "c")
	root := newTree(t, map[string]string{
		packaged + "mozilla/B_(two),_x y.crt": "some words\n" + b,
		packaged + "a.crt":                    strings.TrimSuffix(a, "\n"),
		packaged + "README":                   "not a certificate",
		local + "mine.crt":                    c,
	})
	if n, err := certs.Add(root, "/usr"); n != 3 || err != nil {
		t.Fatalf("%d certificates, %v", n, err)
	}
	bundle, err := tree.ReadAll(root.Lookup(certs.Bundle).Content)
	if err != nil || string(bundle) != a+b+c {
		t.Errorf("bundle (%v):\n%s", err, bundle)
	}
	for link, target := range map[string]string{
		"a.pem": packaged + "a.crt", "B_=two=__x_y.pem": packaged + "mozilla/B_(two),_x y.crt", "mine.pem": local + "mine.crt",
	} {
		if n := root.Lookup(certs.Dir + "/" + link); n == nil || n.Target != target {
			t.Errorf("%s: %+v", link, n)
		}
	}
	if names := root.Lookup(certs.Dir).Children(); len(names) != 4 {
		t.Errorf("in the store: %q", names)
	}
}

func TestNothingToDo(t *testing.T) {
	own := newTree(t, map[string]string{packaged + "a.crt": certificate(t, "a"), certs.Bundle: "own"})
	for name, root := range map[string]*tree.Tree{"no certificates": newTree(t, nil), "a bundle of its own": own} {
		before := root.Digest()
		if n, err := certs.Add(root, "/usr"); n != 0 || err != nil || root.Digest() != before {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	a := certificate(t, "a")
	block, _ := pem.Decode([]byte(a))
	for _, c := range []struct {
		file, text, want string
	}{
		{"a.pem", a, "would not be trusted: the names of certificates there end in .crt"},
		{"a.crt", "text", "there is no certificate in PEM in it"},
		{"a.crt", string(block.Bytes), "it is in DER; openssl x509 -inform DER -outform PEM converts it"},
		{"a.crt", a + certificate(t, "b"), "there is more in it than one certificate: make a file of each, for OpenSSL finds them by the names of files"},
		{"a.crt", strings.ReplaceAll(a, "CERTIFICATE", "PRIVATE KEY"), "it has a private key, not a CERTIFICATE"},
		{"x/b.crt", a, "/usr/share/ca-certificates/b.crt and /usr/local/share/ca-certificates/x/b.crt both want the name /etc/ssl/certs/b.pem: rename one, or leave it out with root.exclude"},
	} {
		root := newTree(t, map[string]string{packaged + "b.crt": a, local + c.file: c.text})
		_, err := certs.Add(root, "/usr")
		if err == nil || !strings.HasSuffix(err.Error(), c.want) || !strings.Contains(err.Error(), local+c.file) {
			t.Errorf("%s: got %v, want %q", c.file, err, c.want)
		}
		if root.Lookup(certs.Bundle) != nil {
			t.Errorf("%s: made a bundle all the same", c.file)
		}
	}
}
