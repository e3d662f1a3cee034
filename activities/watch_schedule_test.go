package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

// A pause in the Temporal Web UI asks nobody for a name: without this look, nothing
// would be sent for weeks until the registry's limit is near.
func TestLookAtPracticeSeesItsSchedule(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	begin := b.now
	state := activities.ScheduleRuns
	require.NoError(t, b.db.SetSubmission(t.Context(), "sunrise", registry.SubmissionOn, b.act("on")))
	w := &activities.Watches{
		DB: b.db, Profiles: b, Clock: func() time.Time { return b.now },
		Schedule: func(_ context.Context, practice string) (activities.ScheduleState, error) {
			require.Equal(t, "sunrise", practice)
			return state, nil
		},
	}
	b.delivered(t, 1, registry.LaneProduction, 2)
	look := func(t *testing.T, day int) activities.LookResult {
		t.Helper()
		b.now = begin.AddDate(0, 0, day)
		got, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: b.profile.Policy})
		require.NoError(t, err)
		return got
	}
	require.Empty(t, look(t, 1).Opened)

	state = activities.SchedulePaused
	paused := look(t, 2)
	require.Equal(t, []string{activities.IncidentNoSchedule}, kinds(paused.Opened))
	require.Equal(t, `Submission is on, but its schedule (cycle-sunrise) is paused at the Temporal server, so that nothing is sent. `+
		`To set it going: starter submission resume sunrise --reason "…". If it is meant: starter submission pause sunrise --reason "…"`,
		words(paused, activities.IncidentNoSchedule))
	require.Empty(t, look(t, 3).Opened, "told once")
	state = activities.ScheduleGone
	require.Empty(t, look(t, 4).Opened, "it is the same trouble")

	state = activities.ScheduleRuns
	require.Equal(t, []string{activities.IncidentNoSchedule}, kinds(look(t, 5).Closed))

	state = activities.SchedulePaused
	driven := scope()
	driven.Calendar.Backfilled = true
	got, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: driven, Policy: b.profile.Policy})
	require.NoError(t, err)
	require.Empty(t, got.Opened, "one whose days are begun by backfills is paused as it is meant")
	must(t, b.practices.SetSubmission, activities.SetSubmissionInput{
		Scope: scope(), State: registry.SubmissionPaused, By: maria, Reason: "new EHR", Key: "pause/1",
	})
	require.Empty(t, look(t, 6).Opened, "a pause with a reason is known")
}
