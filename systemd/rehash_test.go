package systemd_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/internal/sandbox/sandboxtest"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/tree"
)

// OpenSSL finds an authority by the hash of its name, as openssl x509 -hash
// says it.
func TestRehash(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "An Authority"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	file := filepath.Join(t.TempDir(), "a.pem")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	hash := strings.TrimSpace(debiantest.Run(t, "openssl", "x509", "-noout", "-hash", "-in", file))

	root := sandboxtest.NewRoot(t, "openssl", "systemd-sysusers", "systemd-tmpfiles", "systemctl")
	rehash := func() *sandbox.Command {
		passes, err := systemd.Passes(root, systemd.Options{Prefix: "/usr"})
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(passes, func(c sandbox.Command) bool { return c.Name == systemd.Rehash }); i >= 0 {
			return &passes[i]
		}
		return nil
	}
	if rehash() != nil {
		t.Error("links to certificates where there are none")
	}
	root.Put("/usr/share/x/a.crt", tree.NewFile(0o644, tree.String(string(text)), tree.Origin{}))
	root.Put("/etc/ssl/certs/a.pem", tree.NewSymlink("/usr/share/x/a.crt", tree.Origin{}))
	root.Put("/etc/ssl/certs/ca-certificates.crt", tree.NewFile(0o644, tree.String(strings.Repeat(string(text), 2)), tree.Origin{}))
	results, err := sandbox.Run(t.Context(), root, []sandbox.Command{*rehash()}, sandbox.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := systemd.Failure(systemd.Rehash, results[0].ExitCode, results[0].Output); err != nil {
		t.Fatal(err)
	}
	if w := systemd.Warnings(systemd.Rehash, results[0].Output); len(w) != 0 {
		t.Errorf("warnings: %v", w)
	}
	if _, err := systemd.Apply(root, "/usr", systemd.Rehash, results[0]); err != nil {
		t.Fatal(err)
	}
	if n := root.Lookup("/etc/ssl/certs/" + hash + ".0"); n == nil || n.Target != "a.pem" || n.Origin().Pass != systemd.Rehash {
		t.Errorf("%s.0: %+v; in the store: %q", hash, n, root.Lookup("/etc/ssl/certs").Children())
	}
}
