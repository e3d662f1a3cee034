package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"immtrail/db"
	"immtrail/registry"
)

// ScheduleState is how a practice's submission schedule stands at the server.
type ScheduleState string

// The states of a schedule.
const (
	ScheduleRuns   ScheduleState = "runs"
	SchedulePaused ScheduleState = "paused"
	ScheduleGone   ScheduleState = "gone"
)

// ScheduleAt asks the server that c speaks to. It fails with kind transient where
// the server gives no answer.
func ScheduleAt(c client.Client) func(ctx context.Context, practice string) (ScheduleState, error) {
	return func(ctx context.Context, practice string) (ScheduleState, error) {
		got, err := c.ScheduleClient().GetHandle(ctx, CycleScheduleID(practice)).Describe(ctx)
		var gone *serviceerror.NotFound
		switch {
		case errors.As(err, &gone):
			return ScheduleGone, nil
		case err != nil:
			return "", scheduleError("schedule describe", err)
		case got.Schedule.State != nil && got.Schedule.State.Paused:
			return SchedulePaused, nil
		}
		return ScheduleRuns, nil
	}
}

// unscheduled adds the incident of a practice that is to send files and whose
// schedule somebody paused or deleted at the server itself, where nobody is asked
// for a name and a reason: nothing would be sent, and no pause would be known of.
func (a *Watches) unscheduled(ctx context.Context, cal registry.Calendar, f db.WatchFacts, seeds []db.IncidentSeed) ([]db.IncidentSeed, error) {
	if a.Schedule == nil || f.Phase != registry.PhaseProduction || f.Submission != registry.SubmissionOn {
		return seeds, nil
	}
	state, err := a.Schedule(ctx, f.Practice)
	// A pause of one whose days are begun by backfills is how it is meant.
	if err != nil || state == ScheduleRuns || state == SchedulePaused && cal.Backfilled {
		return seeds, err
	}
	return append(seeds, db.IncidentSeed{
		Kind: IncidentNoSchedule,
		Words: fmt.Sprintf("Submission is on, but its schedule (%s) is %s at the Temporal server, so that nothing is sent. To set it going: starter submission resume %s --reason \"…\". If it is meant: starter submission pause %s --reason \"…\"",
			CycleScheduleID(f.Practice), state, f.Practice, f.Practice),
	}), nil
}
