package transfer

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"immtrail/registry"
)

// Expected is a delivery that is to be seen at the registry.
type Expected struct {
	Folder, Name string
	// Size in bytes and SHA256 in hex of the file that was sent.
	Size   int64
	SHA256 string
	// Acknowledged says that the upload ended without an error, as our own
	// record has it. Only then does a name that is gone mean "picked up", and
	// only then is the right size enough.
	Acknowledged bool
	// ReadBack asks for the digest too, not only for the size. A file that may
	// not be read, or is picked up meanwhile, stays confirmed by its size.
	ReadBack bool
}

// Evidence is what a delivery was recognised by.
type Evidence struct {
	// How it was seen.
	How registry.Confirmation `json:"how"`
	// Size in bytes and ModTime as the server told them (its clock, not ours);
	// not set where nothing was there any more.
	Size    int64     `json:"size,omitempty"`
	ModTime time.Time `json:"mod_time,omitzero"`
	// SHA256 in hex of what was read back.
	SHA256 string `json:"sha256,omitempty"`
	// RenamedTo is the name under which the server keeps it now.
	RenamedTo string `json:"renamed_to,omitempty"`
	// Server and HostKey are what the confirming session talked to.
	Server  string `json:"server,omitempty"`
	HostKey string `json:"host_key,omitempty"`
}

// Confirm is [Prove] for callers that want to know only how.
func Confirm(ctx context.Context, r Remote, want Expected) (registry.Confirmation, error) {
	e, err := Prove(ctx, r, want)
	return e.How, err
}

// Prove says how a delivery is seen on r, which must be another session than
// the one that uploaded. It changes nothing and may be repeated.
//
//	the record       lies there                        how
//	acknowledged     our name, right size              stat (listing, where nobody may stat; read-back, if asked for)
//	acknowledged     our name in another, right size   listing: renamed by the server (read-back, where it can be read)
//	acknowledged     nothing                           swept
//	otherwise        right size and digest             read-back, under our name or another that holds it
//	otherwise        nothing that can be proven        DeliveryUnknown
//	any              something else under our name     Conflict
//
// Further kinds are those of [Remote].
func Prove(ctx context.Context, r Remote, want Expected) (Evidence, error) {
	at := r.Capabilities()
	e := Evidence{Server: at.Server, HostKey: at.HostKey}
	seen, how, err := find(ctx, r, want)
	if err != nil {
		return Evidence{}, err
	}
	e.How, e.Size, e.ModTime = how, seen.Size, seen.ModTime
	switch {
	case !seen.Exists:
		return gone(ctx, r, want, e)
	case !seen.Regular || seen.Size != want.Size:
		return Evidence{}, registry.Errorf(registry.Conflict, opConfirm,
			"%s/%s lies at the registry with %d bytes instead of %d", want.Folder, want.Name, seen.Size, want.Size)
	case want.Acknowledged && !want.ReadBack:
		return e, nil
	}
	return readBack(ctx, r, want, e)
}

const opConfirm = "confirm"

// find looks at the name, and in the listing where looking is not allowed.
func find(ctx context.Context, r Remote, want Expected) (Seen, registry.Confirmation, error) {
	seen, err := r.Stat(ctx, want.Folder, want.Name)
	if err == nil || registry.KindOf(err) != registry.Refused {
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

// gone is a name under which nothing lies (any more).
func gone(ctx context.Context, r Remote, want Expected, e Evidence) (Evidence, error) {
	other, ok := renamed(ctx, r, want)
	if ok {
		e.How, e.RenamedTo, e.Size, e.ModTime = registry.ConfirmedByListing, other.Name, other.Size, other.ModTime
		if proven, err := readBack(ctx, r, Expected{
			Folder: want.Folder, Name: other.Name, SHA256: want.SHA256, Acknowledged: want.Acknowledged,
		}, e); err == nil {
			return proven, nil
		}
		e.RenamedTo, e.Size, e.ModTime = "", 0, time.Time{} // somebody else's after all
	}
	if want.Acknowledged {
		e.How = registry.ConfirmedSwept
		return e, nil
	}
	return Evidence{}, registry.Errorf(registry.DeliveryUnknown, opConfirm,
		"%s/%s is not at the registry, and its last step was never acknowledged", want.Folder, want.Name)
}

// renamed looks for our file under a name that the server made from ours. Our
// names are never used twice, so nobody else's holds one. A folder that cannot
// be listed has no answer.
func renamed(ctx context.Context, r Remote, want Expected) (Entry, bool) {
	list, err := r.List(ctx, want.Folder)
	if err != nil {
		return Entry{}, false
	}
	stem, _, _ := strings.Cut(want.Name, ".")
	for _, e := range list.Entries {
		if e.Size == want.Size && e.Name != want.Name+PartSuffix &&
			strings.Contains(strings.ToLower(e.Name), strings.ToLower(stem)) {
			return e, true
		}
	}
	return Entry{}, false
}

// readBack compares digests. Where the last step was acknowledged a file that
// may not be read stays confirmed by what was seen, and so does one that is
// picked up while it is read.
func readBack(ctx context.Context, r Remote, want Expected, e Evidence) (Evidence, error) {
	got, err := r.ReadBack(ctx, want.Folder, want.Name)
	cannot := err != nil && (errors.Is(err, os.ErrPermission) ||
		registry.KindOf(err) == registry.Refused || registry.KindOf(err) == registry.Missing)
	switch {
	case cannot && want.Acknowledged:
		return e, nil
	case cannot:
		return Evidence{}, registry.Errorf(registry.DeliveryUnknown, opConfirm,
			"%s/%s cannot be read back, and its last step was never acknowledged: %w", want.Folder, want.Name, err)
	case err != nil:
		return Evidence{}, err
	case got.SHA256 != want.SHA256:
		return Evidence{}, registry.Errorf(registry.Conflict, opConfirm,
			"%s/%s has our size and another digest", want.Folder, want.Name)
	}
	e.How, e.SHA256 = registry.ConfirmedByReadBack, got.SHA256
	return e, nil
}
