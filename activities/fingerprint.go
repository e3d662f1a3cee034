package activities

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"immtrail/hl7"
	"immtrail/registry"
)

// Fingerprint is how a file is known again without being kept.
type Fingerprint struct {
	// Digest is the hex SHA-256 of the bytes, Content that of the messages alone,
	// as deliveries have it.
	Digest, Content string
	Size            int64
	Messages        int
}

// FingerprintOf reads a batch as a stream. Kind Invalid where it holds no message
// or cannot be read.
func FingerprintOf(r io.Reader) (Fingerprint, error) {
	const op = "fingerprint"
	whole, size := sha256.New(), &counter{}
	reader := hl7.NewReader(io.TeeReader(r, io.MultiWriter(whole, size)), hl7.Limits{})
	p := &packer{content: sha256.New()}
	for {
		u, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Fingerprint{}, registry.Errorf(registry.Invalid, op, "it cannot be read as HL7: %w", err)
		}
		if u.Kind == hl7.KindMessage {
			p.sent++
			p.digest(u.Raw())
		}
	}
	if p.sent == 0 {
		return Fingerprint{}, registry.Errorf(registry.Invalid, op, "it holds no message")
	}
	return Fingerprint{
		Digest: hex.EncodeToString(whole.Sum(nil)), Content: hex.EncodeToString(p.content.Sum(nil)),
		Size: size.n, Messages: p.sent,
	}, nil
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}
