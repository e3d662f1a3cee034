package transfer

import (
	"context"
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
// the one that uploaded. It changes nothing and may be repeated. What was seen
// is judged as in an upload ([Judge]).
//
//	the record       lies there                        how
//	acknowledged     our name, right size              stat (listing, where nobody may stat; read-back, if asked for)
//	acknowledged     our name in another, right size   listed-renamed: by the server (with its digest, where it can be read)
//	acknowledged     nothing                           swept
//	otherwise        right size and digest             read-back under our name, listed-renamed under another that holds it
//	otherwise        nothing that can be proven        DeliveryUnknown
//	any              something else under our name     Conflict
//
// Further kinds are those of [Remote].
func Prove(ctx context.Context, r Remote, want Expected) (Evidence, error) {
	at := r.Capabilities()
	e := Evidence{Server: at.Server, HostKey: at.HostKey}
	s := Sight{Tried: true, Acknowledged: want.Acknowledged, Expected: want.Acknowledged}
	seen, how, err := find(ctx, r, want)
	if err != nil {
		return Evidence{}, err
	}
	if seen.Exists {
		e.How, e.Size, e.ModTime = how, seen.Size, seen.ModTime
		err = e.under(ctx, r, want, seen, &s)
	} else {
		err = e.elsewhere(ctx, r, want, &s)
	}
	if err != nil {
		return Evidence{}, err
	}
	switch Judge(s) {
	case OutcomeDelivered:
		return e, nil
	case OutcomeRenamed:
		e.How = registry.ConfirmedRenamed
		return e, nil
	case OutcomeSwept:
		e.How = registry.ConfirmedSwept
		return e, nil
	case OutcomeConflict:
		return Evidence{}, registry.Errorf(registry.Conflict, opConfirm,
			"%s/%s lies at the registry with %d bytes (ours has %d) and is a different file", want.Folder, want.Name, seen.Size, want.Size)
	case OutcomeUnknown, OutcomeNotDone:
	}
	why := "is not at the registry"
	if s.Final == MatchSize {
		why = "cannot be read back"
	}
	return Evidence{}, registry.Errorf(registry.DeliveryUnknown, opConfirm,
		"%s/%s %s, and its last step was never acknowledged", want.Folder, want.Name, why)
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

// under compares what lies under our name. A file that may not be read, or is
// picked up while it is read, stays seen by its size.
func (e *Evidence) under(ctx context.Context, r Remote, want Expected, seen Seen, s *Sight) error {
	if !seen.Regular || seen.Size != want.Size {
		s.Final = MatchOther
		return nil
	}
	s.Final = MatchSize
	if want.Acknowledged && !want.ReadBack {
		return nil
	}
	match, err := e.readBack(ctx, r, want.Folder, want.Name, want.SHA256)
	if match == MatchDigest {
		e.How = registry.ConfirmedByReadBack
	}
	s.Final = match
	return err
}

// elsewhere looks for our file under a name that the server made of ours.
func (e *Evidence) elsewhere(ctx context.Context, r Remote, want Expected, s *Sight) error {
	for _, other := range likeOurs(ctx, r, want) {
		match, err := e.readBack(ctx, r, want.Folder, other.Name, want.SHA256)
		if err != nil {
			return err
		}
		if match == MatchDigest || (match == MatchSize && want.Acknowledged) {
			s.Other, e.RenamedTo, e.Size, e.ModTime = match, other.Name, other.Size, other.ModTime
			return nil
		}
	}
	return nil
}

// readBack compares digests.
func (e *Evidence) readBack(ctx context.Context, r Remote, folder, name, digest string) (Match, error) {
	got, err := r.ReadBack(ctx, folder, name)
	switch {
	case err != nil && (CannotRead(err) || registry.KindOf(err) == registry.Refused):
		return MatchSize, nil
	case err != nil:
		return MatchOther, err
	case got.SHA256 != digest:
		return MatchOther, nil
	}
	e.SHA256 = got.SHA256
	return MatchDigest, nil
}

// lister lists a folder.
type lister interface {
	List(ctx context.Context, folder string) (Listing, error)
}

// likeOurs are files of our size under names that hold ours. Our names are never
// used twice, so nobody else's holds one. A folder that cannot be listed has no
// answer.
func likeOurs(ctx context.Context, r lister, want Expected) []Entry {
	list, err := r.List(ctx, want.Folder)
	if err != nil {
		return nil
	}
	stem, _, _ := strings.Cut(want.Name, ".")
	var like []Entry
	for _, e := range list.Entries {
		if e.Size == want.Size && e.Name != want.Name && e.Name != want.Name+PartSuffix &&
			strings.Contains(strings.ToLower(e.Name), strings.ToLower(stem)) {
			like = append(like, e)
		}
	}
	return like
}
