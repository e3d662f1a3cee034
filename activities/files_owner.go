package activities

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"immtrail/db"
	"immtrail/hl7"
	"immtrail/registry"
)

// unknownSender is the rule that a message of no known site breaks.
const unknownSender = "M-08.sender"

// mostFacilities bounds the identifiers that one file is asked after; a file of
// one practice names a few.
const mostFacilities = 1000

// foreign refuses a file of which no message names this practice and some name
// another one: it lies in the wrong outbox, and whose it is is not guessed. Kind
// NotAllowed, with the practices and what to do.
func (a *Files) foreign(ctx context.Context, file db.File, checked db.CheckResult) error {
	unknown := 0
	for _, c := range checked.Counts {
		if c.Rule == unknownSender {
			unknown = c.Count
		}
	}
	if unknown == 0 || unknown < checked.Summary.Messages {
		return nil // what names nobody known is held back message by message
	}
	src, err := a.Vault.Open(ctx, file.VaultKey)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read from
	named, err := facilities(src)
	if err != nil {
		return err
	}
	owners, err := a.DB.FacilityOwners(ctx, named)
	if err != nil {
		return err
	}
	owners = slices.DeleteFunc(owners, func(id string) bool { return id == file.Practice })
	if len(owners) == 0 {
		return nil
	}
	return registry.Errorf(registry.NotAllowed, "check file",
		"no message of %s names %s (MSH-4, MSH-22), in whose outbox it lay; they name %s: put the file into that outbox and drop it here, "+
			"or, if it is of a site of %s, add the site's facility and try again",
		file.ID, file.Practice, strings.Join(owners[:min(len(owners), 5)], ", "), file.Practice)
}

// facilities are the distinct identifiers by which the messages of a file name
// their sender, in MSH-4 and MSH-22.
func facilities(src io.Reader) ([]string, error) {
	seen := map[string]bool{}
	reader := hl7.NewReader(src, hl7.Limits{})
	for len(seen) < mostFacilities {
		u, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, registry.Errorf(readKind(err), "check file", "reading the file: %w", err)
		}
		if u.Kind != hl7.KindMessage {
			continue
		}
		msh := u.Segment("MSH")
		for _, field := range [...]int{4, 22} {
			for _, part := range [...]int{10, 3, 2, 1} {
				if id := msh.Component(field, part); !hl7.Empty(id) && len(id) <= 200 {
					seen[string(id)] = true
				}
			}
		}
	}
	out := make([]string, 0, len(seen))
	for id := range seen {
		out = append(out, id)
	}
	slices.Sort(out)
	return out, nil
}
