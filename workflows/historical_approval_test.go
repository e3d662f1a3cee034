package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/workflows"
)

// A look takes its time, on a large load an hour. What a person says meanwhile is held
// against what it finds.
func TestPersonsWordDuringALook(t *testing.T) {
	t.Parallel()
	slowLook := func(env *testsuite.TestWorkflowEnvironment, w *world) {
		env.OnActivity("PlanHistory", mock.Anything, mock.Anything).AfterFn(func() time.Duration {
			if env.Now().Before(epoch.Add(days(2))) {
				return 0
			}
			return 10 * time.Second
		}).Return(w.PlanHistory)
		at(env, days(1), func() { yes(env) })
	}
	during := days(2) + 5*time.Second

	t.Run("a plan that the look replaces is not approved, whoever approved it is told, and nobody else is asked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 1)
		var overtaken *reply
		_, _ = loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			slowLook(env, w)
			at(env, during, func() {
				w.plan.Digest = "plan-two"
				overtaken = approvePlan(env, "plan-one")
			})
			at(env, days(2)+time.Minute, func() { require.Equal(t, "plan-two", progressOf(t, env).Plan.Digest) })
			at(env, days(3)+time.Hour, env.CancelWorkflow)
		})
		require.NoError(t, overtaken.refused)
		require.ErrorContains(t, overtaken.err, "the one that waits begins with plan-two")
		require.Zero(t, w.calls["ApproveHistory"])
		require.Zero(t, w.count(activities.NoticeHold))
	})
	t.Run("who asks for a look is answered by one that began afterwards", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var looked *reply
		_, _ = loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			slowLook(env, w)
			at(env, during, func() {
				before := w.calls["PlanHistory"]
				looked = send(env, workflows.UpdatePlanHistorical, workflows.Act{By: ana})
				looked.then = func() { require.Greater(t, w.calls["PlanHistory"], before+1) }
			})
			at(env, days(2)+time.Hour, env.CancelWorkflow)
		})
		require.True(t, looked.done)
		require.NoError(t, looked.err)
		require.Equal(t, "the files were looked at; there is nothing new to approve", looked.answer.Words)
	})
}
