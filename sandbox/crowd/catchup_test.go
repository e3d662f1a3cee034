package crowd_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// Nothing was submitted for ten days, and the EHR went on exporting. One backfill makes
// up for all of the days: their submissions follow each other, the first one takes what
// lies there in the order in which it was written, and no file is sent twice, whoever
// makes up for the days again.
func TestTenDaysAreMadeUpFor(t *testing.T) {
	const id, days = "sunrise", 10
	w := newWorld(t, 1)
	chicago, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	w.enrolIn(t, id, 0, registry.PhaseTesting, nil)
	act := db.Act{Key: "on", By: registry.System, At: time.Now()}
	require.NoError(t, w.store.SetSubmission(t.Context(), id, registry.SubmissionOn, act))
	schedules := &activities.Schedules{Client: w.temporal, TaskQueue: w.cfg.Temporal.TaskQueue}
	_, err = schedules.EnsureSchedules(t.Context(), activities.EnsureSchedulesInput{
		Scope: activities.Scope{Practice: id}, Connection: "to-" + id, Zone: chicago.String(), Policy: w.profile.Policy,
		Cadence: &registry.Cadence{Every: registry.CadenceDaily, At: []string{"18:30"}, Zone: chicago.String()},
		Paused:  true, // today's is not to begin by itself meanwhile
	})
	require.NoError(t, err)
	today := time.Now().In(chicago)
	begin := time.Date(today.Year(), today.Month(), today.Day()-days, 0, 0, 0, 0, chicago)
	var written, begun []string
	for n := range days {
		day := begin.AddDate(0, 0, n)
		due := time.Date(day.Year(), day.Month(), day.Day(), 18, 30, 0, 0, chicago)
		w.exportOn(t, id, day)
		data, err := os.ReadFile(filepath.Join(w.cfg.Outbox.Dir, id, string(registry.LaneTest), day.Format(time.DateOnly)+".hl7"))
		require.NoError(t, err)
		written = append(written, fmt.Sprintf("%x", sha256.Sum256(data)))
		begun = append(begun, fmt.Sprintf("cycle/%s-%s", id, due.UTC().Format(time.RFC3339)))
	}
	makeUp := func() {
		require.NoError(t, w.temporal.ScheduleClient().GetHandle(t.Context(), activities.CycleScheduleID(id)).Backfill(t.Context(),
			client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{
				{Start: begin, End: begin.AddDate(0, 0, days), Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL},
			}}))
	}
	makeUp()
	w.until(t, id, days)

	t.Run("a submission for each day, one after the other", func(t *testing.T) {
		w.finds(t, "WorkflowType = 'SubmissionCycle' AND ExecutionStatus = 'Completed'", begun...)
		runs := w.cycles(t)
		require.Len(t, runs, days)
		for n := 1; n < days; n++ {
			require.False(t, runs[n].began.Before(runs[n-1].ended), "%v", runs)
		}
	})
	t.Run("the files are taken in the order in which they were written", func(t *testing.T) {
		require.Equal(t, written, w.texts(t, `select digest from files order by substr(id, 3)::bigint`))
	})
	t.Run("each is sent once, also where the days are made up for again", func(t *testing.T) {
		makeUp()
		require.Eventually(t, func() bool { return len(w.cycles(t)) == 2*days }, patience, tick)
		require.Len(t, w.texts(t, `select remote_name from deliveries`), days)
		sent, err := os.ReadDir(filepath.Join(w.roots[id], w.profile.Folders.Test))
		require.NoError(t, err)
		require.Len(t, sent, days)
		require.Empty(t, w.list(t, "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut')"))
	})
}

type cycleRun struct{ began, ended time.Time }

// cycles are the submissions that are over, by when they began.
func (w *world) cycles(t *testing.T) []cycleRun {
	t.Helper()
	answer, err := w.temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowType = 'SubmissionCycle' AND ExecutionStatus = 'Completed'", PageSize: 100,
	})
	require.NoError(t, err)
	var runs []cycleRun
	for _, e := range answer.GetExecutions() {
		runs = append(runs, cycleRun{e.GetStartTime().AsTime(), e.GetCloseTime().AsTime()})
	}
	slices.SortFunc(runs, func(a, b cycleRun) int { return a.began.Compare(b.began) })
	return runs
}

func (w *world) texts(t *testing.T, sql string) []string {
	t.Helper()
	rows, err := w.sql.Query(t.Context(), sql)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return all
}
