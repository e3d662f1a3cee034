package sftp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/pkg/sftp"

	"immtrail/registry"
	"immtrail/transfer"
)

// copyOut reads to the end of the file, which only the server's EOF is: an
// answer shorter than asked for is no end. It stops when more comes than was
// told, so that a file that grows for ever ends.
func (s *session) copyOut(ctx context.Context, p string, size int64, w io.Writer) (got transfer.Downloaded, err error) {
	f, err := s.open(ctx, p, os.O_RDONLY)
	if err != nil {
		kind := kindOf(err)
		if errors.Is(err, os.ErrNotExist) {
			kind = registry.Missing
		}
		return transfer.Downloaded{}, fail(opDownload, kind, p, err)
	}
	defer func() { _ = s.ask(ctx, f.Close) }() // nothing was written to it
	digest := sha256.New()
	line := s.readAhead(f, size)
	defer line.end(ctx)
	for got.Size <= size {
		data, err := line.next(ctx)
		digest.Write(data)
		got.Size += int64(len(data))
		if _, werr := w.Write(data); werr != nil {
			return got, fail(opDownload, registry.KindOf(werr), "writing our copy", werr)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return got, fail(opDownload, kindOf(err), fmt.Sprintf("%s at byte %d", p, got.Size), err)
		}
	}
	got.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return got, nil
}

// reading is a file on its way, in pieces that were asked for in its order. The
// library puts answers that are shorter than asked for together, as long as it
// is asked for one packet at a time; what it does with more is wrong
// (pkg/sftp#424, pkg/sftp#658).
type reading struct {
	s    *session
	f    *sftp.File
	line []*chunk // asked for, the first one first
	used *chunk   // whose data the caller has
	at   int64    // of the next to be asked for
	last int64    // byte that is asked for, which is the one after the file
}

// chunk is a read on its way.
type chunk struct {
	buf  []byte
	n    int
	err  error
	done chan struct{}
}

// readAhead begins to read a file of size bytes: several reads are on their way
// at hosts that are marked for it, elsewhere one.
func (s *session) readAhead(f *sftp.File, size int64) *reading {
	r := &reading{s: s, f: f, last: size}
	for range s.manner().reads {
		r.ask(&chunk{buf: make([]byte, min(int64(s.packet), size+1))})
	}
	return r
}

// ask sends the next read. Beyond the file one byte is asked for, once: its
// end is the server's word.
func (r *reading) ask(c *chunk) {
	if r.at > r.last {
		return
	}
	n, at := min(int64(cap(c.buf)), r.last+1-r.at), r.at
	c.buf, c.done, r.at = c.buf[:n], make(chan struct{}), at+n
	r.line = append(r.line, c)
	go func() {
		defer close(c.done)
		c.n, c.err = r.f.ReadAt(c.buf, at)
	}()
}

// next waits for the piece that comes next, which is the caller's until it asks
// for another. A file that is shorter than its size said ends with io.EOF at its
// end; what was asked for beyond it is not looked at.
func (r *reading) next(ctx context.Context) ([]byte, error) {
	if r.used != nil {
		r.ask(r.used)
	}
	if len(r.line) == 0 {
		return nil, io.EOF // more than its size has come
	}
	c := r.line[0]
	r.line, r.used = r.line[1:], c
	err := r.s.ask(ctx, func() error { <-c.done; return c.err })
	return c.buf[:c.n], err
}

// end waits for what is still on its way.
func (r *reading) end(ctx context.Context) {
	var wg sync.WaitGroup
	for _, c := range r.line {
		wg.Go(func() { <-c.done })
	}
	_ = r.s.ask(ctx, func() error { wg.Wait(); return nil }) // they end with the connection at the latest
	wg.Wait()
}
