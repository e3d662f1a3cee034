package temporalconn

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"immtrail/internal/temporalconn/tripwire"
	"immtrail/registry"
)

// What stands in clear beside an encrypted payload. Temporal's own samples and
// tools know the encoding's name.
const (
	encodingEncrypted = "binary/encrypted"
	metadataKeyID     = "encryption-key-id"
)

// DataConverter returns the way of payloads that the package documentation
// draws. It fails with kind Invalid where the codec is on without a key, or a
// key is malformed.
func DataConverter(s Settings) (converter.DataConverter, error) {
	crypt, err := newCodec(s)
	if err != nil {
		return nil, err
	}
	// The last codec is the first to see a payload on its way out.
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), crypt, wire{}), nil
}

// wire refuses what must not enter history.
type wire struct{}

func (wire) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	for _, p := range payloads {
		if err := tripwire.Check(p.GetData()); err != nil {
			return nil, err
		}
	}
	return payloads, nil
}

func (wire) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) { return payloads, nil }

// codec encrypts with AES-256-GCM. Nonces are random, which is safe for some
// four billion payloads a key.
type codec struct {
	active string // ID of the key that encrypts; empty while the codec is off
	aeads  map[string]cipher.AEAD
}

func newCodec(s Settings) (*codec, error) {
	if err := checkKeys(s.CodecKeys); err != nil {
		return nil, err
	}
	c := &codec{aeads: make(map[string]cipher.AEAD, len(s.CodecKeys))}
	for _, k := range s.CodecKeys {
		block, err := aes.NewCipher(k.Secret)
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "temporal codec", "key %s: %w", k.ID, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "temporal codec", "key %s: %w", k.ID, err)
		}
		c.aeads[k.ID] = aead
	}
	if s.CodecOn {
		if len(s.CodecKeys) == 0 {
			return nil, registry.Errorf(registry.Invalid, "temporal codec", "it is switched on and has no key")
		}
		c.active = s.CodecKeys[0].ID
	}
	return c, nil
}

// Encode encrypts every payload with the active key.
func (c *codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	if c.active == "" {
		return payloads, nil
	}
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		sealed, err := c.seal(p)
		if err != nil {
			return nil, err
		}
		out[i] = sealed
	}
	return out, nil
}

func (c *codec) seal(p *commonpb.Payload) (*commonpb.Payload, error) {
	plain, err := proto.Marshal(p)
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, "temporal codec", "payload: %w", err)
	}
	aead := c.aeads[c.active]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(nonce) // ends the program rather than fail
	return &commonpb.Payload{
		Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(encodingEncrypted),
			metadataKeyID:              []byte(c.active),
		},
		// The key's ID is authenticated too, so that it cannot be exchanged.
		Data: aead.Seal(nonce, nonce, plain, []byte(c.active)),
	}, nil
}

// Decode decrypts what is encrypted and passes anything else on untouched.
func (c *codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		opened, err := c.open(p)
		if err != nil {
			return nil, err
		}
		out[i] = opened
	}
	return out, nil
}

func (c *codec) open(p *commonpb.Payload) (*commonpb.Payload, error) {
	if !isEncrypted(p) {
		return p, nil
	}
	const op = "temporal codec"
	id := string(p.GetMetadata()[metadataKeyID])
	aead, ok := c.aeads[id]
	if !ok {
		return nil, registry.Errorf(registry.Unauthorised, op,
			"a payload is encrypted under the key %q, which is not among the keys of this process", shown(id))
	}
	data := p.GetData()
	if len(data) < aead.NonceSize() {
		return nil, registry.Errorf(registry.Corrupt, op, "a payload under the key %q is cut off", id)
	}
	plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], []byte(id))
	if err != nil {
		return nil, registry.Errorf(registry.Unauthorised, op,
			"a payload does not open with the key %q: another secret goes by that ID, or the payload was changed", id)
	}
	opened := &commonpb.Payload{}
	if err := proto.Unmarshal(plain, opened); err != nil {
		return nil, registry.Errorf(registry.Corrupt, op, "a payload under the key %q is not one inside", id)
	}
	return opened, nil
}

func isEncrypted(p *commonpb.Payload) bool {
	return string(p.GetMetadata()[converter.MetadataEncoding]) == encodingEncrypted
}

// shown keeps an ID that somebody else wrote from filling a log line.
func shown(id string) string {
	if validKeyID(id) {
		return id
	}
	return "(malformed)"
}
