package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func TestSubmissionCycle(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, w *world) (*testsuite.TestWorkflowEnvironment, workflows.SubmissionCycleResult) {
		t.Helper()
		env := w.env()
		env.OnWorkflow("FileSubmission", mock.Anything, mock.Anything).Return(workflows.FileSubmissionResult{}, nil).Maybe()
		env.OnWorkflow("OutboxQuestion", mock.Anything, mock.Anything).Return(nil).Maybe()
		env.ExecuteWorkflow(workflows.SubmissionCycle, activities.CycleInput{Version: 1, Practice: practice})
		require.NoError(t, env.GetWorkflowError())
		var r workflows.SubmissionCycleResult
		require.NoError(t, env.GetWorkflowResult(&r))
		return env, r
	}
	ready := func(t *testing.T, phase registry.Phase) *world {
		t.Helper()
		w := newWorld(t)
		w.facts.Phase, w.facts.Submission = phase, registry.SubmissionOn
		w.outbox.Files = []activities.OutboxFile{{Name: "n-1"}, {Name: "n-2"}}
		w.staged["n-1"] = activities.StageFileResult{File: registry.FileRef{ID: "f-1"}}
		w.staged["n-2"] = activities.StageFileResult{File: registry.FileRef{ID: "f-2"}, Known: true}
		return w
	}

	for phase, lane := range map[registry.Phase]registry.Lane{
		registry.PhaseTesting: registry.LaneTest, registry.PhaseInReview: registry.LaneTest,
		registry.PhaseProduction: registry.LaneProduction,
	} {
		t.Run("in "+phase.Words()+" it empties the outbox for "+string(lane), func(t *testing.T) {
			t.Parallel()
			w := ready(t, phase)
			env, r := run(t, w)
			require.Equal(t, lane, r.Lane)
			require.Equal(t, 1, r.Started)
			require.Equal(t, 1, r.Known)
			env.AssertWorkflowNumberOfCalls(t, "FileSubmission", 2)
		})
	}
	t.Run("a submission that a person asked to leave out takes nothing, and that is kept", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		w.facts.Skip = &activities.SkipFacts{Key: "submission-skipped/7", By: "Carla"} // its time has come
		env, r := run(t, w)
		require.Equal(t, "left out, as Carla asked", r.Why)
		env.AssertWorkflowNumberOfCalls(t, "FileSubmission", 0)
		require.Equal(t, []string{activities.SubmissionSkipped}, w.acts)
	})
	t.Run("a file with a wrong checksum waits for a person once the others are on their way", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		w.staged["n-1"] = activities.StageFileResult{WrongSum: true}
		env, r := run(t, w)
		env.AssertWorkflowNumberOfCalls(t, "FileSubmission", 1)
		require.Equal(t, 1, r.Wrong)
		require.Equal(t, []string{"n-1 0", "n-2 0"}, w.stagings)
		env.AssertWorkflowNumberOfCalls(t, "OutboxQuestion", 1)
	})
	t.Run("files of nobody in a shared folder are a question beside, and the submission ends", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		w.outbox.Stray, w.outbox.Strays = 3, []string{"n-7", "n-8"}
		env, r := run(t, w)
		env.AssertWorkflowNumberOfCalls(t, "FileSubmission", 2)
		env.AssertWorkflowNumberOfCalls(t, "OutboxQuestion", 1)
		require.Equal(t, 3, r.Stray)
	})
	t.Run("the question waits for a person, and what is mended then goes", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		env := w.env()
		env.OnWorkflow("FileSubmission", mock.Anything, mock.Anything).Return(workflows.FileSubmissionResult{}, nil)
		w.fail["StageFile"] = once(failure(registry.NotAllowed))
		env.RegisterDelayedCallback(func() {
			require.Len(t, w.holds, 1)
			for id := range w.holds {
				send(env, workflows.UpdateResolveHold, workflows.ResolveHold{HoldID: id, Action: registry.ActionRetry, By: ana})
			}
		}, time.Hour)
		env.ExecuteWorkflow(workflows.OutboxQuestion, workflows.OutboxQuestionInput{
			Version: 1, Practice: practice, Lane: registry.LaneProduction, Wrong: []activities.OutboxFile{{Name: "n-1"}},
		})
		require.NoError(t, env.GetWorkflowError())
		env.AssertWorkflowNumberOfCalls(t, "FileSubmission", 1)
		require.Equal(t, []string{"n-1 1", "n-1 1"}, w.stagings)
	})
	t.Run("files of nobody that a person leaves there are not asked about again", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		env := w.env()
		w.fail["ScanOutbox"] = func(int) error { return failure(registry.NotAllowed) }
		env.RegisterDelayedCallback(func() {
			require.Len(t, w.holds, 1)
			for id := range w.holds {
				send(env, workflows.UpdateResolveHold, workflows.ResolveHold{HoldID: id, Action: registry.ActionDrop, By: ana, Reason: "not ours"})
			}
		}, time.Hour)
		env.ExecuteWorkflow(workflows.OutboxQuestion, workflows.OutboxQuestionInput{
			Version: 1, Practice: practice, Lane: registry.LaneProduction, Stray: true, Strays: []string{"n-7", "n-8"},
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, []string{activities.FileLeft, activities.FileLeft}, w.acts)
		require.Equal(t, []string{activities.FileLeftKey("n-8"), activities.FileLeftKey("n-7")}, w.actKeys,
			"the one after which the question is called comes last: meanwhile it counts as asked")
	})
	t.Run("files with a wrong checksum that a person left are tried and not asked about again", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		w.staged["n-1"] = activities.StageFileResult{WrongSum: true}
		w.outbox.Files[0].Left = true
		env, r := run(t, w)
		env.AssertWorkflowNumberOfCalls(t, "OutboxQuestion", 0)
		require.Zero(t, r.Wrong)
		require.Equal(t, []string{"n-1 0", "n-2 0"}, w.stagings)
	})
	t.Run("one answer leaves all files with a wrong checksum that the question named", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		env := w.env()
		w.fail["StageFile"] = func(int) error { return failure(registry.NotAllowed) }
		env.RegisterDelayedCallback(func() {
			require.Len(t, w.holds, 1)
			for id := range w.holds {
				send(env, workflows.UpdateResolveHold, workflows.ResolveHold{HoldID: id, Action: registry.ActionDrop, By: ana, Reason: "broken"})
			}
		}, time.Hour)
		env.ExecuteWorkflow(workflows.OutboxQuestion, workflows.OutboxQuestionInput{
			Version: 1, Practice: practice, Lane: registry.LaneProduction, Wrong: []activities.OutboxFile{{Name: "n-1"}, {Name: "n-2"}},
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, []string{activities.FileLeft, activities.FileLeft}, w.acts)
		require.Equal(t, []string{"n-1 2"}, w.stagings)
	})
	t.Run("a file that nobody finishes is told of", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		w.outbox.Stuck, w.outbox.NewestStuck = 2, "n-9"
		_, _ = run(t, w)
		require.Equal(t, activities.NoticeWatch, w.letters[activities.StuckEvent(practice, "n-9")])
	})
	t.Run("one before that time goes on", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		w.facts.Skip = &activities.SkipFacts{Key: "submission-skipped/7", By: "Carla", Due: time.Now().AddDate(1, 0, 0)}
		env, _ := run(t, w)
		env.AssertWorkflowNumberOfCalls(t, "FileSubmission", 2)
	})
	for _, phase := range []registry.Phase{registry.PhaseRegistered, registry.PhaseWithdrawn} {
		t.Run("nothing leaves while "+phase.Words(), func(t *testing.T) {
			t.Parallel()
			w := ready(t, phase)
			_, r := run(t, w)
			require.NotEmpty(t, r.Why)
			require.Zero(t, w.calls["ScanOutbox"])
		})
	}
	t.Run("a pause is respected even when the schedule is triggered by hand", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		w.facts.Submission = registry.SubmissionPaused
		_, r := run(t, w)
		require.Contains(t, r.Why, "paused")
		require.Zero(t, w.calls["ScanOutbox"])
	})
	t.Run("an outbox that is not there is a question, never an empty day", func(t *testing.T) {
		t.Parallel()
		w := ready(t, registry.PhaseProduction)
		w.fail["ScanOutbox"] = once(failure(registry.Missing))
		env := w.env()
		env.OnWorkflow("FileSubmission", mock.Anything, mock.Anything).Return(workflows.FileSubmissionResult{}, nil)
		at(env, days(1), func() {
			require.Equal(t, registry.HoldOutbox, statusless(t, w))
			for id := range w.holds {
				send(env, workflows.UpdateResolveHold, workflows.ResolveHold{HoldID: id, Action: registry.ActionRetry, By: ana})
			}
		})
		env.ExecuteWorkflow(workflows.SubmissionCycle, activities.CycleInput{Version: 1, Practice: practice})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, 2, w.calls["ScanOutbox"])
	})
}

// statusless is the reason of the one hold in the world, for workflows without
// a status query.
func statusless(t *testing.T, w *world) registry.HoldReason {
	t.Helper()
	require.Len(t, w.holds, 1)
	for _, reason := range w.holds {
		return registry.HoldReason(reason)
	}
	return ""
}

func TestReportCollection(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, w *world, script func(*testsuite.TestWorkflowEnvironment)) workflows.ReportCollectionResult {
		t.Helper()
		env := w.env()
		script(env)
		env.ExecuteWorkflow(workflows.ReportCollection, activities.CollectionInput{Version: 1, Connection: "dshs", Policy: w.facts.Policy})
		require.NoError(t, env.GetWorkflowError())
		var r workflows.ReportCollectionResult
		require.NoError(t, env.GetWorkflowResult(&r))
		return r
	}

	t.Run("imports, settles errors, and tells the files, also those that have ended", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.reports = []activities.RemoteReport{{Name: "DQA_1.txt"}}
		w.imported = activities.ImportReportResult{Items: 7, Files: []activities.AnsweredFile{{FileID: "f-1"}, {FileID: "f-2"}}}
		told := []string{}
		r := run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
				func(_, id, _, _ string, _ any) error {
					told = append(told, id)
					if id == "file/f-2" {
						return errors.New("no such workflow")
					}
					return nil
				})
		})
		require.Equal(t, workflows.ReportCollectionResult{Imported: 1, Items: 7, Opened: 1}, r)
		require.Equal(t, []string{"file/f-1", "file/f-2"}, told)
	})

	t.Run("a report that answers many files tells all of them", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.reports = []activities.RemoteReport{{Name: "DQA_1.txt"}}
		w.imported = activities.ImportReportResult{Items: 2, Files: []activities.AnsweredFile{{FileID: "f-1"}}, More: true}
		told := []string{}
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
				func(_, id, _, _ string, _ any) error { told = append(told, id); return nil })
		})
		require.Equal(t, []string{"file/f-1", "file/f-9"}, told)
	})

	t.Run("a report that nothing understands is asked about beside, and those after it are taken in", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.reports = []activities.RemoteReport{{Name: "DQA_1.txt"}, {Name: "DQA_2.txt"}}
		w.imported = activities.ImportReportResult{Items: 4}
		w.unread["r-DQA_1.txt"] = 1
		asked := workflows.ReportQuestionInput{}
		r := run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnWorkflow("ReportQuestion", mock.Anything, mock.Anything).Return(
				func(_ workflow.Context, in workflows.ReportQuestionInput) error { asked = in; return nil }).Once()
		})
		require.Equal(t, workflows.ReportCollectionResult{Imported: 1, Quarantined: 1, Items: 5, Opened: 1}, r)
		require.Equal(t, "r-DQA_1.txt", asked.ReportID)
		require.Empty(t, w.holds, "the collection itself waits for nobody")
	})

	t.Run("a report that the registry does not give is asked about beside, and those after it are taken in", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.reports = []activities.RemoteReport{{Name: "DQA_1.txt"}, {Name: "DQA_2.txt"}}
		w.imported = activities.ImportReportResult{Items: 4}
		w.fail["FetchReport"] = once(failure(registry.Refused))
		asked := workflows.ReportQuestionInput{}
		r := run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnWorkflow("ReportQuestion", mock.Anything, mock.Anything).Return(
				func(_ workflow.Context, in workflows.ReportQuestionInput) error { asked = in; return nil }).Once()
		})
		require.Equal(t, workflows.ReportCollectionResult{Imported: 1, Unfetched: 1, Items: 4, Opened: 1}, r)
		require.Contains(t, asked.Trouble, "the server said no. The others are fetched.")
		require.Len(t, w.released, 1, "in one visit of the server")
	})
}

// A report that nothing understands is somebody's, and is taken in once its layout
// is known.
func TestReportQuestion(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, w *world, actions ...registry.HoldAction) {
		t.Helper()
		env := w.env()
		env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
		for n, action := range actions {
			at(env, days(n+1), func() {
				for id := range w.holds {
					send(env, workflows.UpdateResolveHold, workflows.ResolveHold{HoldID: id, Action: action, By: ana})
				}
			})
		}
		env.ExecuteWorkflow(workflows.ReportQuestion, workflows.ReportQuestionInput{
			Version: 1, ReportID: "r-1", What: "report 1 of 1 on dshs", Policy: w.facts.Policy,
		})
		require.True(t, env.IsWorkflowCompleted())
		require.NoError(t, env.GetWorkflowError())
	}
	ready := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t)
		w.imported = activities.ImportReportResult{Items: 4, Files: []activities.AnsweredFile{{FileID: "f-1"}}}
		return w
	}

	t.Run("once its layout has been taught, retry takes it in and settles its errors", func(t *testing.T) {
		t.Parallel()
		w := ready(t)
		w.unread["r-1"] = 2
		run(t, w, registry.ActionRetry, registry.ActionRetry)
		require.Equal(t, 3, w.calls["ImportReport"])
		require.Equal(t, 1, w.calls["ReconcileErrors"])
		require.Len(t, w.letters, 2, "each time somebody was told")
	})
	t.Run("one that was not given is somebody's until they say retry", func(t *testing.T) {
		t.Parallel()
		w := ready(t)
		env := w.env()
		at(env, days(3), func() {
			require.Len(t, w.holds, 1)
			for id := range w.holds {
				send(env, workflows.UpdateResolveHold, workflows.ResolveHold{HoldID: id, Action: registry.ActionRetry, By: ana})
			}
		})
		env.ExecuteWorkflow(workflows.ReportQuestion, workflows.ReportQuestionInput{
			Version: 1, Trouble: "the server said no", What: "a report of dshs", Policy: w.facts.Policy,
		})
		require.NoError(t, env.GetWorkflowError())
		require.Zero(t, w.calls["ImportReport"])
	})
	t.Run("dropped it stays as it came, and settles nothing", func(t *testing.T) {
		t.Parallel()
		w := ready(t)
		w.unread["r-1"] = 2
		run(t, w, registry.ActionDrop)
		require.Equal(t, 1, w.calls["ImportReport"])
		require.Zero(t, w.calls["ReconcileErrors"])
	})
}
