package sftp

import (
	"context"
	"errors"
	"os"

	"github.com/pkg/sftp"

	"immtrail/registry"
	"immtrail/transfer"
)

// upload is one call of Upload on its way: how bytes travel by SFTP. What lies
// at the server is judged by the attempt.
type upload struct {
	*transfer.Attempt
	s *session
	// told is how many acknowledged bytes the caller has heard of.
	told int64
}

// Upload implements [transfer.Remote].
func (s *session) Upload(ctx context.Context, req transfer.UploadRequest) (transfer.Uploaded, error) {
	a, err := transfer.NewAttempt(hands{s}, &s.c, req)
	if err != nil {
		return transfer.Uploaded{}, err
	}
	u := &upload{Attempt: a, s: s}
	if u.quick() {
		if done, already, err := u.tryQuick(ctx); done || err != nil {
			return u.Uploaded(already, err)
		}
	}
	found, done, err := u.Begin(ctx)
	if done || err != nil {
		return u.Uploaded(done, err)
	}
	if u.Direct {
		return u.Uploaded(false, u.direct(ctx, found.Final.Exists))
	}
	already, err := u.viaPart(ctx, found.Part)
	return u.Uploaded(already, err)
}

// quickSize in bytes is up to where sending costs no more than looking first.
const quickSize = 256 << 10

// quick reports whether the file may be sent before anybody looked: it is
// small, and no attempt of ours came so far that it may be there.
func (u *upload) quick() bool {
	return u.Req.Size <= quickSize && !u.Req.MayBeThere && u.Req.Acknowledged == 0 && !u.Direct
}

// tryQuick sends the file under a temporary name that must be free. Where it is
// not, or nobody can tell why it cannot be made, nothing was done and the
// careful way finds out.
func (u *upload) tryQuick(ctx context.Context) (done, already bool, err error) {
	f, err := u.s.open(ctx, u.Part, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	switch {
	case err != nil && answered(err):
		return false, false, nil
	case err != nil:
		return false, false, u.failed(ctx, "open", err)
	}
	already, err = u.fill(ctx, f, 0)
	return true, already, err
}

// viaPart is the usual way: write to a name that the registry does not take,
// then rename.
func (u *upload) viaPart(ctx context.Context, part transfer.Seen) (already bool, err error) {
	from := u.resumeFrom(part)
	flags := os.O_WRONLY
	if from == 0 {
		// What lies under the temporary name is an earlier attempt of ours and is
		// begun again: how much of it is sound nobody knows. It is taken away first,
		// because some servers let nobody write over a file (ProFTPD), and a session
		// of that attempt may still write to it.
		if part.Exists {
			_ = u.s.remove(ctx, u.Part) // where this is forbidden, writing over it may not be
		}
		flags |= os.O_CREATE | os.O_TRUNC
	}
	f, err := u.s.open(ctx, u.Part, flags)
	if err != nil && answered(err) && from > 0 { // nor go on with one
		from = 0
		_ = u.s.remove(ctx, u.Part) // as above
		f, err = u.s.open(ctx, u.Part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	}
	if err != nil {
		return false, u.failed(ctx, "open", err)
	}
	if from == 0 && u.Req.Acknowledged > 0 && u.Req.Progress != nil {
		u.Req.Progress(0) // what was acknowledged before is gone
	}
	return u.fill(ctx, f, from)
}

// fill writes the temporary file from byte from on, proves it and renames it.
func (u *upload) fill(ctx context.Context, f *sftp.File, from int64) (already bool, err error) {
	found, err := u.sendAndLook(ctx, f, from)
	if cerr := u.s.ask(ctx, f.Close); err == nil && cerr != nil {
		err = u.failed(ctx, "close", cerr)
	}
	if err == nil && from > 0 {
		err = u.provePart(ctx)
	}
	if err == nil && u.Req.BeforePublish != nil {
		if err = u.Announce(ctx); err == nil {
			found.Final, err = u.s.look(ctx, u.Final) // once more: recording takes its time
		}
	}
	if err == nil {
		already, err = u.StillFree(ctx, found.Final)
	}
	if err != nil || already {
		_ = u.s.remove(ctx, u.Part) // a rest under a temporary name does no harm
		return already, err
	}
	if err = u.s.ask(ctx, func() error { return u.s.rename(u.Part, u.Final) }); err != nil {
		return false, u.Settle(ctx, err)
	}
	return false, nil
}

// rename prefers the extension. Whether the target is free has been looked at,
// since both ways replace it on some servers.
func (s *session) rename(from, to string) error {
	if s.offers(posixRename) {
		return s.sftp.PosixRename(from, to)
	}
	return s.sftp.Rename(from, to)
}

// direct writes under the final name. A beginning of our own file may lie
// there from an attempt that broke off; it is begun again.
func (u *upload) direct(ctx context.Context, again bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if again && u.s.remove(ctx, u.Final) != nil {
		flags = os.O_WRONLY | os.O_TRUNC // as in viaPart
	}
	f, err := u.s.open(ctx, u.Final, flags)
	if err != nil {
		return u.failed(ctx, "open", err)
	}
	err = u.send(ctx, f, 0)
	if err == nil {
		err = u.flush(ctx, f)
	}
	if err == nil {
		err = u.Announce(ctx)
	}
	if err != nil {
		_ = u.s.ask(ctx, f.Close)
		_ = u.s.remove(ctx, u.Final) // ours, and not whole; a repeat recognises what stays
		return err
	}
	if err := u.s.ask(ctx, f.Close); err != nil {
		return u.Settle(ctx, err)
	}
	seen, err := u.s.look(ctx, u.Final)
	if err == nil && seen.Exists && seen.Size != u.Req.Size {
		return u.WrongSize(u.Final, seen.Size)
	}
	return nil // closed and acknowledged: gone since means picked up
}

// flush asks the server to put the bytes on its disk, where it can.
func (u *upload) flush(ctx context.Context, f *sftp.File) error {
	if !u.s.offers(fsync) {
		return nil
	}
	if err := u.s.ask(ctx, f.Sync); err != nil && !errors.Is(statusOf(err), sftp.ErrSSHFxOpUnsupported) {
		return u.failed(ctx, "flush", err)
	}
	return nil
}

// provePart reads a resumed file back before it is renamed: the bytes before
// the place where it went on were acknowledged to an attempt that nobody can
// ask any more, by a server that may have been restarted since.
func (u *upload) provePart(ctx context.Context) error {
	got, err := u.Hands.Digest(ctx, u.Part)
	switch {
	case err != nil && transfer.CannotRead(err):
		return registry.Errorf(registry.Corrupt, opUpload, "%s was resumed and cannot be read back; it is begun again", u.Part)
	case err != nil:
		return err
	case got.SHA256 != u.SHA256:
		return registry.Errorf(registry.Corrupt, opUpload, "%s was resumed and has another digest at the server; it is begun again", u.Part)
	}
	return nil
}

// open is OpenFile with a bound.
func (s *session) open(ctx context.Context, p string, flags int) (*sftp.File, error) {
	var f *sftp.File
	err := s.ask(ctx, func() (err error) {
		f, err = s.sftp.OpenFile(p, flags)
		return err
	})
	return f, err
}

// failed gives an error of a step its kind and its words.
func (u *upload) failed(ctx context.Context, step string, err error) error {
	return u.Hands.Worded(ctx, u.Final, step, err)
}
