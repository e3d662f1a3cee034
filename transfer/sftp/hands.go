package sftp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path"

	"github.com/pkg/sftp"

	"immtrail/transfer"
)

// hands are what a session does for the decisions of [transfer.Attempt].
type hands struct{ *session }

var _ transfer.Hands = hands{}

// Look implements [transfer.Hands]: small files live on round trips, so all
// names are asked for at once.
func (h hands) Look(ctx context.Context, paths ...string) ([]transfer.Seen, error) {
	seen, errs := make([]transfer.Seen, len(paths)), make([]error, len(paths))
	asks := make([]func(), len(paths))
	for i, p := range paths {
		asks[i] = func() { seen[i], errs[i] = h.look(ctx, p) }
	}
	h.requests.together(asks...)
	return seen, cmp.Or(errs...)
}

// Digest implements [transfer.Hands].
func (h hands) Digest(ctx context.Context, p string) (transfer.Downloaded, error) {
	return h.download(ctx, p, io.Discard)
}

// Delete implements [transfer.Hands].
func (h hands) Delete(ctx context.Context, p string) error { return h.remove(ctx, p) }

// Again implements [transfer.Hands].
func (h hands) Again(ctx context.Context) (transfer.Hands, error) {
	s, err := dial(ctx, h.c)
	if err != nil {
		return nil, err
	}
	return hands{s}, nil
}

// Answered implements [transfer.Hands].
func (h hands) Answered(err error) bool { return answered(err) }

// Worded implements [transfer.Hands].
func (h hands) Worded(ctx context.Context, p, step string, err error) error {
	err = h.whyFailure(ctx, path.Dir(p), err)
	return fail(opUpload, kindOf(err), p+": "+step, err)
}

// answered reports whether the server spoke: the session is alive then, and
// the error is its own.
func answered(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// statusOf is the SFTP status code in err, or nil.
func statusOf(err error) error {
	var status *sftp.StatusError
	if errors.As(err, &status) {
		return status.FxCode()
	}
	return nil
}
