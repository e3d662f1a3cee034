package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"immtrail/registry"
)

const (
	opUpload = "upload"
	// aheadChunk times aheadChunks in bytes is what a body holds of its source
	// before it is asked for: enough for reading, opening what is sealed and
	// digesting on one core while the other encrypts and sends, and little beside
	// the 4 MiB that a resumed upload may send again.
	aheadChunk  = 64 << 10
	aheadChunks = 4
)

// Digester is a source that digests what it gives away and needs no second one
// beside it, such as the file store's.
type Digester interface {
	// SHA256 in hex of everything that was read, once the source ended with
	// [io.EOF]; empty before.
	SHA256() string
}

// digester finds one below readers that only pass bytes on, which say so by
// Unwrap.
func digester(r io.Reader) Digester {
	for {
		if d, ok := r.(Digester); ok {
			return d
		}
		over, ok := r.(interface{ Unwrap() io.Reader })
		if !ok {
			return nil
		}
		r = over.Unwrap()
	}
}

// Body is the source of an upload on its way to a driver: counted and digested
// as it is read, and never longer than it was said to be. What is large is read
// ahead by a goroutine that ends with [Body.Close]. It serves one reader.
type Body struct {
	// OnRead, when set, is called before each read; its error ends the reading and
	// is no fault of the source.
	OnRead func() error

	src    io.ReadCloser
	path   string
	size   int64
	own    Digester  // of the source; or
	digest hash.Hash // ours
	taken  int64     // of the source
	sum    string    // once the source ended

	read int64 // by the driver
	rest []byte
	// err ends the body: io.EOF, or what the source failed with, which is not the
	// server's affair.
	err error

	ahead *ahead
}

// ahead is the way between the reading goroutine and the driver.
type ahead struct {
	pieces chan piece
	free   chan []byte
	last   []byte // to be given back
	stop   chan struct{}
	done   sync.WaitGroup
}

type piece struct {
	data []byte // of a buffer of aheadChunk
	err  error
}

// errTooLong ends a source that goes on after its size.
var errTooLong = errors.New("longer than it was said to be")

// OpenBody opens the source of req, which is to lie under path. The error keeps
// the source's kind. The body must be closed.
func OpenBody(req UploadRequest, path string) (*Body, error) {
	src, err := req.Source()
	if err != nil {
		return nil, registry.Errorf(registry.KindOf(err), opUpload, "opening our file: %w", err)
	}
	b := &Body{src: src, path: path, size: req.Size}
	if b.own = digester(src); b.own == nil {
		b.digest = sha256.New()
	}
	if b.size > aheadChunk {
		b.readAhead()
	}
	return b, nil
}

// take reads the source once, digests, and counts.
func (b *Body) take(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if b.digest != nil {
		b.digest.Write(p[:n])
	}
	b.taken += int64(n)
	if b.taken > b.size {
		return 0, errTooLong
	}
	if errors.Is(err, io.EOF) {
		err = io.EOF
		b.sum = b.digested()
	}
	return n, err
}

func (b *Body) digested() string {
	if b.own != nil {
		return b.own.SHA256()
	}
	return hex.EncodeToString(b.digest.Sum(nil))
}

func (b *Body) readAhead() {
	a := &ahead{pieces: make(chan piece, aheadChunks), free: make(chan []byte, aheadChunks), stop: make(chan struct{})}
	for range aheadChunks {
		a.free <- make([]byte, aheadChunk)
	}
	b.ahead = a
	a.done.Go(func() {
		for {
			var buf []byte
			select {
			case <-a.stop:
				return
			case buf = <-a.free:
			}
			n, err := b.fill(buf)
			a.pieces <- piece{data: buf[:n], err: err} // there is room for all buffers
			if err != nil {
				return
			}
		}
	})
}

// fill reads until the buffer is full, the source ends or somebody wants it to.
func (b *Body) fill(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		select {
		case <-b.ahead.stop:
			return n, io.ErrClosedPipe
		default:
		}
		var m int
		m, err = b.take(buf[n:])
		n += m
	}
	return n, err
}

// Read implements [io.Reader].
func (b *Body) Read(p []byte) (int, error) {
	if b.OnRead != nil {
		if err := b.OnRead(); err != nil {
			return 0, err
		}
	}
	n, err := b.next(p)
	b.read += int64(n)
	return n, err
}

func (b *Body) next(p []byte) (n int, err error) {
	if b.ahead == nil {
		if b.err != nil {
			return 0, b.err
		}
		n, b.err = b.take(p)
		return n, b.err
	}
	for len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		if b.ahead.last != nil {
			b.ahead.free <- b.ahead.last
		}
		next := <-b.ahead.pieces
		b.ahead.last, b.rest, b.err = next.data[:aheadChunk:aheadChunk], next.data, next.err
	}
	n = copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Failed is the error of our own file, when that is what ended the body; nil
// where it was not.
func (b *Body) Failed() error {
	switch {
	case b.err == nil || errors.Is(b.err, io.EOF):
		return nil
	case errors.Is(b.err, errTooLong):
		return b.changed("it is longer than %d bytes", b.size)
	}
	return registry.Errorf(registry.KindOf(b.err), opUpload, "reading our file: %w", b.err)
}

// Skip reads n bytes that are not to be sent. An end before that is an error of
// our file.
func (b *Body) Skip(n int64) error {
	if _, err := io.CopyN(io.Discard, b, n); err != nil {
		if failed := b.Failed(); failed != nil {
			return failed
		}
		return b.changed("it has %d bytes instead of %d", b.read, b.size)
	}
	return nil
}

// Whole proves, after the last read, that the bytes are those that were to be
// sent: the size and, where one is given, the digest. It tells the digest.
// Kind Corrupt.
func (b *Body) Whole(digest string) (sum string, err error) {
	if failed := b.Failed(); failed != nil {
		return "", failed
	}
	if b.err == nil && b.read == b.size { // a driver that counts stops before the end
		_, err := io.ReadFull(b, make([]byte, 1))
		if failed := b.Failed(); failed != nil {
			return "", failed
		}
		if err == nil {
			return "", b.changed("it is longer than %d bytes", b.size)
		}
	}
	switch {
	case b.read != b.size:
		return "", b.changed("it has %d bytes instead of %d", b.read, b.size)
	case digest != "" && digest != b.sum:
		return "", b.changed("its digest is not the one that was checked")
	}
	return b.sum, nil
}

func (b *Body) changed(format string, args ...any) error {
	return registry.Errorf(registry.Corrupt, opUpload, "%s: our file changed since it was checked: %s", b.path, fmt.Sprintf(format, args...))
}

// Close closes the source, once nothing reads it any more.
func (b *Body) Close() error {
	if b.ahead != nil {
		close(b.ahead.stop)
		b.ahead.done.Wait()
		b.ahead = nil
		b.err = io.ErrClosedPipe
	}
	return b.src.Close()
}
