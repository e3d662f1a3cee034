package vault

import (
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"syscall"

	"filippo.io/age"

	"immtrail/registry"
)

const keyPrefix = "sha256/"

// KeyOf is the key of the object with this digest (hex SHA-256). It is Invalid
// when the digest is none.
func KeyOf(digest string) (string, error) {
	key := keyOf(digest)
	if _, err := digestOf(key); err != nil {
		return "", err
	}
	return key, nil
}

// keyOf spreads objects over 256 folders.
func keyOf(digest string) string {
	if len(digest) < 2 {
		return keyPrefix
	}
	return keyPrefix + digest[:2] + "/" + digest[2:]
}

// digestOf takes the digest out of a key. Whatever is not exactly a key is
// Invalid, so that no key ever points elsewhere.
func digestOf(key string) (string, error) {
	digest := strings.Replace(strings.TrimPrefix(key, keyPrefix), "/", "", 1)
	sum, err := hex.DecodeString(digest)
	if err != nil || len(sum) != 32 || digest != strings.ToLower(digest) || keyOf(digest) != key {
		return "", registry.Errorf(registry.Invalid, opGet, "that is not the key of an object")
	}
	return digest, nil
}

// NewIdentity makes a key pair: the secret key for [Options.Identities] and
// the public one for [Options.Recipients].
func NewIdentity() (secret, recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", registry.Errorf(registry.Transient, opOpen, "making a key: %w", err)
	}
	return id.String(), id.Recipient().String(), nil
}

// keyring is what files are encrypted to and opened with.
type keyring struct {
	recipients []age.Recipient
	identities []age.Identity
	// shown are the recipients as configured; they are public.
	shown string
}

// parseKeys reads both lists and proves that they belong together, so that a
// mixed-up key is found at the start and not when the first file is needed.
// Errors never repeat a secret.
func parseKeys(recipients, identities []string) (keyring, error) {
	k := keyring{shown: strings.Join(recipients, ", ")}
	for i, line := range recipients {
		parsed, err := age.ParseRecipients(strings.NewReader(line))
		if err != nil {
			return k, registry.Errorf(registry.Invalid, opOpen, "recipient %d is not an age public key", i+1)
		}
		k.recipients = append(k.recipients, parsed...)
	}
	for i, line := range identities {
		parsed, err := age.ParseIdentities(strings.NewReader(line))
		if err != nil {
			return k, registry.Errorf(registry.Invalid, opOpen, "identity %d is not an age secret key", i+1)
		}
		k.identities = append(k.identities, parsed...)
	}
	if len(k.recipients) == 0 {
		return k, registry.Errorf(registry.Invalid, opOpen, "no recipient is configured; files are never kept in the clear")
	}
	return k, k.belongTogether()
}

func (k keyring) belongTogether() error {
	var sealed strings.Builder
	w, err := age.Encrypt(&sealed, k.recipients...)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return registry.Errorf(registry.Invalid, opOpen, "the recipients cannot be used together: %w", err)
	}
	if len(k.identities) == 0 {
		return nil
	}
	if _, err := age.Decrypt(strings.NewReader(sealed.String()), k.identities...); err != nil {
		return registry.Errorf(registry.Unauthorised, opOpen, "no identity opens what is encrypted to the configured recipients (%s)", k.shown)
	}
	return nil
}

// decrypt opens a sealed stream. Unauthorised means that none of our keys fits,
// Corrupt that it is no sealed stream any more.
func (k keyring) decrypt(sealed io.Reader) (io.Reader, error) {
	plain, err := age.Decrypt(sealed, k.identities...)
	var noMatch *age.NoIdentityMatchError
	switch {
	case len(k.identities) == 0:
		return nil, registry.Errorf(registry.Unauthorised, opGet, "no identity is configured, so nothing can be read; files are encrypted to %s", k.shown)
	case errors.As(err, &noMatch):
		return nil, registry.Errorf(registry.Unauthorised, opGet,
			"none of the %d configured identities opens this file; files are encrypted now to %s, this one was to another key", len(k.identities), k.shown)
	case err != nil:
		return nil, registry.Errorf(registry.Corrupt, opGet, "the stored file is damaged at its beginning: %w", err)
	}
	return plain, nil
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
