package transfer

import (
	"context"
	"errors"
	"os"

	"immtrail/registry"
)

// Expected is a delivery that is to be seen at the registry.
type Expected struct {
	Folder, Name string
	// Size in bytes and SHA256 in hex of the file that was sent.
	Size   int64
	SHA256 string
	// Acknowledged says that the upload ended without an error, as our own
	// record has it. Only then does a name that is gone mean "picked up".
	Acknowledged bool
	// ReadBack asks for the digest too, not only for the size.
	ReadBack bool
}

// Confirm says how a delivery is seen on r, which must be another session than
// the one that uploaded. It changes nothing and may be repeated.
//
// Kinds beside those of [Remote]: Corrupt (another size), Conflict (another
// digest, or no plain file), DeliveryUnknown (it is not to be seen and no
// upload was acknowledged).
func Confirm(ctx context.Context, r Remote, want Expected) (registry.Confirmation, error) {
	seen, how, err := find(ctx, r, want)
	if err != nil {
		return "", err
	}
	switch {
	case !seen.Exists && want.Acknowledged:
		return registry.ConfirmedSwept, nil
	case !seen.Exists:
		return "", registry.Errorf(registry.DeliveryUnknown, opConfirm,
			"%s/%s is not to be seen and its upload was never acknowledged", want.Folder, want.Name)
	case !seen.Regular:
		return "", registry.Errorf(registry.Conflict, opConfirm, "%s/%s is not a plain file", want.Folder, want.Name)
	case seen.Size != want.Size:
		return "", registry.Errorf(registry.Corrupt, opConfirm,
			"%s/%s has %d bytes at the registry, %d were sent", want.Folder, want.Name, seen.Size, want.Size)
	case !want.ReadBack:
		return how, nil
	}
	return readBack(ctx, r, want, how)
}

const opConfirm = "confirm"

// find looks at the name, and in the listing where looking is not allowed.
func find(ctx context.Context, r Remote, want Expected) (Seen, registry.Confirmation, error) {
	seen, err := r.Stat(ctx, want.Folder, want.Name)
	if !errors.Is(err, os.ErrPermission) {
		return seen, registry.ConfirmedByStat, err
	}
	list, err := r.List(ctx, want.Folder)
	if err != nil {
		return Seen{}, "", err
	}
	for _, e := range list.Entries {
		if e.Name == want.Name {
			return Seen{Exists: true, Regular: true, Size: e.Size, ModTime: e.ModTime}, registry.ConfirmedByListing, nil
		}
	}
	return Seen{}, registry.ConfirmedByListing, nil
}

// readBack compares digests. A folder that may be written and not read leaves
// it at what was seen; so does a file that is picked up while it is read.
func readBack(ctx context.Context, r Remote, want Expected, how registry.Confirmation) (registry.Confirmation, error) {
	got, err := r.ReadBack(ctx, want.Folder, want.Name)
	switch {
	case errors.Is(err, os.ErrPermission), err != nil && registry.KindOf(err) == registry.Missing:
		return how, nil
	case err != nil:
		return "", err
	case got.SHA256 != want.SHA256:
		return "", registry.Errorf(registry.Conflict, opConfirm, "%s/%s has our size and another digest", want.Folder, want.Name)
	}
	return registry.ConfirmedByReadBack, nil
}
