package sftp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"sync"

	"github.com/pkg/sftp"

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
	// told is how many acknowledged bytes the caller has heard of.
	told int64
}

// Upload implements [transfer.Remote].
func (s *session) Upload(ctx context.Context, req transfer.UploadRequest) (transfer.Uploaded, error) {
	final, err := transfer.Join(req.Folder, req.Name)
	if err != nil {
		return transfer.Uploaded{}, err
	}
	if req.Size < 0 || req.Source == nil {
		return transfer.Uploaded{}, registry.Errorf(registry.Invalid, opUpload, "%s: a size and a source are needed", final)
	}
	u := &upload{s: s, req: req, final: final, part: final + transfer.PartSuffix, digest: req.SHA256}
	if u.quick() {
		done, already, err := u.tryQuick(ctx)
		if done || err != nil {
			return u.uploaded(err == nil, already), err
		}
	}
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
		return u.uploaded(err == nil, false), err
	}
	already, err := u.viaPart(ctx, found.part)
	return u.uploaded(err == nil, already), err
}

// quickSize in bytes is up to where sending costs no more than looking first.
const quickSize = 256 << 10

// quick reports whether the file may be sent before anybody looked: it is
// small, and no attempt of ours came so far that it may be there.
func (u *upload) quick() bool {
	return u.req.Size <= quickSize && !u.req.MayBeThere && u.req.Acknowledged == 0 && !u.s.c.Direct()
}

// tryQuick sends the file under a temporary name that must be free. Where it is
// not, or nobody can tell why it cannot be made, nothing was done and the
// careful way finds out.
func (u *upload) tryQuick(ctx context.Context) (done, already bool, err error) {
	f, err := u.s.open(ctx, u.part, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	switch {
	case err != nil && answered(err):
		return false, false, nil
	case err != nil:
		return false, false, u.failed(ctx, "open", err)
	}
	already, err = u.fill(ctx, f, 0)
	return true, already, err
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
			_ = u.s.remove(ctx, u.part) // where this is forbidden, writing over it may not be
		}
		flags |= os.O_CREATE | os.O_TRUNC
	}
	f, err := u.s.open(ctx, u.part, flags)
	if err != nil && answered(err) && from > 0 { // nor go on with one
		from = 0
		_ = u.s.remove(ctx, u.part) // as above
		f, err = u.s.open(ctx, u.part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	}
	if err != nil {
		return false, u.failed(ctx, "open", err)
	}
	if from == 0 && u.req.Acknowledged > 0 && u.req.Progress != nil {
		u.req.Progress(0) // what was acknowledged before is gone
	}
	return u.fill(ctx, f, from)
}

// fill writes the temporary file from byte from on, proves it and renames it.
func (u *upload) fill(ctx context.Context, f *sftp.File, from int64) (already bool, err error) {
	var final transfer.Seen
	err = u.send(ctx, f, from)
	if err == nil {
		final, err = u.settleBytes(ctx, f)
	}
	if cerr := u.s.ask(ctx, f.Close); err == nil && cerr != nil {
		err = u.failed(ctx, "close", cerr)
	}
	if err == nil && from > 0 {
		err = u.provePart(ctx)
	}
	if err == nil && u.req.BeforePublish != nil {
		if err = u.announce(ctx); err == nil {
			final, err = u.s.look(ctx, u.final) // once more: recording takes its time
		}
	}
	if err == nil {
		already, err = u.stillFree(ctx, final)
	}
	if err != nil || already {
		_ = u.s.remove(ctx, u.part) // a rest under a temporary name does no harm
		return already, err
	}
	err = u.s.ask(ctx, func() error { return u.s.rename(u.part, u.final) })
	if err != nil {
		return false, u.settle(ctx, err)
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
	if again && u.s.remove(ctx, u.final) != nil {
		flags = os.O_WRONLY | os.O_TRUNC // as in viaPart
	}
	f, err := u.s.open(ctx, u.final, flags)
	if err != nil {
		return u.failed(ctx, "open", err)
	}
	err = u.send(ctx, f, 0)
	if err == nil {
		err = u.flush(ctx, f)
	}
	if err == nil {
		err = u.announce(ctx)
	}
	if err != nil {
		_ = u.s.ask(ctx, f.Close)
		_ = u.s.remove(ctx, u.final) // ours, and not whole; a repeat recognises what stays
		return err
	}
	if err := u.s.ask(ctx, f.Close); err != nil {
		return u.settle(ctx, err)
	}
	seen, err := u.s.look(ctx, u.final)
	if err == nil && seen.Exists && seen.Size != u.req.Size {
		return u.wrongSize(u.final, seen.Size)
	}
	return nil // closed and acknowledged: gone since means picked up
}

// settleBytes has the server put the bytes on its disk and say how many it has,
// and what lies under the final name, all at once: small files live on round
// trips.
func (u *upload) settleBytes(ctx context.Context, f *sftp.File) (final transfer.Seen, err error) {
	var found names
	var lookErr error
	var wg sync.WaitGroup
	wg.Go(func() { found, lookErr = u.look(ctx, u.s) })
	err = u.flush(ctx, f)
	wg.Wait()
	switch {
	case err != nil:
		return found.final, err
	case lookErr != nil:
		return found.final, lookErr
	case !found.part.Exists:
		return found.final, registry.Errorf(registry.Corrupt, opUpload, "%s is gone before it was renamed", u.part)
	case found.part.Size != u.req.Size:
		return found.final, u.wrongSize(u.part, found.part.Size)
	}
	return found.final, nil
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

// stillFree judges what lies under the final name right before the rename. It
// is never replaced; when it is our file byte for byte, an earlier attempt had
// delivered it.
func (u *upload) stillFree(ctx context.Context, final transfer.Seen) (already bool, err error) {
	if !final.Exists {
		return false, nil
	}
	v, err := u.compare(ctx, u.s, final)
	switch {
	case err != nil:
		return false, err
	case v == same:
		return true, nil
	}
	return false, u.conflict(v)
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
	err = u.s.whyFailure(ctx, path.Dir(u.final), err)
	return fail(opUpload, kindOf(err), u.final+": "+step, err)
}
