package ftps

import (
	"context"
	"errors"
	"fmt"
	"io"

	"immtrail/transfer"
)

// upload is one call of Upload on its way: how bytes travel by FTP. What lies
// at the server is judged by the attempt.
type upload struct {
	*transfer.Attempt
	s *session
}

// Upload implements [transfer.Remote]. Progress hears the bytes that were
// handed to the network: FTP acknowledges a file, not its parts.
func (s *session) Upload(ctx context.Context, req transfer.UploadRequest) (transfer.Uploaded, error) {
	a, err := transfer.NewAttempt(hands{s}, &s.c, req)
	if err != nil {
		return transfer.Uploaded{}, err
	}
	u := &upload{Attempt: a, s: s}
	found, done, err := u.Begin(ctx)
	if done || err != nil {
		return u.Uploaded(done, err)
	}
	if u.Direct {
		return u.Uploaded(false, u.direct(ctx, found.Final.Exists))
	}
	already, err := u.viaPart(ctx, found.Part.Exists)
	return u.Uploaded(already, err)
}

// viaPart is the usual way: write to a name that the registry does not take,
// compare the size, then rename.
func (u *upload) viaPart(ctx context.Context, rest bool) (already bool, err error) {
	if rest {
		// An earlier attempt of ours. A session of it may still be writing: a new
		// file keeps the two apart. Servers that forbid removing may still allow
		// to write over it.
		_ = u.s.remove(ctx, u.Part)
	}
	err = u.store(ctx, u.Part, nil)
	if err == nil {
		err = u.checkSize(ctx, u.Part)
	}
	if err == nil {
		err = u.Announce(ctx)
	}
	var final transfer.Seen
	if err == nil {
		final, err = u.s.look(ctx, u.Final) // FTP has no exclusive open, and renames replace on some servers
	}
	if err == nil {
		already, err = u.StillFree(ctx, final)
	}
	if err != nil || already {
		_ = u.s.remove(ctx, u.Part) // a rest under a temporary name does no harm
		return already, err
	}
	if err = u.s.step(ctx, func() error { return u.s.ftp.Rename(u.Part, u.Final) }); err != nil {
		return false, u.Settle(ctx, err)
	}
	return false, nil
}

// direct writes under the final name. A beginning of our own file may lie there
// from an attempt that broke off; it is taken away and begun again.
func (u *upload) direct(ctx context.Context, again bool) error {
	if again {
		if err := u.s.remove(ctx, u.Final); err != nil {
			return err
		}
	}
	announced := false
	err := u.store(ctx, u.Final, func() error {
		err := u.Announce(ctx)
		announced = err == nil
		return err
	})
	switch {
	case err != nil && announced:
		return u.Settle(ctx, err)
	case err != nil:
		_ = u.s.remove(ctx, u.Final) // ours, and not whole; a repeat recognises what stays
		return err
	}
	seen, err := u.s.look(ctx, u.Final)
	if err == nil && seen.Exists && seen.Size != u.Req.Size {
		return u.WrongSize(u.Final, seen.Size)
	}
	return nil // ended and acknowledged: gone since means picked up
}

// store sends the source under a name. whole, when set, is called when every
// byte was sent and found right, before the server is told that this is all.
func (u *upload) store(ctx context.Context, p string, whole func() error) error {
	body, err := transfer.OpenBody(u.Req, u.Final)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // only read from
	from := &source{ctx: ctx, u: u, body: body, whole: whole}
	err = u.s.step(ctx, func() error { return u.s.ended(u.s.ftp.Stor(p, from)) })
	if from.err != nil && ctx.Err() == nil {
		return from.err // the cause; the server's reply is its consequence
	}
	if err != nil {
		return fail(opUpload, kindOf(err), fmt.Sprintf("%s: after %d bytes", p, from.sent), err)
	}
	return nil
}

// source feeds the library and proves that what it feeds is what was to be
// sent. When it is not, the data connection is reset, so that no server takes
// the part for a file.
type source struct {
	ctx   context.Context
	u     *upload
	body  *transfer.Body
	whole func() error
	sent  int64
	err   error
}

// Read is never used by the library: WriteTo is preferred.
func (f *source) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// WriteTo implements [io.WriterTo].
func (f *source) WriteTo(w io.Writer) (int64, error) {
	err := f.feed(w)
	if err == nil && f.sent == 0 {
		err = f.handshake()
	}
	if err == nil {
		err = f.end()
	}
	if err != nil {
		f.u.s.data.aborted = true
	}
	return f.sent, err
}

// handshake begins TLS for an empty file before its end is announced.
func (f *source) handshake() error { return f.u.s.data.Handshake() }

func (f *source) end() error {
	if err := f.ctx.Err(); err != nil {
		return err // nothing is announced that would not be finished
	}
	if f.whole != nil {
		f.err = f.whole()
	}
	return f.err
}

func (f *source) feed(w io.Writer) error {
	u := f.u
	buf := make([]byte, min(chunk, u.Req.Size+1))
	for end := false; !end; {
		n, err := io.ReadFull(f.body, buf)
		end = err != nil
		if f.err = f.body.Failed(); f.err != nil {
			return f.err
		}
		if n == 0 {
			break
		}
		_, err = w.Write(buf[:n])
		if err := errors.Join(f.ctx.Err(), err); err != nil {
			return err
		}
		f.sent += int64(n)
		if u.Req.Progress != nil {
			u.Req.Progress(f.sent)
		}
	}
	u.SHA256, f.err = f.body.Whole(u.SHA256)
	return f.err
}

// checkSize holds the server's size against ours: a reply 226 is also given to
// a connection that was cut.
func (u *upload) checkSize(ctx context.Context, p string) error {
	seen, err := u.s.look(ctx, p)
	if err != nil {
		return err
	}
	return u.Written(p, seen)
}
