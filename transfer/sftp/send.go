package sftp

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/pkg/sftp"

	"immtrail/transfer"
)

// resumeFrom is the byte from which an upload goes on: what the server
// acknowledged to us, never what it says that it has, since a server that
// writes in parallel may have died with a hole before that end.
func (u *upload) resumeFrom(part transfer.Seen) int64 {
	from := u.Req.Acknowledged
	if !u.s.manner().resume || from <= 0 || from >= u.Req.Size || !part.Regular || part.Size < from {
		return 0
	}
	return from
}

// send streams the source from byte from on and proves that it is what was to
// be sent.
func (u *upload) send(ctx context.Context, f *sftp.File, from int64) error {
	b, err := transfer.OpenBody(u.Req, u.Final)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }() // only read from
	if err := b.Skip(from); err != nil {
		return err
	}
	if ahead := u.s.manner().ahead; ahead > 1 && u.Req.Size-from > int64(u.s.packet) {
		err = u.sendAhead(ctx, f, b, from, ahead)
	} else {
		err = u.sendOneByOne(ctx, f, b, from)
	}
	if err != nil {
		return err
	}
	u.SHA256, err = b.Whole(u.SHA256)
	return err
}

// acknowledged tells the caller, never twice the same and never less.
func (u *upload) acknowledged(n int64) {
	if n = min(n, u.Req.Size); u.Req.Progress != nil && n > u.told {
		u.told = n
		u.Req.Progress(n)
	}
}

// sendOneByOne has one write on its way: what lies at the server never has a
// hole, however it writes.
func (u *upload) sendOneByOne(ctx context.Context, f *sftp.File, b *transfer.Body, from int64) error {
	buf := make([]byte, min(int64(u.s.packet), u.Req.Size-from+1))
	sent := from
	for end := false; !end; {
		n, err := io.ReadFull(b, buf)
		end = err != nil
		switch failed := b.Failed(); {
		case failed != nil:
			return failed
		case n == 0:
			continue
		}
		if err := u.s.ask(ctx, func() error { _, err := f.WriteAt(buf[:n], sent); return err }); err != nil {
			return u.failed(ctx, fmt.Sprintf("write after %d bytes", sent), err)
		}
		sent += int64(n)
		u.acknowledged(sent)
	}
	return nil
}

// sendAhead has several writes on their way, sent in the order of the file by
// one goroutine of the library.
func (u *upload) sendAhead(ctx context.Context, f *sftp.File, b *transfer.Body, from int64, ahead int) error {
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return u.failed(ctx, "seek", err)
	}
	u.s.acks.begin()
	defer u.s.acks.end()
	b.OnRead = func() error {
		u.acknowledged(from + u.s.acks.writes()*int64(u.s.packet))
		if u.s.lost.Load() {
			return errLost // the library would go on reading for a while
		}
		return nil
	}
	err := u.s.flow(ctx, func() error {
		_, err := f.ReadFromWithConcurrency(b, ahead)
		return err
	})
	b.OnRead = nil
	if failed := b.Failed(); failed != nil {
		return failed
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

// sendAndLook writes the temporary file, has the server put the bytes on its
// disk and say how many it has, and what lies under the final name. Small files
// live on round trips, so what may be asked at once is.
func (u *upload) sendAndLook(ctx context.Context, f *sftp.File, from int64) (found transfer.Found, err error) {
	if err := u.send(ctx, f, from); err != nil {
		return found, err
	}
	var partErr, finalErr error
	u.s.requests.together(
		func() { err = u.flush(ctx, f) },
		func() { found.Part, partErr = u.s.look(ctx, u.Part) },
		func() { found.Final, finalErr = u.s.look(ctx, u.Final) },
	)
	if err := cmp.Or(err, partErr, finalErr); err != nil {
		return found, err
	}
	return found, u.Written(u.Part, found.Part)
}
