package db

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"immtrail/registry"
)

// SealKey is one AES-256 key and the name by which rows remember it.
type SealKey struct {
	// ID is 1 to 255 bytes and not secret.
	ID string
	// Key is 32 random bytes.
	Key []byte
}

// Sealer seals columns that may name a patient (AES-256-GCM) and makes digests
// by which a record is found again (HMAC-SHA256). Several keys may open; the
// first one seals. It is safe for concurrent use.
type Sealer struct {
	current string
	keys    map[string]cipher.AEAD
	digest  []byte
}

// sealVersion is the first byte of everything sealed, so that the form can
// change one day.
const sealVersion = 1

// NewSealer takes the key for digests, which can never change (digests of the
// same record would differ), and the keys for sealing, newest first. Kind
// Invalid for keys of a wrong length, a name used twice, or no key.
func NewSealer(digestKey []byte, keys ...SealKey) (*Sealer, error) {
	const op = "sealing keys"
	if len(digestKey) < 32 {
		return nil, registry.Errorf(registry.Invalid, op, "the digest key needs at least 32 bytes, has %d", len(digestKey))
	}
	if len(keys) == 0 {
		return nil, registry.Errorf(registry.Invalid, op, "there is no key")
	}
	s := &Sealer{current: keys[0].ID, keys: map[string]cipher.AEAD{}, digest: append([]byte(nil), digestKey...)}
	for i, k := range keys {
		if k.ID == "" || len(k.ID) > 255 {
			return nil, registry.Errorf(registry.Invalid, op, "key %d needs a name of 1 to 255 bytes", i+1)
		}
		if _, twice := s.keys[k.ID]; twice {
			return nil, registry.Errorf(registry.Invalid, op, "two keys are called %q", k.ID)
		}
		if len(k.Key) != 32 {
			return nil, registry.Errorf(registry.Invalid, op, "key %q needs 32 bytes, has %d", k.ID, len(k.Key))
		}
		block, err := aes.NewCipher(k.Key)
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, op, "key %q: %w", k.ID, err)
		}
		if s.keys[k.ID], err = cipher.NewGCM(block); err != nil {
			return nil, registry.Errorf(registry.Invalid, op, "key %q: %w", k.ID, err)
		}
	}
	return s, nil
}

// Seal encrypts plain with the first key: version, length of the key's ID, ID,
// nonce, ciphertext; the head is authenticated too. Nil stays nil.
func (s *Sealer) Seal(plain []byte) []byte {
	if plain == nil {
		return nil
	}
	aead := s.keys[s.current]
	head := s.head()
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	out := append(append([]byte(nil), head...), nonce...)
	return aead.Seal(out, nonce, plain, head)
}

// head begins everything that the first key seals.
func (s *Sealer) head() []byte {
	return append([]byte{sealVersion, byte(len(s.current))}, s.current...)
}

// Open decrypts what [Sealer.Seal] made, with whichever of its keys it names.
// Nil stays nil. Kind Invalid when it is damaged or the key is not there; the
// text names the key, never the content.
func (s *Sealer) Open(sealed []byte) ([]byte, error) {
	const op = "unseal"
	if sealed == nil {
		return nil, nil
	}
	if len(sealed) < 2 || sealed[0] != sealVersion || len(sealed) < 2+int(sealed[1]) {
		return nil, registry.Errorf(registry.Invalid, op, "this was not sealed by immtrail")
	}
	head, rest := sealed[:2+int(sealed[1])], sealed[2+int(sealed[1]):]
	id := string(head[2:])
	aead, ok := s.keys[id]
	if !ok {
		return nil, registry.Errorf(registry.Invalid, op, "the key %q is not among the keys given", id)
	}
	if len(rest) < aead.NonceSize() {
		return nil, registry.Errorf(registry.Invalid, op, "it is cut short")
	}
	plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], head)
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, op, "key %q does not open it", id)
	}
	if plain == nil {
		plain = []byte{}
	}
	return plain, nil
}

// Digest is the keyed digest (32 bytes) of the parts in their order; ("a","bc")
// and ("ab","c") differ.
func (s *Sealer) Digest(parts ...string) []byte {
	mac := hmac.New(sha256.New, s.digest)
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		mac.Write(length[:])
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}
