package engine_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"immtrail/activities"
	"immtrail/internal/temporalconn"
	"immtrail/registry"
	"immtrail/sandbox/engine"
	"immtrail/workflows"
)

// reportWorld has one report, which nothing understands until it was taught.
type reportWorld struct {
	mu             sync.Mutex
	taught         bool
	holds, settled []string
}

func (w *reportWorld) ImportReport(context.Context, activities.ImportReportInput) (activities.ImportReportResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.taught {
		return activities.ImportReportResult{Unreadable: true, Reason: "no mapping has its columns"}, nil
	}
	return activities.ImportReportResult{Items: 3}, nil
}

func (w *reportWorld) ReconcileErrors(_ context.Context, in activities.ReconcileErrorsInput) (activities.ReconcileErrorsResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled = append(w.settled, in.ReportID)
	return activities.ReconcileErrorsResult{Opened: 1}, nil
}

func (w *reportWorld) OpenHold(_ context.Context, in activities.OpenHoldInput) (activities.Done, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.holds, in.ID) {
		w.holds = append(w.holds, in.ID)
	}
	return activities.Done{}, nil
}

func (w *reportWorld) CloseHold(context.Context, activities.CloseHoldInput) (activities.Done, error) {
	return activities.Done{}, nil
}

func (w *reportWorld) RecordProgress(context.Context, activities.RecordProgressInput) (activities.Done, error) {
	return activities.Done{}, nil
}

func (w *reportWorld) SendNotice(context.Context, activities.SendNoticeInput) (activities.SendNoticeResult, error) {
	return activities.SendNoticeResult{}, nil
}

func (w *reportWorld) open() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.holds)
}

// On a real server: a report that nothing understands waits for a person, is taken in
// by "retry" once its layout was taught, and is asked about again where it was not.
func TestReportIsTakenInOnceItsLayoutWasTaught(t *testing.T) {
	e := start(t, engine.Options{Dir: t.TempDir(), NoUI: true})
	c := dial(t, e.HostPort())
	require.NoError(t, temporalconn.EnsureSearchAttributes(t.Context(), c, "default"))
	world := &reportWorld{}
	w := worker.New(c, taskQueue, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(world)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	id := workflows.ReportQuestionID("r-1")
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: taskQueue},
		workflows.ReportQuestion, workflows.ReportQuestionInput{
			Version: 1, ReportID: "r-1", What: "report 1 of 1 on texas", Policy: registry.Policy{Patience: 1},
		})
	require.NoError(t, err)
	retry := func(nth int) {
		t.Helper()
		require.Eventually(t, func() bool { return len(world.open()) == nth }, patience, 50*time.Millisecond, "a person is asked")
		answer, err := c.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: workflows.UpdateResolveHold.Name, WaitForStage: client.WorkflowUpdateStageCompleted,
			Args: []any{workflows.ResolveHold{
				HoldID: world.open()[nth-1], Action: registry.ActionRetry, By: registry.Actor{Name: "Ana", Via: "cli"},
			}},
		})
		require.NoError(t, err)
		require.NoError(t, answer.Get(t.Context(), nil))
	}
	retry(1)
	require.Eventually(t, func() bool { return len(world.open()) == 2 }, patience, 50*time.Millisecond,
		"nobody has taught it, so it is asked about again")
	world.mu.Lock()
	world.taught = true
	world.mu.Unlock()
	retry(2)
	require.NoError(t, run.Get(t.Context(), nil))
	require.Equal(t, []string{"r-1"}, world.settled)
	record(t, c, id, "RECORD_REPORT_QUESTION")
}
