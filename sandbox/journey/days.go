package journey

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/sandbox/engine"
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

// askedAgainAfter is after how many looks a day that has not begun is asked for once
// more: a Schedule may lose what it is told in the moment in which it continues as new.
const askedAgainAfter = 40

// asking is what the Schedule was last asked to begin.
type asking struct {
	until time.Time
	looks int
}

// beginDays begins what the Schedule has between the last time and now: in a play of
// years its dates and hours, in the practice's zone, are those of the calendar, which
// Temporal's own clock does not know. The next days are asked for when all of these have
// begun.
func (p *player) beginDays(ctx context.Context) error {
	if !p.stage.Calendar().Backfilled {
		return nil
	}
	from, there := p.journal.done(begun)
	if !there {
		return p.journal.did(begun, p.lastEvening())
	}
	if p.asked.until.IsZero() {
		p.asked.until = p.lastEvening()
	}
	if !p.asked.until.After(from) {
		p.asked = asking{}
		return nil
	}
	missing, err := p.notBegun(ctx, from.Add(time.Second), p.asked.until)
	if err != nil {
		if isAway(err) {
			return nil // asked at the next look
		}
		return err
	}
	if len(missing) == 0 {
		until := p.asked.until
		p.asked = asking{}
		return p.journal.did(begun, until)
	}
	p.asked.looks++
	if p.asked.looks%askedAgainAfter != 1 {
		return nil
	}
	fills := make([]client.ScheduleBackfill, 0, len(missing))
	for _, at := range missing {
		fills = append(fills, client.ScheduleBackfill{
			Start: at.Add(-time.Second), End: at.Add(time.Second), Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
		})
	}
	return p.schedule(ctx).Backfill(ctx, client.ScheduleBackfillOptions{Backfill: fills})
}

func (p *player) schedule(ctx context.Context) client.ScheduleHandle {
	return p.stage.Temporal().ScheduleClient().GetHandle(ctx, activities.CycleScheduleID(p.practice.ID))
}

// lastEvening is the end of the last day of which the submission is due by now.
func (p *player) lastEvening() time.Time {
	return p.today().Add(-evening).Truncate(day).Add(evening)
}

// notBegun are the moments in an interval that the Schedule has and at which no
// submission was begun; none, where there is no Schedule yet.
func (p *player) notBegun(ctx context.Context, from, until time.Time) ([]time.Time, error) {
	due, err := p.stage.Temporal().WorkflowService().ListScheduleMatchingTimes(ctx, &workflowservice.ListScheduleMatchingTimesRequest{
		Namespace: engine.Namespace, ScheduleId: activities.CycleScheduleID(p.practice.ID),
		StartTime: timestamppb.New(from), EndTime: timestamppb.New(until),
	})
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var missing []time.Time
	for _, t := range due.GetStartTime() {
		at := t.AsTime()
		_, err := p.stage.Temporal().DescribeWorkflowExecution(ctx, activities.CycleID(p.practice.ID)+"-"+at.Format(time.RFC3339), "")
		switch {
		case errors.As(err, &none):
			missing = append(missing, at)
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
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
