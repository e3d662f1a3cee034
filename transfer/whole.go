package transfer

import (
	"context"

	"immtrail/registry"
)

// Whole downloads what lies under a path: it looks before and after, so that a
// file that is still written, was replaced or came in another size is no
// success. out copies a file that was said to have so many bytes and stops when
// more come. Kinds Missing and Corrupt, and those of look and out.
func Whole(
	ctx context.Context, p string,
	look func(ctx context.Context, path string) (Seen, error),
	out func(ctx context.Context, size int64) (Downloaded, error),
) (Downloaded, error) {
	const op = "download"
	before, err := look(ctx, p)
	if err != nil {
		return Downloaded{}, err
	}
	if !before.Exists || !before.Regular {
		return Downloaded{}, registry.Errorf(registry.Missing, op, "%s: no such file", p)
	}
	got, err := out(ctx, before.Size)
	if err != nil {
		return Downloaded{}, err
	}
	after, err := look(ctx, p)
	if err != nil {
		return Downloaded{}, err
	}
	if after.Size != before.Size || !after.ModTime.Equal(before.ModTime) || !after.Exists || got.Size != before.Size {
		return Downloaded{}, registry.Errorf(registry.Corrupt, op,
			"%s: %d bytes came, the server said %d before and %d after; it may still be written", p, got.Size, before.Size, after.Size)
	}
	return got, nil
}
