package ftps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"immtrail/registry"
	"immtrail/transfer"
)

// upload is one call of Upload on its way.
type upload struct {
	s           *session
	req         transfer.UploadRequest
	final, part string
	// digest of the source in hex: given, or known once it has been read.
	digest string
}

// Upload implements [transfer.Remote]. Progress hears the bytes that were
// handed to the network: FTP acknowledges a file, not its parts.
func (s *session) Upload(ctx context.Context, req transfer.UploadRequest) (transfer.Uploaded, error) {
	final, err := transfer.Join(req.Folder, req.Name)
	if err != nil {
		return transfer.Uploaded{}, err
	}
	if req.Size < 0 || req.Source == nil {
		return transfer.Uploaded{}, registry.Errorf(registry.Invalid, opUpload, "%s: a size and a source are needed", final)
	}
	u := &upload{s: s, req: req, final: final, part: final + transfer.PartSuffix, digest: req.SHA256}
	found, err := u.look(ctx, s)
	if err != nil {
		return transfer.Uploaded{}, err
	}
	switch {
	case found.final.Exists:
		done, err := u.alreadyThere(ctx, found)
		if done || err != nil {
			return u.uploaded(done, true), err
		}
	case req.MayBeThere && !found.part.Exists:
		return transfer.Uploaded{}, u.unknown("an earlier attempt reached its last step")
	}
	if s.c.Direct() {
		err = u.direct(ctx, found.final.Exists)
	} else {
		err = u.viaPart(ctx, found.part.Exists)
	}
	return u.uploaded(err == nil, false), err
}

func (u *upload) uploaded(ok, already bool) transfer.Uploaded {
	if !ok {
		return transfer.Uploaded{}
	}
	return transfer.Uploaded{
		Bytes: u.req.Size, SHA256: u.digest,
		Renamed: !already && !u.s.c.Direct(), AlreadyThere: already,
	}
}

// viaPart is the usual way: write to a name that the registry does not take,
// compare the size, then rename.
func (u *upload) viaPart(ctx context.Context, rest bool) error {
	if rest {
		// An earlier attempt of ours. A session of it may still be writing: a new
		// file keeps the two apart. Servers that forbid removing may still allow
		// to write over it.
		_ = u.s.remove(ctx, u.part)
	}
	err := u.store(ctx, u.part, nil)
	if err == nil {
		err = u.checkSize(ctx, u.part)
	}
	if err == nil {
		err = u.announce(ctx)
	}
	if err == nil {
		err = u.stillFree(ctx)
	}
	if err != nil {
		_ = u.s.remove(ctx, u.part) // a rest under a temporary name does no harm
		return err
	}
	err = u.s.step(ctx, func() error { return u.s.ftp.Rename(u.part, u.final) })
	if err != nil {
		return u.settle(ctx, err)
	}
	return nil
}

// direct writes under the final name. A beginning of our own file may lie there
// from an attempt that broke off; it is taken away and begun again.
func (u *upload) direct(ctx context.Context, again bool) error {
	if again {
		if err := u.s.remove(ctx, u.final); err != nil {
			return err
		}
	}
	announced := false
	err := u.store(ctx, u.final, func() error {
		err := u.announce(ctx)
		announced = err == nil
		return err
	})
	switch {
	case err != nil && announced:
		return u.settle(ctx, err)
	case err != nil:
		_ = u.s.remove(ctx, u.final) // ours, and not whole; a repeat recognises what stays
		return err
	}
	seen, err := u.s.look(ctx, u.final)
	if err == nil && seen.Exists && seen.Size != u.req.Size {
		return u.wrongSize(u.final, seen.Size)
	}
	return nil // ended and acknowledged: gone since means picked up
}

// store sends the source under a name. whole, when set, is called when every
// byte was sent and found right, before the server is told that this is all.
func (u *upload) store(ctx context.Context, p string, whole func() error) error {
	src, err := u.req.Source()
	if err != nil {
		return fail(opUpload, registry.KindOf(err), "opening our file", err)
	}
	defer func() { _ = src.Close() }() // only read from
	from := &source{ctx: ctx, u: u, src: src, whole: whole}
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
	src   io.Reader
	whole func() error
	sent  int64
	err   error
}

// Read is never used by the library: WriteTo is preferred.
func (f *source) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// WriteTo implements [io.WriterTo].
func (f *source) WriteTo(w io.Writer) (int64, error) {
	wrote := func(p []byte) error { _, err := w.Write(p); return err }
	err := f.feed(wrote)
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

func (f *source) feed(wrote func([]byte) error) error {
	u := f.u
	digest := sha256.New()
	buf := make([]byte, chunk)
	for end := false; !end; {
		n, err := io.ReadFull(f.src, buf)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			end = true
		case err != nil:
			f.err = fail(opUpload, registry.KindOf(err), "reading our file", err)
			return f.err
		}
		if n == 0 {
			break
		}
		if f.sent+int64(n) > u.req.Size {
			f.err = u.wrongSource("it is longer than %d bytes", u.req.Size)
			return f.err
		}
		digest.Write(buf[:n])
		if err := errors.Join(f.ctx.Err(), wrote(buf[:n])); err != nil {
			return err
		}
		f.sent += int64(n)
		if u.req.Progress != nil {
			u.req.Progress(f.sent)
		}
	}
	sum := hex.EncodeToString(digest.Sum(nil))
	switch {
	case f.sent != u.req.Size:
		f.err = u.wrongSource("it has %d bytes instead of %d", f.sent, u.req.Size)
	case u.digest != "" && u.digest != sum:
		f.err = u.wrongSource("its digest is not the one that was checked")
	default:
		u.digest = sum
	}
	return f.err
}

// checkSize holds the server's size against ours: a reply 226 is also given to
// a connection that was cut.
func (u *upload) checkSize(ctx context.Context, p string) error {
	seen, err := u.s.look(ctx, p)
	if err != nil {
		return err
	}
	if !seen.Exists {
		return registry.Errorf(registry.Corrupt, opUpload, "%s is gone before it was renamed", p)
	}
	if seen.Size != u.req.Size {
		return u.wrongSize(p, seen.Size)
	}
	return nil
}

func (u *upload) wrongSize(p string, size int64) error {
	return registry.Errorf(registry.Corrupt, opUpload, "%s: the server has %d bytes of %d", p, size, u.req.Size)
}

func (u *upload) wrongSource(format string, args ...any) error {
	return registry.Errorf(registry.Corrupt, opUpload, "%s: our file changed since it was checked: %s", u.final, fmt.Sprintf(format, args...))
}

// announce tells the caller that the file is about to appear.
func (u *upload) announce(ctx context.Context) error {
	if u.req.BeforePublish == nil {
		return nil
	}
	if err := u.req.BeforePublish(ctx); err != nil {
		return fail(opUpload, registry.KindOf(err), "recording that the file is about to be renamed", err)
	}
	return nil
}

// stillFree looks at the final name once more, right before the rename.
func (u *upload) stillFree(ctx context.Context) error {
	seen, err := u.s.look(ctx, u.final)
	if err == nil && seen.Exists {
		return registry.Errorf(registry.Conflict, opUpload, "%s appeared while the file was being sent", u.final)
	}
	return err
}
