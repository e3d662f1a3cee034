package activities

import (
	"context"
	"io"

	"golang.org/x/time/rate"
)

// paced is a reader or a writer that keeps to a number of bytes a second.
type paced struct {
	ctx   context.Context
	limit *rate.Limiter
	// chunk is what one wait pays for; larger pieces are paid in several.
	chunk int
}

// pace returns nil where there is no limit. A second's worth may go at once.
func pace(ctx context.Context, bytesPerSecond int64) *paced {
	if bytesPerSecond <= 0 {
		return nil
	}
	burst := int(min(bytesPerSecond, 1<<20))
	return &paced{ctx: ctx, limit: rate.NewLimiter(rate.Limit(bytesPerSecond), burst), chunk: burst}
}

func (p *paced) pay(n int) error {
	for n > 0 {
		part := min(n, p.chunk)
		if err := p.limit.WaitN(p.ctx, part); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// reader paces what is read from r.
func (p *paced) reader(r io.ReadCloser) io.ReadCloser {
	if p == nil {
		return r
	}
	return &pacedReader{paced: p, ReadCloser: r}
}

type pacedReader struct {
	*paced
	io.ReadCloser
}

// Read pays for what it has read.
func (r *pacedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b[:min(len(b), r.chunk)])
	if perr := r.pay(n); perr != nil {
		return n, perr
	}
	return n, err
}

// Unwrap lets the file store's own digest be found ([transfer.Digester]).
func (r *pacedReader) Unwrap() io.Reader { return r.ReadCloser }

// writer paces what is written to w.
func (p *paced) writer(w io.Writer) io.Writer {
	if p == nil {
		return w
	}
	return &pacedWriter{paced: p, w: w}
}

type pacedWriter struct {
	*paced
	w io.Writer
}

// Write pays before it writes.
func (w *pacedWriter) Write(b []byte) (int, error) {
	if err := w.pay(len(b)); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}
