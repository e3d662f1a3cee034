package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/registry"
)

// SettlePrerequisiteInput is a person's word on one item of the checklist.
type SettlePrerequisiteInput struct {
	Scope
	Item string `json:"item"`
	// Site narrows an item that is asked of each site; empty means every site for
	// which it is open.
	Site string `json:"site,omitempty"`
	// Evidence says in words what shows that it is there; Reason waives it.
	Evidence string `json:"evidence,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Expires is the last day (YYYY-MM-DD) on which an agreement holds.
	Expires string         `json:"expires,omitempty"`
	By      registry.Actor `json:"by"`
	Key     string         `json:"key"`
}

// SettlePrerequisiteResult says what became of it. What cannot be recorded is a
// result: a person typed it and reads why.
type SettlePrerequisiteResult struct {
	Refused string `json:"refused,omitempty"`
	Changed int    `json:"changed,omitempty"`
}

// SettlePrerequisite records that an item is there, or is waived. Repeating it
// changes nothing.
func (a *Practices) SettlePrerequisite(ctx context.Context, in SettlePrerequisiteInput) (SettlePrerequisiteResult, error) {
	out, err := a.settle(ctx, in)
	return out, fail(ctx, err)
}

func (a *Practices) settle(ctx context.Context, in SettlePrerequisiteInput) (SettlePrerequisiteResult, error) {
	var out SettlePrerequisiteResult
	p, err := a.DB.Practice(ctx, in.Practice)
	if err != nil {
		return out, err
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return out, err
	}
	date := in.date(a.Clock)
	items, err := Checklist(ctx, a.DB, p, profile, date)
	if err != nil {
		return out, err
	}
	record := registry.PrerequisiteRecord{
		Key: in.Item, State: registry.PrerequisiteDone, Evidence: strings.TrimSpace(in.Evidence), Expires: in.Expires,
	}
	if record.Evidence == "" {
		record.State, record.Reason, record.Expires = registry.PrerequisiteWaived, strings.TrimSpace(in.Reason), ""
	}
	asked := slices.DeleteFunc(items, func(i registry.PrerequisiteItem) bool { return i.Key != in.Item })
	if out.Refused = settleFault(asked, in, record, inZone(date, p.Zone).Format(time.DateOnly)); out.Refused != "" {
		return out, nil
	}
	var records []registry.PrerequisiteRecord
	for _, i := range asked {
		if in.Site == i.Site || in.Site == "" && i.Stops() {
			record.Site = i.Site
			records = append(records, record)
		}
	}
	out.Changed, err = a.DB.RecordPrerequisites(ctx, in.Practice, records, a.act(in.Scope, in.Key, in.By, record.Reason))
	return out, err
}

// maxEvidence is the most that evidence has in words, in bytes.
const maxEvidence = 500

// settleFault says why a word on an item cannot be recorded, or "".
func settleFault(asked []registry.PrerequisiteItem, in SettlePrerequisiteInput, r registry.PrerequisiteRecord, today string) string {
	switch {
	case len(asked) == 0:
		return fmt.Sprintf("there is no item %q on the checklist", in.Item)
	case in.Site != "" && !slices.ContainsFunc(asked, func(i registry.PrerequisiteItem) bool { return i.Site == in.Site }):
		return fmt.Sprintf("%s is not asked of a site %q", in.Item, in.Site)
	case r.Evidence == "" && r.Reason == "":
		return `give "evidence" (what shows that it is there) or "reason" (why to go on without it)`
	case r.Evidence != "" && in.Reason != "":
		return `give "evidence" or "reason", not both`
	case len(r.Evidence) > maxEvidence:
		return fmt.Sprintf("the evidence in words: at most %d characters", maxEvidence)
	case r.State != registry.PrerequisiteDone:
		return ""
	case !asked[0].Expires && r.Expires != "":
		return in.Item + " does not end on a day: leave \"expires\" out"
	case !asked[0].Expires:
		return ""
	}
	if _, err := time.Parse(time.DateOnly, r.Expires); err != nil {
		return `when does it end? "expires": "YYYY-MM-DD"`
	}
	if r.Expires < today {
		return "it ended before today; ask for a new one"
	}
	return ""
}
