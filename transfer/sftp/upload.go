package sftp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

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
		err = u.viaPart(ctx)
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
// then rename.
func (u *upload) viaPart(ctx context.Context) error {
	// What lies under the temporary name is an earlier attempt of ours and is
	// begun again: how much of it is sound nobody knows.
	f, err := u.s.open(ctx, u.part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return u.failed(ctx, "open", err)
	}
	err = u.send(ctx, f)
	if cerr := u.s.ask(ctx, f.Close); err == nil && cerr != nil {
		err = u.failed(ctx, "close", cerr)
	}
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
	err = u.s.ask(ctx, func() error { return u.s.rename(u.part, u.final) })
	if err != nil {
		return u.settle(ctx, err)
	}
	return nil
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
	if again {
		flags = os.O_WRONLY | os.O_TRUNC
	}
	f, err := u.s.open(ctx, u.final, flags)
	if err != nil {
		return u.failed(ctx, "open", err)
	}
	err = u.send(ctx, f)
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

// send streams the source and proves that it is what was to be sent.
func (u *upload) send(ctx context.Context, f *sftp.File) error {
	src, err := u.req.Source()
	if err != nil {
		return fail(opUpload, registry.KindOf(err), "opening our file", err)
	}
	defer func() { _ = src.Close() }() // only read from
	digest := sha256.New()
	var sent int64
	buf := make([]byte, chunk)
	for end := false; !end; {
		n, err := io.ReadFull(src, buf)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			end = true
		case err != nil:
			return fail(opUpload, registry.KindOf(err), "reading our file", err)
		}
		if n == 0 {
			break
		}
		if sent+int64(n) > u.req.Size {
			return u.wrongSource("it is longer than %d bytes", u.req.Size)
		}
		digest.Write(buf[:n])
		if err := u.s.ask(ctx, func() error { _, err := f.Write(buf[:n]); return err }); err != nil {
			return u.failed(ctx, fmt.Sprintf("write after %d bytes", sent), err)
		}
		sent += int64(n)
		if u.req.Progress != nil {
			u.req.Progress(sent)
		}
	}
	sum := hex.EncodeToString(digest.Sum(nil))
	switch {
	case sent != u.req.Size:
		return u.wrongSource("it has %d bytes instead of %d", sent, u.req.Size)
	case u.digest != "" && u.digest != sum:
		return u.wrongSource("its digest is not the one that was checked")
	}
	u.digest = sum
	return u.flush(ctx, f)
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

// checkSize holds the server's size against ours.
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
