package crowd_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"immtrail/registry"
	"immtrail/sandbox/nextbuild"
	"immtrail/workflows"
)

// The next build's worker takes over from one that knew sixty open practices and
// their files: its workflows have a step more. It remembers nothing, so that it
// plays every history again, and those that were open go on without the step; that
// the code of today plays what that of yesterday wrote is what TestReplay of package
// workflows holds its recordings for.
func TestNewWorkerTakesOverSixtyPractices(t *testing.T) {
	const each = 20
	w := newWorld(t, 0)
	stop := w.startWorker(t)
	var practices, open []string
	for n, phase := range []registry.Phase{registry.PhaseTesting, registry.PhaseInReview, registry.PhaseProduction} {
		for i := range each {
			org := n*each + i
			id := fmt.Sprintf("clinic-%02d", org)
			w.enrolIn(t, id, org, phase, nil)
			practices = append(practices, id)
			if phase == registry.PhaseProduction {
				file := w.stage(t, id, org, 1)
				w.submit(t, id, file)
				open = append(open, workflows.FileID(file[0].ID))
			}
			w.onboard(t, id)
			open = append(open, workflows.OnboardingID(id))
		}
	}
	w.until(t, "clinic", each)
	for _, id := range open {
		require.Eventually(t, func() bool { return w.stageOf(t, id) != "" }, patience, tick, id)
	}
	require.Empty(t, w.list(t, nextbuild.Attribute))
	stop()

	w.startWorker(t, &nextbuild.Interceptor{})
	for _, id := range open {
		require.Eventually(t, func() bool { return w.stageOf(t, id) != "" }, patience, tick, "%s was stranded", id)
	}
	for n := range each {
		id := fmt.Sprintf("clinic-%02d", 2*each+n)
		w.submit(t, id, w.stage(t, id, 2*each+n, 1))
	}
	w.until(t, "clinic", 2*each)
	var patched []string
	require.Eventually(t, func() bool { // what the server finds follows what happens
		patched = w.list(t, nextbuild.Attribute)
		return len(patched) >= each
	}, patience, tick, "what begins now has the new step")
	require.Len(t, patched, each)
	for _, id := range patched {
		require.NotContains(t, open, id, "what was open goes on without it")
	}
	for _, id := range practices {
		handle, err := w.temporal.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
			WorkflowID: workflows.WatchID(id), UpdateName: workflows.UpdateWithdraw.Name,
			Args:         []any{workflows.Act{By: registry.Actor{Name: "Maria Ortega", Via: "cli"}, Reason: "the clinic closed"}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		require.NoError(t, err, id)
		require.NoError(t, handle.Get(t.Context(), nil), id)
	}
	w.finds(t, "WorkflowType = 'Onboarding' AND ExecutionStatus = 'Running'")
	w.finds(t, "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut')")
}

// stageOf asks a workflow where it stands; empty where it has not said so yet, or a
// busy worker has not answered.
func (w *world) stageOf(t *testing.T, id string) string {
	t.Helper()
	answer, err := w.temporal.QueryWorkflow(t.Context(), id, "", workflows.QueryStatus.Name)
	var status workflows.Status
	if err != nil || answer.Get(&status) != nil {
		return ""
	}
	return status.Progress.Stage
}
