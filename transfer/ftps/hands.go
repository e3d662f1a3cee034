package ftps

import (
	"context"
	"io"

	"immtrail/transfer"
)

// hands are what a session does for the decisions of [transfer.Attempt].
type hands struct{ *session }

var _ transfer.Hands = hands{}

// Look implements [transfer.Hands]: FTP answers one question at a time.
func (h hands) Look(ctx context.Context, paths ...string) ([]transfer.Seen, error) {
	seen := make([]transfer.Seen, len(paths))
	for i, p := range paths {
		var err error
		if seen[i], err = h.look(ctx, p); err != nil {
			return nil, err
		}
	}
	return seen, nil
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
func (h hands) Worded(_ context.Context, p, step string, err error) error {
	return fail(opUpload, kindOf(err), p+": "+step, err)
}
