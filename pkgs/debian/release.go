package debian

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/bocaditos/bocaditos/pkgs"
)

// verifyRelease checks the signature of an InRelease file and reads it. apt
// has done so before; but versions of apt differ in what they make of expired
// keys, and a signature is too important to depend on one reader.
//
// One good signature by a key of the keyring that is valid now is enough:
// Debian signs with the keys of several releases.
func verifyRelease(data, keyring []byte, now time.Time) (release, error) {
	keys, err := openpgp.ReadKeyRing(bytes.NewReader(keyring))
	if err != nil {
		return release{}, fmt.Errorf("read keyring: %w", err)
	}
	block, rest := clearsign.Decode(data)
	if block == nil {
		return release{}, errors.New("it is not signed")
	}
	// Text outside of the signed part could be taken for a part of it.
	if len(bytes.TrimSpace(rest)) > 0 || !bytes.HasPrefix(data, []byte("-----BEGIN PGP SIGNED MESSAGE-----")) {
		return release{}, errors.New("it has text outside of its signed part")
	}
	key, err := signer(block, keys, now)
	if err != nil {
		return release{}, err
	}
	fields, err := parseFields(string(block.Plaintext))
	if err != nil {
		return release{}, err
	}
	sum := sha256.Sum256(data)
	r := release{Release: pkgs.Release{
		Origin:   fields["origin"],
		Label:    fields["label"],
		Suite:    fields["suite"],
		Codename: fields["codename"],
		Version:  fields["version"],
		SHA256:   hex.EncodeToString(sum[:]),
		Key:      key,
	}}
	if r.Date, err = parseDate(fields["date"]); err != nil {
		return release{}, fmt.Errorf("its Date: %w", err)
	}
	if v, ok := fields["valid-until"]; ok {
		if r.validUntil, err = parseDate(v); err != nil {
			return release{}, fmt.Errorf("its Valid-Until: %w", err)
		}
	}
	return r, nil
}

type release struct {
	pkgs.Release
	validUntil time.Time // zero: says nothing
}

// fresh checks that the release is the one asked for, and not a replay of one
// that was good long ago. No Valid-Until, as on Debian's stable, means "for ever"
// to apt; here there is a maximum age for all.
func (r release) fresh(name string, maxAge time.Duration, now time.Time) error {
	const day = 24 * time.Hour
	switch age := now.Sub(r.Date); {
	case r.Suite != name && r.Codename != name:
		return &pkgs.Error{Err: fmt.Errorf("it is the Release of %s (%s)", r.Codename, r.Suite),
			Tip: "the mirror serves the wrong release: check it, and mirror in [debian]"}
	case !r.validUntil.IsZero() && now.After(r.validUntil):
		return &pkgs.Error{Err: fmt.Errorf("it expired on %s", r.validUntil.Format(time.DateOnly)),
			Tip: "the mirror is not updated any more: choose another one; or this host's clock is wrong"}
	case age > maxAge:
		return &pkgs.Error{Err: fmt.Errorf("it is %d days old, more than the %d allowed", age/day, maxAge/day),
			Tip: "choose another mirror, or raise max_age_days in [debian]"}
	}
	return nil
}

// parseDate reads the dates of a Release, which are in UTC by definition.
func parseDate(s string) (time.Time, error) {
	const date = "Mon, 2 Jan 2006 15:04:05 "
	for _, zone := range []string{"UTC", "GMT", "+0000"} {
		// Go would take any other zone's name for one of UTC.
		if t, err := time.Parse(date+zone, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date in UTC", s)
}

// signer returns the fingerprint of the first key with a good signature. The
// signatures are looked at one by one, because the library stops at the first
// one it knows the key of.
func signer(block *clearsign.Block, keys openpgp.EntityList, now time.Time) (string, error) {
	config := &packet.Config{Time: func() time.Time { return now }}
	var reasons []error
	packets := packet.NewReader(block.ArmoredSignature.Body)
	for {
		p, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("its signature: %w", err)
		}
		sig, ok := p.(*packet.Signature)
		if !ok || sig.IssuerKeyId == nil {
			return "", errors.New("its signature: not a signature packet that names its key")
		}
		if config.RejectMessageHashAlgorithm(sig.Hash) { // the library's first API would take it
			reasons = append(reasons, fmt.Errorf("the signature by key %016X uses %s", *sig.IssuerKeyId, sig.Hash))
			continue
		}
		var one bytes.Buffer
		if err := sig.Serialize(&one); err != nil {
			return "", fmt.Errorf("its signature: %w", err)
		}
		entity, err := openpgp.CheckDetachedSignature(keys, bytes.NewReader(block.Bytes), &one, config)
		if err == nil {
			return hex.EncodeToString(entity.PrimaryKey.Fingerprint), nil
		}
		reasons = append(reasons, signatureError(*sig.IssuerKeyId, err))
	}
	if len(reasons) == 0 {
		return "", errors.New("it is not signed")
	}
	return "", &pkgs.Error{Err: fmt.Errorf("no good signature: %w", errors.Join(reasons...)),
		Tip: "a wrong keyring, a mirror of something else, or an attack: compare the keys with those that Debian publishes"}
}

func signatureError(key uint64, err error) error {
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return fmt.Errorf("key %016X is not in the keyring", key)
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return fmt.Errorf("key %016X has expired", key)
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return fmt.Errorf("key %016X was revoked", key)
	case errors.Is(err, pgperrors.ErrSignatureExpired):
		return fmt.Errorf("the signature by key %016X has expired, or is from the future", key)
	}
	return fmt.Errorf("the signature by key %016X is bad: %w", key, err)
}
