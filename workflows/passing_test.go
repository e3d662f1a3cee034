package workflows_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

// ways are the steps that went through a task queue, and those in passing.
type ways struct{ queued, passing []string }

func watchWays(env *testsuite.TestWorkflowEnvironment) *ways {
	w := &ways{}
	env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		w.queued = append(w.queued, info.ActivityType.Name)
	})
	env.SetOnLocalActivityStartedListener(func(info *activity.Info, _ context.Context, _ []any) {
		w.passing = append(w.passing, info.ActivityType.Name)
	})
	return w
}

func TestStepsInPassing(t *testing.T) {
	t.Parallel()

	t.Run("of a small file only what talks to the registry goes through a task queue", func(t *testing.T) {
		t.Parallel()
		var seen *ways
		env, result := submitFile(t, newWorld(t), func(env *testsuite.TestWorkflowEnvironment) { seen = watchWays(env) })
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, []string{"UploadFile", "ConfirmDelivery"}, seen.queued)
		require.Equal(t, []string{"CheckFile", "PrepareDelivery", "AskPermit", "SettleFile", "Answer", "SettleFile"}, seen.passing)
	})

	t.Run("a large file is checked and prepared where it may take its time", func(t *testing.T) {
		t.Parallel()
		env := newWorld(t).env()
		env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
		seen := watchWays(env)
		env.ExecuteWorkflow(workflows.FileSubmission, workflows.FileSubmissionInput{
			Version: 1, Practice: practice, File: registry.FileRef{ID: "f-1", Digest: "d", Size: 1 << 30}, Lane: registry.LaneTest,
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, []string{"CheckFile", "PrepareDelivery", "UploadFile", "ConfirmDelivery"}, seen.queued)
	})

	t.Run("weather in passing is waited for the patient way, and nobody is asked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.fail["SettleFile"] = func(n int) error {
			if n <= 3 {
				return temporal.NewApplicationError("the database is away", string(registry.Transient))
			}
			return nil
		}
		var seen *ways
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) { seen = watchWays(env) })
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Contains(t, seen.queued, "SettleFile")
		require.Empty(t, w.holds)
	})

	t.Run("what trying again cannot mend is tried once, and a person is asked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.fail["CheckFile"] = func(n int) error {
			if n == 1 {
				return failure(registry.Missing)
			}
			return nil
		}
		env, _ := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				require.Equal(t, 1, w.calls["CheckFile"])
				decide(t, env, registry.ActionRetry)
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, 2, w.calls["CheckFile"])
	})

	t.Run("what takes a file out of the outbox is on record before a worker can die of it", func(t *testing.T) {
		t.Parallel()
		// A look that was not on record is repeated after a death, and would not see
		// the file any more: it would be taken, and never sent.
		w := newWorld(t)
		w.facts.Phase, w.facts.Submission = registry.PhaseProduction, registry.SubmissionOn
		w.outbox.Files = []activities.OutboxFile{{Name: "n-1", Size: 10}}
		w.staged["n-1"] = activities.StageFileResult{File: registry.FileRef{ID: "f-1"}}
		env := w.env()
		env.OnWorkflow("FileSubmission", mock.Anything, mock.Anything).Return(workflows.FileSubmissionResult{}, nil)
		seen := watchWays(env)
		env.ExecuteWorkflow(workflows.SubmissionCycle, activities.CycleInput{Version: 1, Practice: practice})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, []string{"LoadPractice", "ScanOutbox"}, seen.passing)
		require.Equal(t, []string{"StageFile"}, seen.queued)
	})
}
