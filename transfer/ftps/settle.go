package ftps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"immtrail/registry"
	"immtrail/transfer"
)

// names is what lies under both names of an upload.
type names struct{ final, part transfer.Seen }

func (u *upload) look(ctx context.Context, s *session) (names, error) {
	var n names
	var err error
	if n.final, err = s.look(ctx, u.final); err != nil {
		return n, err
	}
	n.part, err = s.look(ctx, u.part)
	return n, err
}

// verdict is what a file under our name turns out to be.
type verdict int

const (
	other      verdict = iota // somebody else's, or a rest that is not ours
	same                      // ours, byte for byte
	beginning                 // the first bytes of ours
	unreadable                // of our size, and cannot be read (any more)
)

// compare reads back what lies under the final name and holds it against the
// source.
func (u *upload) compare(ctx context.Context, s *session, seen transfer.Seen) (verdict, error) {
	if !seen.Regular || seen.Size > u.req.Size || (seen.Size < u.req.Size && !s.c.Direct()) {
		return other, nil
	}
	theirs, err := s.download(ctx, u.final, io.Discard)
	switch {
	case err != nil && cannotRead(err) && seen.Size == u.req.Size:
		return unreadable, nil
	case err != nil:
		return other, err
	}
	ours, err := u.digestOf(theirs.Size)
	switch {
	case err != nil:
		return other, err
	case ours != theirs.SHA256:
		return other, nil
	case theirs.Size < u.req.Size:
		return beginning, nil
	}
	u.digest = ours
	return same, nil
}

// cannotRead: drop folders may be write-only, and a registry may pick a file up
// while we look at it.
func cannotRead(err error) bool {
	return errors.Is(err, os.ErrPermission) || registry.KindOf(err) == registry.Missing
}

// digestOf is the digest of the first n bytes of the source.
func (u *upload) digestOf(n int64) (string, error) {
	if n == u.req.Size && u.digest != "" {
		return u.digest, nil
	}
	src, err := u.req.Source()
	if err != nil {
		return "", fail(opUpload, registry.KindOf(err), "opening our file", err)
	}
	defer func() { _ = src.Close() }() // only read from
	digest := sha256.New()
	if _, err := io.CopyN(digest, src, n); err != nil {
		return "", fail(opUpload, registry.KindOf(err), "reading our file", err)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// alreadyThere decides about a file that lay under the final name before
// anything was sent. It is done when the file is ours; it is to be sent (again)
// when the beginning of ours lies there, which happens in direct mode.
func (u *upload) alreadyThere(ctx context.Context, found names) (done bool, err error) {
	v, err := u.compare(ctx, u.s, found.final)
	if err != nil {
		return false, err
	}
	// Size alone is believed only when our own record says that the last step
	// was taken and the temporary name agrees.
	if v == same || (v == unreadable && u.req.MayBeThere && !found.part.Exists) {
		if found.part.Exists {
			_ = u.s.remove(ctx, u.part) // the rest of an attempt that is of no use now
		}
		return true, nil
	}
	if v == beginning {
		return false, nil
	}
	return false, u.conflict(v)
}

func (u *upload) conflict(v verdict) error {
	if v == unreadable {
		return registry.Errorf(registry.Conflict, opUpload, "%s is there already, with the right size, and cannot be read to compare it", u.final)
	}
	return registry.Errorf(registry.Conflict, opUpload, "%s is there already and is a different file; it was not touched", u.final)
}

// settle decides what became of the last step (rename, or close in direct
// mode) after it returned an error, by looking at both names: the step may have
// happened although its answer was lost, and servers word a repeat differently.
//
//	final   .part   what happened
//	ours    any     delivered
//	other   any     conflict
//	none    there   the step did not happen: the error stands
//	none    none    picked up, or lost: nobody can tell
func (u *upload) settle(ctx context.Context, cause error) error {
	s := u.s
	if !answered(cause) {
		fresh, err := dial(ctx, u.s.c)
		if err != nil {
			return u.unclear(errors.Join(quoted(cause), err))
		}
		defer func() { _ = fresh.Close() }() // only looked with it
		s = fresh
	}
	found, err := u.look(ctx, s)
	if err != nil {
		return u.unclear(errors.Join(quoted(cause), err))
	}
	if found.final.Exists {
		v, err := u.compare(ctx, s, found.final)
		switch {
		case err != nil:
			return u.unclear(errors.Join(quoted(cause), err))
		case v == same, v == unreadable: // its size is ours and it came in this moment
			return nil
		case v == beginning:
			return fail(opUpload, kindOf(cause), u.final, cause)
		}
		return u.conflict(v)
	}
	if !found.part.Exists {
		return u.unknown("the answer to its last step was: " + quoted(cause).Error())
	}
	if answered(cause) {
		_ = s.remove(ctx, u.part) // refused for good; a repeat begins again
	}
	return fail(opUpload, kindOf(cause), u.final+": last step", cause)
}

// unclear is the error when nobody could look. A caller that records the last
// step may come back, and says then that the file may be there; for any other
// caller sending again would be a guess.
func (u *upload) unclear(cause error) error {
	if u.req.BeforePublish != nil {
		return fail(opUpload, registry.Transient, u.final+": the last step was not answered and nobody could look", cause)
	}
	return u.unknown("the last step was not answered and nobody could look: " + quoted(cause).Error())
}

func (u *upload) unknown(why string) error {
	return registry.Errorf(registry.DeliveryUnknown, opUpload,
		"%s is not to be seen; it was picked up or got lost (%s)", u.final, why)
}
