package nix

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// digits are those of Nix' base 32: e, o, t and u are left out.
const digits = "0123456789abcdfghijklmnpqrsvwxyz"

var storeBase = regexp.MustCompile(`^[` + digits + `]{32}-[0-9A-Za-z+_?=-][0-9A-Za-z+._?=-]{0,210}$`)

func validStorePath(p string) bool {
	return path.Dir(p) == StoreDir && storeBase.MatchString(path.Base(p))
}

// base32 is Nix' own: the last five bits first.
func base32(b []byte) string {
	out := make([]byte, 0, (len(b)*8+4)/5)
	for n := (len(b)*8+4)/5 - 1; n >= 0; n-- {
		i, j := n*5/8, n*5%8
		c := b[i] >> j
		if i+1 < len(b) {
			c |= b[i+1] << (8 - j)
		}
		out = append(out, digits[c&0x1f])
	}
	return string(out)
}

func decodeBase32(s string, size int) ([]byte, error) {
	if len(s) != (size*8+4)/5 {
		return nil, fmt.Errorf("%d base 32 digits for %d bytes", len(s), size)
	}
	out := make([]byte, size)
	for n := range len(s) {
		d := strings.IndexByte(digits, s[len(s)-n-1])
		if d < 0 {
			return nil, fmt.Errorf("%q is no base 32 digit", s[len(s)-n-1])
		}
		i, j := n*5/8, n*5%8
		out[i] |= byte(d << j)
		if high := byte(d >> (8 - j)); i+1 < size {
			out[i+1] |= high
		} else if high != 0 {
			return nil, errors.New("base 32 with more bits than bytes")
		}
	}
	return out, nil
}

// sha256Hex reads a SHA-256 in any form that Nix prints: "sha256:" with base
// 16, 32 or 64, or "sha256-" with base 64.
func sha256Hex(s string) (string, error) {
	text, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		if text, ok = strings.CutPrefix(s, "sha256-"); !ok || len(text) != base64.StdEncoding.EncodedLen(sha256.Size) {
			return "", fmt.Errorf("hash %q: not SHA-256 as Nix writes it", s)
		}
	}
	var sum []byte
	var err error
	switch len(text) {
	case hex.EncodedLen(sha256.Size):
		sum, err = hex.DecodeString(text)
	case (sha256.Size*8 + 4) / 5:
		sum, err = decodeBase32(text, sha256.Size)
	default:
		sum, err = base64.StdEncoding.Strict().DecodeString(text)
	}
	if err == nil && len(sum) != sha256.Size {
		err = fmt.Errorf("%d bytes", len(sum))
	}
	if err != nil {
		return "", fmt.Errorf("hash %q: %w", s, err)
	}
	return hex.EncodeToString(sum), nil
}

// outputNames are those that nixpkgs commonly gives to outputs; as the end of
// a store path's name they are not part of the version.
var outputNames = []string{"bin", "data", "debug", "dev", "devdoc", "dist", "doc", "getent", "info",
	"lib", "libgcc", "login", "man", "modules", "mount", "static", "su", "swap", "terminfo"}

var versionStart = regexp.MustCompile(`-[^A-Za-z]`)

// splitName makes name and version of a store path: up to the first dash that
// no letter follows, as builtins.parseDrvName does it, but
// glibc-2.40-bin is glibc.bin 2.40.
func splitName(storePath string) (name, version string) {
	_, full, _ := strings.Cut(path.Base(storePath), "-")
	output := ""
	if i := strings.LastIndexByte(full, '-'); i > 0 && slices.Contains(outputNames, full[i+1:]) {
		full, output = full[:i], "."+full[i+1:]
	}
	name = full
	if at := versionStart.FindStringIndex(full); at != nil && at[0] > 0 {
		name, version = full[:at[0]], full[at[0]+1:]
	}
	return name + output, version
}
