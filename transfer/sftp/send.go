package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pkg/sftp"

	"immtrail/registry"
	"immtrail/transfer"
)

// resumeFrom is the byte from which an upload goes on: what the server
// acknowledged to us, never what it says that it has, since a server that
// writes in parallel may have died with a hole before that end.
func (u *upload) resumeFrom(part transfer.Seen) int64 {
	from := u.req.Acknowledged
	if !u.s.manner().resume || from <= 0 || from >= u.req.Size || !part.Regular || part.Size < from {
		return 0
	}
	return from
}

// send streams the source from byte from on and proves that it is what was to
// be sent.
func (u *upload) send(ctx context.Context, f *sftp.File, from int64) error {
	src, err := u.req.Source()
	if err != nil {
		return fail(opUpload, registry.KindOf(err), "opening our file", err)
	}
	defer func() { _ = src.Close() }() // only read from
	b := newBody(src, u.req.Size)
	if _, err := io.CopyN(io.Discard, b, from); err != nil {
		return u.sourceFailed(b, err)
	}
	if ahead := u.s.manner().ahead; ahead > 1 && u.req.Size-from > int64(u.s.packet) {
		err = u.sendAhead(ctx, f, b, from, ahead)
	} else {
		err = u.sendOneByOne(ctx, f, b, from)
	}
	if err != nil {
		return err
	}
	sum := b.sum()
	switch {
	case b.read != u.req.Size:
		return u.wrongSource("it has %d bytes instead of %d", b.read, u.req.Size)
	case u.digest != "" && u.digest != sum:
		return u.wrongSource("its digest is not the one that was checked")
	}
	u.digest = sum
	return nil
}

// sourceFailed is the error of our own file, with its kind.
func (u *upload) sourceFailed(b *body, err error) error {
	switch {
	case errors.Is(b.err, errTooLong):
		return u.wrongSource("it is longer than %d bytes", u.req.Size)
	case b.err == nil && errors.Is(err, io.EOF):
		return u.wrongSource("it has %d bytes instead of %d", b.read, u.req.Size)
	}
	return fail(opUpload, registry.KindOf(err), "reading our file", err)
}

// acknowledged tells the caller, never twice the same and never less.
func (u *upload) acknowledged(n int64) {
	if n = min(n, u.req.Size); u.req.Progress != nil && n > u.told {
		u.told = n
		u.req.Progress(n)
	}
}

// sendOneByOne has one write on its way: what lies at the server never has a
// hole, however it writes.
func (u *upload) sendOneByOne(ctx context.Context, f *sftp.File, b *body, from int64) error {
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return u.failed(ctx, "seek", err)
	}
	buf := make([]byte, min(int64(u.s.packet), u.req.Size-from+1))
	sent := from
	for end := false; !end; {
		n, err := io.ReadFull(b, buf)
		end = err != nil
		switch {
		case b.err != nil:
			return u.sourceFailed(b, b.err)
		case n == 0:
			continue
		}
		if err := u.s.ask(ctx, func() error { _, err := f.Write(buf[:n]); return err }); err != nil {
			return u.failed(ctx, fmt.Sprintf("write after %d bytes", sent), err)
		}
		sent += int64(n)
		u.acknowledged(sent)
	}
	return nil
}

// sendAhead has several writes on their way, sent in the order of the file by
// one goroutine of the library.
func (u *upload) sendAhead(ctx context.Context, f *sftp.File, b *body, from int64, ahead int) error {
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return u.failed(ctx, "seek", err)
	}
	u.s.acks.begin()
	defer u.s.acks.end()
	b.onRead = func() { u.acknowledged(from + u.s.acks.writes()*int64(u.s.packet)) }
	err := u.s.flow(ctx, func() error {
		_, err := f.ReadFromWithConcurrency(b, ahead)
		return err
	})
	b.onRead = nil
	if b.err != nil {
		return u.sourceFailed(b, b.err)
	}
	acked, seekErr := f.Seek(0, io.SeekCurrent) // asks nobody
	if seekErr == nil {
		u.acknowledged(acked)
	}
	if err != nil {
		return u.failed(ctx, fmt.Sprintf("write after %d bytes", acked), err)
	}
	return nil
}

// provePart reads a resumed file back before it is renamed: the bytes before
// the place where it went on were acknowledged to an attempt that nobody can
// ask any more, by a server that may have been restarted since.
func (u *upload) provePart(ctx context.Context) error {
	got, err := u.s.download(ctx, u.part, io.Discard)
	switch {
	case err != nil && cannotRead(err):
		return registry.Errorf(registry.Corrupt, opUpload, "%s was resumed and cannot be read back; it is begun again", u.part)
	case err != nil:
		return err
	case got.SHA256 != u.digest:
		return registry.Errorf(registry.Corrupt, opUpload, "%s was resumed and has another digest at the server; it is begun again", u.part)
	}
	return nil
}
