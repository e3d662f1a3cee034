package sftp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// body is the source on its way: counted and digested as it is read, and never
// longer than it was said to be.
type body struct {
	src    io.Reader
	size   int64
	digest hash.Hash
	read   int64
	// err is what the source failed with, which is not the server's affair.
	err error
	// onRead, when set, is called before each read.
	onRead func()
}

// errTooLong ends a source that goes on after its size.
var errTooLong = errors.New("longer than it was said to be")

func newBody(src io.Reader, size int64) *body {
	return &body{src: src, size: size, digest: sha256.New()}
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.onRead != nil {
		b.onRead()
	}
	n, err := b.src.Read(p)
	if b.read+int64(n) > b.size {
		b.err = errTooLong
		return 0, errTooLong
	}
	b.digest.Write(p[:n])
	b.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func (b *body) sum() string { return hex.EncodeToString(b.digest.Sum(nil)) }
