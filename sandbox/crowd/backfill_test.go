package crowd_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// A backfill of a Schedule drives the submissions of days that are not today's: each
// happens at its own date, on the clock of the practice's zone, over both changes of
// the clocks.
func TestABackfillDrivesTheDays(t *testing.T) {
	w := newWorld(t, 1)
	chicago, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	const id = "sunrise"
	w.enrolIn(t, id, 0, registry.PhaseTesting, nil)
	act := db.Act{Key: "on", By: registry.System, At: time.Now()}
	require.NoError(t, w.store.SetSubmission(t.Context(), id, registry.SubmissionOn, act))
	schedules := &activities.Schedules{Client: w.temporal, TaskQueue: w.cfg.Temporal.TaskQueue}
	_, err = schedules.EnsureSchedules(t.Context(), activities.EnsureSchedulesInput{
		Scope: activities.Scope{Practice: id}, Connection: "to-" + id, Zone: chicago.String(), Policy: w.profile.Policy,
		Cadence: &registry.Cadence{Every: registry.CadenceDaily, At: []string{"18:30"}, Zone: chicago.String()},
		Paused:  true, Nominal: true,
	})
	require.NoError(t, err)
	drive := func(from, to time.Time) {
		require.NoError(t, w.temporal.ScheduleClient().GetHandle(t.Context(), activities.CycleScheduleID(id)).Backfill(t.Context(),
			client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{
				{Start: from, End: to, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL},
			}}))
	}

	var want []time.Time
	var begun []string
	for _, begin := range []time.Time{
		time.Date(2027, time.March, 12, 0, 0, 0, 0, chicago),   // the 14th has 23 hours
		time.Date(2027, time.November, 5, 0, 0, 0, 0, chicago), // the 7th has 25
	} {
		for n := range 5 {
			day := begin.AddDate(0, 0, n)
			w.exportOn(t, id, day)
			drive(day, day.AddDate(0, 0, 1))
			due := time.Date(day.Year(), day.Month(), day.Day(), 18, 30, 0, 0, chicago).UTC()
			want, begun = append(want, due), append(begun, fmt.Sprintf("cycle/%s-%s", id, due.Format(time.RFC3339)))
			w.until(t, id, len(want))
		}
	}
	require.Equal(t, []int{0, 23}, []int{want[1].Hour(), want[2].Hour()}, "summer time begins on the third day")
	t.Run("each day's file is dated by its own day", func(t *testing.T) {
		require.Equal(t, want, w.dates(t, `select staged_at from files order by 1`))
		require.Equal(t, want, w.dates(t, `select confirmed_at from deliveries order by 1`))
	})
	t.Run("one submission for each day, each known by its day", func(t *testing.T) {
		w.finds(t, "WorkflowType = 'SubmissionCycle' AND ExecutionStatus = 'Completed'", begun...)
	})
}

// exportOn is the file that an EHR writes on a day.
func (w *world) exportOn(t *testing.T, id string, day time.Time) {
	t.Helper()
	w.seed++
	var b bytes.Buffer
	gen := hl7gen.New(w.seed, hl7gen.Options{
		OrgCode: orgCode(0), Now: day.Add(17 * time.Hour), Prescribers: []string{"1234567893"},
		ProcessingID: w.profile.Message.ProcessingID(registry.LaneTest),
	})
	_, err := gen.Batch(&b, hl7gen.BatchOptions{Messages: 1})
	require.NoError(t, err)
	path := filepath.Join(w.cfg.Outbox.Dir, id, string(registry.LaneTest), day.Format(time.DateOnly)+".hl7")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, old, old))
}

// dates are to the half hour, since a step takes its moments.
func (w *world) dates(t *testing.T, sql string) []time.Time {
	t.Helper()
	rows, err := w.sql.Query(t.Context(), sql)
	require.NoError(t, err)
	defer rows.Close()
	var all []time.Time
	for rows.Next() {
		var at time.Time
		require.NoError(t, rows.Scan(&at))
		all = append(all, at.UTC().Truncate(30*time.Minute))
	}
	require.NoError(t, rows.Err())
	return all
}
