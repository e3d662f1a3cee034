package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"immtrail/registry"
)

// Open opens an object for reading, decrypted. Whoever reads to io.EOF has the
// file exactly as it was put; until then what was read is authentic and not
// yet complete. A read may fail as Corrupt (changed, cut short, or not the file
// that the key names).
//
// Kinds: Missing (no such object), Unauthorised (no configured identity opens
// it), Corrupt, Invalid (not a key), Transient.
func (v *Vault) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	digest, err := digestOf(key)
	if err != nil {
		return nil, err
	}
	sealed, err := v.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, fail(opGet, key, err)
	}
	disk := &watched{ctx: ctx, src: sealed}
	plain, err := v.keys.decrypt(disk)
	if disk.err != nil {
		err = fail(opGet, "reading", disk.err)
	}
	if err != nil {
		_ = sealed.Close() // only read from
		return nil, err
	}
	return &reader{sealed: sealed, disk: disk, plain: plain, want: digest, got: sha256.New()}, nil
}

// reader proves the digest at the end.
type reader struct {
	sealed io.Closer
	disk   *watched // tells a disk that fails from a file that was changed
	plain  io.Reader
	want   string
	got    hash.Hash
	err    error
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.plain.Read(p)
	r.got.Write(p[:n])
	if err != nil {
		r.err = r.end(err)
	}
	return n, r.err
}

func (r *reader) end(err error) error {
	switch {
	case r.disk.err != nil:
		return fail(opGet, "reading", r.disk.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return registry.Errorf(registry.Corrupt, opGet, "the stored file is cut short")
	case !errors.Is(err, io.EOF):
		return registry.Errorf(registry.Corrupt, opGet, "the stored file was changed: %w", err)
	case hex.EncodeToString(r.got.Sum(nil)) != r.want:
		return registry.Errorf(registry.Corrupt, opGet, "the stored file is not the one that its name says (another digest)")
	}
	return io.EOF
}

// SHA256 in hex of everything that was read, once the reader ended with io.EOF;
// empty before. It is the one that the stored file was held against, so that
// whoever sends the bytes on need not digest them a second time.
func (r *reader) SHA256() string {
	if !errors.Is(r.err, io.EOF) {
		return ""
	}
	return r.want
}

// Close implements [io.Closer].
func (r *reader) Close() error {
	if err := r.sealed.Close(); err != nil {
		return fail(opGet, "closing", err)
	}
	return nil
}
