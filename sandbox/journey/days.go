package journey

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"immtrail/activities"
	"immtrail/registry"
)

const (
	// begun is the act that notes until when the Schedule's days were begun. That is
	// done late in the evening in Texas, when the day's submission is due.
	begun   = "days were begun"
	day     = 24 * time.Hour
	evening = 3 * time.Hour // of the next day in UTC
	// exportAge is how old the doses of an export are in a play of years: a submission is
	// dated by its Schedule, and begins some hours, and a machine's moments, later.
	exportAge = 2 * day
	// slack is how far from a person's change of the cadence a day may be of the old or
	// of the new one.
	slack = 2 * day
)

// beginDays begins what the Schedule has between the last time and now: in a play of
// years its dates and hours, in the practice's zone, are those of the calendar, which
// Temporal's own clock does not know.
func (p *player) beginDays(ctx context.Context) error {
	if !p.stage.Calendar().Backfilled {
		return nil
	}
	until := p.today().Add(-evening).Truncate(day).Add(evening)
	from, there := p.journal.done(begun)
	if !there {
		return p.journal.did(begun, until)
	}
	if !until.After(from) {
		return nil
	}
	err := p.stage.Temporal().ScheduleClient().GetHandle(ctx, activities.CycleScheduleID(p.practice.ID)).Backfill(ctx,
		client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{
			Start: from.Add(time.Second), End: until, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
		}}})
	var none *serviceerror.NotFound
	if err != nil && !errors.As(err, &none) {
		return err
	}
	return p.journal.did(begun, until)
}

// exportDate is the date of an export that is written now.
func (p *player) exportDate() time.Time {
	if p.stage.Calendar().Backfilled {
		return p.today().Add(-exportAge)
	}
	return p.today()
}

// Exports count what an EHR wrote into outboxes.
type Exports struct {
	Files, Messages int
	// Wrong are messages that the registry is to refuse.
	Wrong int
}

// Exports are those of the practice of a play of years.
func (j *Journey) Exports() Exports {
	var e Exports
	for _, lane := range registry.Lanes() {
		for _, d := range j.players[0].journal.of(lane) {
			e.Files++
			e.Messages += d.Script.Messages
			e.Wrong += len(d.Script.Defects)
		}
	}
	return e
}

// Practice is the one of a play of years.
func (j *Journey) Practice() registry.Practice { return j.players[0].practice }

// Rare says of a day of a play of years that its submission was weekly then. near says
// that a person changed the cadence at about that time.
func (j *Journey) Rare(day time.Time) (rare, near bool) {
	from, was := j.players[0].journal.done(weekly)
	until, over := j.players[0].journal.done(daily)
	around := func(at time.Time) bool { return day.Sub(at).Abs() < slack }
	return was && day.After(from) && (!over || day.Before(until)), was && around(from) || over && around(until)
}
