package nix

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bocaditos/bocaditos/pkgs"
)

// narInfo is what a binary cache says of a store path: see "Store object
// info" and "Binary cache" in Nix' manual.
type narInfo struct {
	pathInfo
	url         string // of the NAR, relative to the cache
	compression string // "xz", "zstd", "br", "bzip2", "gzip", "none"
	fileSHA256  string // of the compressed NAR, hex; may be empty
	fileSize    int64  // bytes; 0 if not told
	ca          string // content address; may be empty
}

// maxNARInfo is more than any path has references for.
const maxNARInfo = 1 << 20

func parseNARInfo(text []byte) (*narInfo, error) {
	i := &narInfo{compression: "bzip2"} // what it is where nothing is said
	seen := map[string]bool{}
	for n, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		key, value, ok := strings.Cut(string(line), ": ")
		if !ok {
			key, ok = strings.CutSuffix(string(line), ":") // empty references
		}
		if !ok {
			return nil, fmt.Errorf("narinfo, line %d: no \"Key: value\"", n+1)
		}
		if seen[key] && key != "Sig" {
			return nil, fmt.Errorf("narinfo, line %d: a second %s", n+1, key)
		}
		seen[key] = true
		if err := i.set(key, value); err != nil {
			return nil, fmt.Errorf("narinfo, line %d: %s: %w", n+1, key, err)
		}
	}
	for _, key := range []string{"StorePath", "URL", "NarHash", "NarSize"} {
		if !seen[key] {
			return nil, fmt.Errorf("narinfo: it has no %s", key)
		}
	}
	return i, nil
}

func (i *narInfo) set(key, value string) (err error) {
	switch key {
	case "StorePath":
		i.path = value
		if !validStorePath(value) {
			return fmt.Errorf("%q is not a path below %s", value, StoreDir)
		}
	case "URL":
		i.url = value
		u, err := url.Parse(value)
		if err != nil || u.IsAbs() || u.Host != "" || !fs.ValidPath(u.Path) {
			return fmt.Errorf("%q does not stay in the cache", value)
		}
	case "Compression":
		i.compression = value
	case "FileHash":
		i.fileSHA256, err = sha256Hex(value)
	case "FileSize":
		i.fileSize, err = size(value)
	case "NarHash":
		i.sha256, err = sha256Hex(value)
	case "NarSize":
		i.size, err = size(value)
	case "References":
		for _, base := range strings.Fields(value) {
			if !storeBase.MatchString(base) {
				return fmt.Errorf("%q is not the name of a store path", base)
			}
			i.references = append(i.references, absolute(base))
		}
		slices.Sort(i.references)
	case "Sig":
		i.signatures = append(i.signatures, value)
	case "CA":
		i.ca = value
	}
	return err
}

func size(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n <= 0 {
		err = fmt.Errorf("size %d", n)
	}
	return n, err
}

// agrees is nil if the cache's path is the lock's.
func (i *narInfo) agrees(p pkgs.Locked, references []string) error {
	others := slices.DeleteFunc(slices.Clone(i.references), func(r string) bool { return r == p.Path })
	switch {
	case i.path != p.Path:
		return fmt.Errorf("its narinfo is that of %s", i.path)
	case i.sha256 != p.SHA256:
		return &pkgs.Error{Err: fmt.Errorf("its NAR hash is %s, the lock says %s", i.sha256, p.SHA256),
			Tip: "the cache has another build of it: use the cache that the lock was made with, or run `bocaditos update`"}
	case i.size != p.Size:
		return fmt.Errorf("its NAR has %d bytes, the lock says %d", i.size, p.Size)
	case !slices.Equal(others, references):
		return fmt.Errorf("its references are not those of the lock: %s, not %s", baseNames(others), baseNames(references))
	}
	return nil
}

func baseNames(paths []string) string {
	if len(paths) == 0 {
		return "none"
	}
	var names []string
	for _, p := range paths {
		names = append(names, path.Base(p))
	}
	return strings.Join(names, " ")
}

// publicKey is one that a user trusts to sign store paths.
type publicKey struct {
	name string
	key  ed25519.PublicKey
}

func parseKey(s string) (publicKey, error) {
	name, text, _ := strings.Cut(s, ":")
	key, err := base64.StdEncoding.DecodeString(text)
	if name == "" || err != nil || len(key) != ed25519.PublicKeySize {
		return publicKey{}, &pkgs.Error{Err: fmt.Errorf("trusted key %q: want NAME:BASE64 of an Ed25519 public key", s),
			Tip: "a cache's documentation has it; of one's own secret key, `nix key convert-secret-to-public` prints it"}
	}
	return publicKey{name, key}, nil
}

// fingerprint is what Nix signs.
func (i *pathInfo) fingerprint() string {
	sum, _ := hex.DecodeString(i.sha256)
	return fmt.Sprintf("1;%s;sha256:%s;%d;%s", i.path, base32(sum), i.size, strings.Join(i.references, ","))
}

// trusted is nil if one of the keys signed the path, or its name follows from its content.
func (i *narInfo) trusted(keys []publicKey) error {
	if len(keys) == 0 || i.contentAddressed() {
		return nil
	}
	var others []string
	for _, s := range i.signatures {
		name, text, _ := strings.Cut(s, ":")
		at := slices.IndexFunc(keys, func(k publicKey) bool { return k.name == name })
		if at < 0 {
			others = append(others, name)
			continue
		}
		sig, err := base64.StdEncoding.DecodeString(text)
		if err == nil && ed25519.Verify(keys[at].key, []byte(i.fingerprint()), sig) {
			return nil
		}
		return &pkgs.Error{Err: fmt.Errorf("its signature by %s is wrong", name),
			Tip: "the cache is broken or lies, or another key has that name: choose another cache, or correct trusted_keys in [nix]"}
	}
	if len(others) == 0 {
		return &pkgs.Error{Err: errors.New("nobody signed it"),
			Tip: "sign it with `nix store sign`, or, as the lock has its hash, remove trusted_keys from [nix]"}
	}
	return &pkgs.Error{Err: fmt.Errorf("it is signed by %s, which is not a trusted key", strings.Join(others, ", ")),
		Tip: "if you trust who has that key, add it to trusted_keys in [nix]"}
}

// contentAddressed reports whether the store path's name follows from the
// content address, which needs no signature: see "Complete Store Path
// Calculation" in Nix' manual. What of the content it does not prove, the lock does.
func (i *narInfo) contentAddressed() bool {
	name := path.Base(i.path)[33:]
	others, self := []string{}, ""
	for _, r := range i.references {
		if r == i.path {
			self = ":self"
		} else {
			others = append(others, ":"+r)
		}
	}
	references := strings.Join(others, "") + self
	if text, ok := strings.CutPrefix(i.ca, "text:"); ok {
		sum, err := sha256Hex(text)
		return err == nil && self == "" && storePathOf("text"+references, sum, name) == i.path
	}
	fixed, ok := strings.CutPrefix(i.ca, "fixed:")
	if !ok {
		return false
	}
	text, recursive := strings.CutPrefix(fixed, "r:")
	sum, err := sha256Hex(text)
	if err != nil {
		return false // another algorithm: a signature is not too much to ask
	}
	if recursive {
		return (self != "" || sum == i.sha256) && storePathOf("source"+references, sum, name) == i.path
	}
	inner := sha256.Sum256([]byte("fixed:out:sha256:" + sum + ":"))
	return references == "" && storePathOf("output:out", hex.EncodeToString(inner[:]), name) == i.path
}

// storePathOf is the path of that kind and SHA-256: the digest of it all, folded
// to 20 bytes.
func storePathOf(kind, sum, name string) string {
	digest := sha256.Sum256([]byte(kind + ":sha256:" + sum + ":" + StoreDir + ":" + name))
	var folded [20]byte
	for n, b := range digest {
		folded[n%len(folded)] ^= b
	}
	return path.Join(StoreDir, base32(folded[:])+"-"+name)
}
