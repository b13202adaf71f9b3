// Package certs makes the image's store of trusted certificate authorities,
// /etc/ssl/certs, of the certificates in the root: what Debian's
// update-ca-certificates(8) does in a maintainer script. It makes the bundle,
// ca-certificates.crt, and a link NAME.pem for each certificate. The links by
// hash, which OpenSSL looks up, are its own tool's business: see
// openssl-rehash(1) and the pass of package systemd.
package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// Where the store is. No program looks below a prefix for it.
const (
	Dir    = "/etc/ssl/certs"
	Bundle = Dir + "/ca-certificates.crt"
)

// Packaged is where packages put certificates, below the prefix, in any
// directory; Local is for those that whoever makes the image adds.
const (
	Packaged = "share/ca-certificates"
	Local    = "local/share/ca-certificates"
)

// Add makes the store of all files NAME.crt in Packaged and Local and returns
// how many certificates are in it. Without any, or where the root already has a
// bundle, it does nothing: then that one is what the image trusts.
func Add(t *tree.Tree, prefix string) (int, error) {
	packaged, local := path.Join(prefix, Packaged), path.Join(prefix, Local)
	authorities, err := find(t, packaged, local)
	if err != nil || len(authorities) == 0 {
		return 0, err
	}
	if _, n, err := t.ResolveParent(Bundle); err == nil && n != nil {
		return 0, nil
	}
	var bundle bytes.Buffer
	taken := map[string]string{}
	for _, p := range authorities {
		text, err := read(t, p)
		if err != nil {
			return 0, fmt.Errorf("read the certificate %s: %w", p, err)
		}
		bundle.Write(text)
		link := path.Join(Dir, linkName(p))
		if other, ok := taken[link]; ok {
			return 0, fmt.Errorf("%s and %s both want the name %s: rename one, or leave it out with root.exclude", other, p, link)
		}
		taken[link] = p
		if err := t.Put(link, tree.NewSymlink(p, tree.Origin{Pass: "certs", Rule: p})); err != nil {
			return 0, err
		}
	}
	origin := tree.Origin{Pass: "certs", Rule: packaged + ", " + local}
	return len(authorities), t.Put(Bundle, tree.NewFile(0o644, tree.String(bundle.String()), origin))
}

// find returns the paths of the certificates, in the order of the bundle.
func find(t *tree.Tree, packaged, local string) ([]string, error) {
	var found []string
	for _, dir := range []string{packaged, local} {
		var errs []error
		t.WalkUnder(dir, func(p string, n *tree.Node) error {
			switch {
			case n.Type == tree.Dir:
			case strings.HasSuffix(p, ".crt"):
				found = append(found, p)
			case dir == local: // whoever put it there means it to be trusted
				errs = append(errs, fmt.Errorf("%s would not be trusted: the names of certificates there end in .crt", p))
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// read returns the certificate in PEM, and nothing that stands around it.
func read(t *tree.Tree, p string) ([]byte, error) {
	_, n, err := t.Resolve(p)
	if err != nil {
		return nil, err
	}
	if n.Type != tree.File {
		return nil, fmt.Errorf("it is a %s", n.Type)
	}
	text, err := tree.ReadAll(n.Content)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(text)
	switch more, _ := pem.Decode(rest); {
	case block == nil && isDER(text):
		return nil, errors.New("it is in DER; openssl x509 -inform DER -outform PEM converts it")
	case block == nil:
		return nil, errors.New("there is no certificate in PEM in it")
	case block.Type != "CERTIFICATE":
		return nil, fmt.Errorf("it has a %s, not a CERTIFICATE", strings.ToLower(block.Type))
	case more != nil:
		return nil, errors.New("there is more in it than one certificate: make a file of each, for OpenSSL finds them by the names of files")
	}
	block.Headers = nil
	return pem.EncodeToMemory(block), nil
}

func isDER(text []byte) bool {
	_, err := x509.ParseCertificate(text)
	return err == nil
}

// linkName is the name of a certificate in Dir, as Debian has it.
func linkName(p string) string {
	name := strings.TrimSuffix(path.Base(p), ".crt")
	return strings.NewReplacer(" ", "_", ",", "_", "(", "=", ")", "=").Replace(name) + ".pem"
}
