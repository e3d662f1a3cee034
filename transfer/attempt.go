package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"immtrail/registry"
)

// Hands are what a driver does for an [Attempt]; paths are whole ([Join]).
// Errors are as those of [Remote].
type Hands interface {
	// Look tells what lies under each of the paths, in their order; that nothing
	// does is no error.
	Look(ctx context.Context, paths ...string) ([]Seen, error)
	// Digest reads a file to its end, as [Remote].ReadBack does.
	Digest(ctx context.Context, path string) (Downloaded, error)
	// Delete takes a file away; that it is gone already is no error.
	Delete(ctx context.Context, path string) error
	// List is that of [Remote].
	List(ctx context.Context, folder string) (Listing, error)
	// Again opens another session like this one, to be closed by the caller.
	Again(ctx context.Context) (Hands, error)
	Close() error
	// Answered reports whether err is what the server answered: the session lives
	// then, and the server has done with what it was asked.
	Answered(err error) bool
	// Worded gives an error of a step on path its kind and its words.
	Worded(ctx context.Context, path, step string, err error) error
}

// Attempt is one upload on its way. What lies at the registry is judged here,
// once for all drivers ([Judge]); how bytes travel is theirs.
type Attempt struct {
	Hands  Hands
	Direct bool
	conn   *Connection
	Req    UploadRequest
	// Final and Part are the paths of the file and of its temporary name.
	Final, Part string
	// SHA256 of the source in hex: given, or known once it has been read.
	SHA256 string
}

// Found is what lies under both names of an upload.
type Found struct{ Final, Part Seen }

// NewAttempt checks the request. Kind Invalid.
func NewAttempt(h Hands, c *Connection, req UploadRequest) (*Attempt, error) {
	final, err := Join(req.Folder, req.Name)
	if err != nil {
		return nil, err
	}
	if req.Size < 0 || req.Source == nil {
		return nil, registry.Errorf(registry.Invalid, opUpload, "%s: a size and a source are needed", final)
	}
	return &Attempt{Hands: h, conn: c, Direct: c.Direct(), Req: req, Final: final, Part: final + PartSuffix, SHA256: req.SHA256}, nil
}

// Look asks for both names.
func (a *Attempt) Look(ctx context.Context) (Found, error) { return a.look(ctx, a.Hands) }

func (a *Attempt) look(ctx context.Context, h Hands) (Found, error) {
	seen, err := h.Look(ctx, a.Final, a.Part)
	if err != nil {
		return Found{}, err
	}
	return Found{Final: seen[0], Part: seen[1]}, nil
}

// Begin looks before anything is sent. It is done when an earlier attempt had
// delivered the file; else the file is to be sent (again). Kinds Conflict and
// DeliveryUnknown, and those of Hands.
func (a *Attempt) Begin(ctx context.Context) (found Found, done bool, err error) {
	if found, err = a.Look(ctx); err != nil || (!found.Final.Exists && !a.Req.MayBeThere) {
		return found, false, err
	}
	// Size alone is believed only when our own record says that the last step was
	// taken and the temporary name agrees.
	sight := Sight{Part: found.Part.Exists, Tried: a.Req.MayBeThere, Expected: a.Req.MayBeThere && !found.Part.Exists}
	if err := a.see(ctx, a.Hands, found, &sight); err != nil {
		return found, false, err
	}
	switch Judge(sight) {
	case OutcomeDelivered, OutcomeRenamed:
		if found.Part.Exists {
			_ = a.Hands.Delete(ctx, a.Part) // the rest of an attempt that is of no use now
		}
		return found, true, nil
	case OutcomeNotDone:
		return found, false, nil
	case OutcomeConflict:
		return found, false, a.conflict(sight)
	case OutcomeUnknown, OutcomeSwept: // swept needs an acknowledgement, which there is none of
	}
	return found, false, a.unknown("an earlier attempt reached its last step")
}

// see compares what was found with our file.
func (a *Attempt) see(ctx context.Context, h Hands, found Found, s *Sight) (err error) {
	if found.Final.Exists {
		s.Final, err = a.compare(ctx, h, a.Final, found.Final)
		return err
	}
	if s.Part || !s.Tried {
		return nil // it cannot lie under another name
	}
	for _, other := range likeOurs(ctx, h, Expected{Folder: a.Req.Folder, Name: a.Req.Name, Size: a.Req.Size}) {
		p, err := a.conn.Listed(a.Req.Folder, other.Name)
		if err != nil {
			continue // no name that could be asked for
		}
		match, err := a.compare(ctx, h, p, Seen{Exists: true, Regular: true, Size: other.Size})
		if err != nil && !h.Answered(err) {
			return err
		}
		if s.Other = max(s.Other, match); s.Other == MatchDigest {
			return nil
		}
	}
	return nil
}

// compare reads back what lies under a path and holds it against the source.
func (a *Attempt) compare(ctx context.Context, h Hands, p string, seen Seen) (Match, error) {
	if !seen.Regular || seen.Size > a.Req.Size || (seen.Size < a.Req.Size && !a.Direct) {
		return MatchOther, nil
	}
	theirs, err := h.Digest(ctx, p)
	switch {
	case err != nil && CannotRead(err) && seen.Size == a.Req.Size:
		return MatchSize, nil
	case err != nil:
		return MatchOther, err
	}
	ours, err := a.digestOf(theirs.Size)
	switch {
	case err != nil:
		return MatchOther, err
	case ours != theirs.SHA256:
		return MatchOther, nil
	case theirs.Size < a.Req.Size:
		return MatchBeginning, nil
	}
	a.SHA256 = ours
	return MatchDigest, nil
}

// CannotRead reports whether a file cannot be read back for a reason that says
// nothing against it: drop folders may be write-only, and a registry may pick a
// file up while we look at it.
func CannotRead(err error) bool {
	return errors.Is(err, os.ErrPermission) || registry.KindOf(err) == registry.Missing
}

// digestOf is the digest of the first n bytes of the source.
func (a *Attempt) digestOf(n int64) (string, error) {
	if n == a.Req.Size && a.SHA256 != "" {
		return a.SHA256, nil
	}
	src, err := a.Req.Source()
	if err != nil {
		return "", registry.Errorf(registry.KindOf(err), opUpload, "opening our file: %w", err)
	}
	defer func() { _ = src.Close() }() // only read from
	digest := sha256.New()
	if _, err := io.CopyN(digest, src, n); err != nil {
		return "", registry.Errorf(registry.KindOf(err), opUpload, "reading our file: %w", err)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// Announce tells the caller that the file is about to appear.
func (a *Attempt) Announce(ctx context.Context) error {
	if a.Req.BeforePublish == nil {
		return nil
	}
	if err := a.Req.BeforePublish(ctx); err != nil {
		return registry.Errorf(registry.KindOf(err), opUpload, "recording that the file is about to be renamed: %w", err)
	}
	return nil
}

// StillFree judges what lies under the final name right before the last step.
// It is never replaced; when it is our file byte for byte, an earlier attempt
// had delivered it.
func (a *Attempt) StillFree(ctx context.Context, final Seen) (already bool, err error) {
	if !final.Exists {
		return false, nil
	}
	sight := Sight{}
	if sight.Final, err = a.compare(ctx, a.Hands, a.Final, final); err != nil {
		return false, err
	}
	if Judge(sight) != OutcomeDelivered {
		return false, a.conflict(sight)
	}
	return true, nil
}

// Settle decides what became of the last step after it returned an error, by
// looking: the step may have happened although its answer was lost, and servers
// word a repeat differently. Without an error the file is delivered.
func (a *Attempt) Settle(ctx context.Context, cause error) error {
	h := a.Hands
	if !h.Answered(cause) {
		fresh, err := h.Again(ctx)
		if err != nil {
			return a.unclear(ctx, errors.Join(cause, err))
		}
		defer func() { _ = fresh.Close() }() // only looked with it; left properly even when time is up
		h = fresh
	}
	found, err := a.look(ctx, h)
	if err != nil {
		return a.unclear(ctx, errors.Join(cause, err))
	}
	// The name was free right before, so that what has come is ours.
	sight := Sight{Part: found.Part.Exists, Tried: true, Expected: !found.Part.Exists}
	if err := a.see(ctx, h, found, &sight); err != nil {
		return a.unclear(ctx, errors.Join(cause, err))
	}
	switch Judge(sight) {
	case OutcomeDelivered, OutcomeRenamed, OutcomeSwept:
		return nil
	case OutcomeConflict:
		return a.conflict(sight)
	case OutcomeNotDone:
		if found.Part.Exists && h.Answered(cause) {
			_ = h.Delete(ctx, a.Part) // refused for good; a repeat begins again
		}
		return a.Hands.Worded(ctx, a.Final, a.lastStep(), cause)
	case OutcomeUnknown:
	}
	return a.unknown("the answer to its last step was: " + a.Hands.Worded(ctx, a.Final, a.lastStep(), cause).Error())
}

func (a *Attempt) lastStep() string {
	if a.Direct {
		return "close"
	}
	return "rename"
}

func (a *Attempt) conflict(s Sight) error {
	if s.Final == MatchSize {
		return registry.Errorf(registry.Conflict, opUpload, "%s is there already, with the right size, and cannot be read to compare it", a.Final)
	}
	return registry.Errorf(registry.Conflict, opUpload, "%s is there already and is a different file; it was not touched", a.Final)
}

// unclear is the error when nobody could look. A caller that records the last
// step may come back, and says then that the file may be there; for any other
// caller sending again would be a guess.
func (a *Attempt) unclear(ctx context.Context, cause error) error {
	err := a.Hands.Worded(ctx, a.Final, "the last step was not answered and nobody could look", cause)
	if a.Req.BeforePublish != nil {
		return registry.Errorf(registry.Transient, opUpload, "%w", err)
	}
	return a.unknown(err.Error())
}

func (a *Attempt) unknown(why string) error {
	return registry.Errorf(registry.DeliveryUnknown, opUpload,
		"%s is not to be seen; it was picked up or got lost (%s)", a.Final, why)
}

// WrongSize is Corrupt: the server holds another number of bytes.
func (a *Attempt) WrongSize(p string, size int64) error {
	return registry.Errorf(registry.Corrupt, opUpload, "%s: the server has %d bytes of %d", p, size, a.Req.Size)
}

// Written holds what lies under a path against what was sent, before the last
// step: no answer of a server is believed alone. Kind Corrupt.
func (a *Attempt) Written(p string, seen Seen) error {
	switch {
	case !seen.Exists:
		return registry.Errorf(registry.Corrupt, opUpload, "%s is gone before it was renamed", p)
	case seen.Size != a.Req.Size:
		return a.WrongSize(p, seen.Size)
	}
	return nil
}

// Uploaded is the result: already says that an earlier attempt had delivered
// the file. It is empty with an error.
func (a *Attempt) Uploaded(already bool, err error) (Uploaded, error) {
	if err != nil {
		return Uploaded{}, err
	}
	return Uploaded{Bytes: a.Req.Size, SHA256: a.SHA256, Renamed: !already && !a.Direct, AlreadyThere: already}, nil
}
