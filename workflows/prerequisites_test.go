package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

var wanted = []activities.WantedPrerequisite{
	{
		Key: "site-agreement", Owner: "practice", Words: "a site agreement of the site, of plano: no agreement is known",
		Move: `starter prerequisite done sunrise-plano site-agreement --site plano --evidence FILE --expires DATE`,
	},
	{Key: "connection", Owner: "you", Words: "the account, tested: no test passed", Move: "starter connection test dshs"},
}

func TestPrerequisites(t *testing.T) {
	t.Parallel()
	settled := func(env *testsuite.TestWorkflowEnvironment) {
		env.SignalWorkflow(workflows.SignalPrerequisitesChanged.Name, workflows.PrerequisitesChanged{})
	}

	t.Run("testing starts within the hour in which the last one is settled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Wanted = wanted
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(3), func() {
				require.Empty(t, w.moves)
				w.facts.Wanted = wanted[1:]
				settled(env)
			})
			at(env, days(3)+time.Hour, func() {
				line := statusOf(t, env).Progress
				require.Equal(t, "you", line.Whose)
				require.Equal(t, "starter connection test dshs", line.Move)
				require.True(t, line.Attention)
				w.facts.Wanted = nil
				settled(env)
			})
			at(env, days(3)+2*time.Hour, func() {
				require.Equal(t, registry.PhaseTesting, statusOf(t, env).Phase)
				env.CancelWorkflow()
			})
		})
		require.Equal(t, []string{"registered>testing"}, w.moves)
	})

	t.Run("the wait names its owner, its beginning and the command, and begins once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Wanted = wanted
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(20), func() {
				line := statusOf(t, env).Progress
				require.Equal(t, "practice", line.Whose)
				require.Equal(t, epoch, line.Since.UTC())
				require.Contains(t, line.Next, "of plano")
				require.Contains(t, line.Next, "and 1 more")
				require.Contains(t, line.Move, "starter prerequisite done sunrise-plano site-agreement")
				require.Empty(t, w.moves)
				env.CancelWorkflow()
			})
		})
	})

	t.Run("without a signal the next morning notices", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Wanted = wanted
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1)+time.Hour, func() { w.facts.Wanted = nil })
			at(env, days(2)+time.Hour, func() {
				require.Equal(t, registry.PhaseTesting, statusOf(t, env).Phase)
				env.CancelWorkflow()
			})
		})
	})

	t.Run("a named person waives what is missing, with a reason", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Wanted = wanted
		var bare, nobody, waived *reply
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(3), func() {
				bare = send(env, workflows.UpdateWaivePrerequisites, workflows.Act{By: ana})
				nobody = send(env, workflows.UpdateWaivePrerequisites, workflows.Act{Reason: "why not"})
				waived = send(env, workflows.UpdateWaivePrerequisites, workflows.Act{By: ana, Reason: "the vendor is the practice"})
			})
			at(env, days(4), env.CancelWorkflow)
		})
		require.ErrorContains(t, bare.refused, "reason")
		require.ErrorContains(t, nobody.refused, "who")
		require.NoError(t, waived.refused)
		require.Equal(t, 1, w.calls["WaivePrerequisites"])
		require.Equal(t, []string{"registered>testing"}, w.moves)
	})

	t.Run("the outbox is looked into only for the version of HL7", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Wanted = wanted
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(2)+time.Hour, func() {
				require.Zero(t, w.calls["SeeVersion"])
				w.facts.Wanted = []activities.WantedPrerequisite{{Key: activities.VersionKey, Owner: "EHR vendor"}}
			})
			at(env, days(4)+time.Hour, func() {
				require.NotZero(t, w.calls["SeeVersion"])
				env.CancelWorkflow()
			})
		})
	})
}

func TestEntry(t *testing.T) {
	t.Parallel()

	t.Run("from testing the count begins, and no letter goes out", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase, w.facts.Entered, w.facts.Since = registry.PhaseTesting, registry.PhaseTesting, "2026-01-05"
		w.facts.Wanted = wanted // of no concern any more
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(2), func() {
				require.Equal(t, registry.PhaseTesting, statusOf(t, env).Phase)
				env.CancelWorkflow()
			})
		})
		require.Empty(t, w.moves)
		require.Empty(t, w.order)
		require.Equal(t, registry.SubmissionOn, w.facts.Submission)
	})

	t.Run("from review nothing is requested, and the wait counts from the day that was told", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase, w.facts.Entered, w.facts.Since = registry.PhaseInReview, registry.PhaseInReview, "2026-02-02"
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				require.Equal(t, "2026-02-02", statusOf(t, env).Progress.Since.Format(time.DateOnly))
				require.Empty(t, w.order)
			})
			at(env, days(35), env.CancelWorkflow)
		})
		require.Empty(t, w.order)
	})

	t.Run("from review the approval leads to production with all of its letters", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase, w.facts.Entered, w.facts.Since = registry.PhaseInReview, registry.PhaseInReview, "2026-02-27"
		env, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval) })
			at(env, days(2), func() { settle(env, workflows.FileSettled{Lane: registry.LaneProduction, First: true}) })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.PhaseProduction, result.Phase)
		require.Equal(t, []string{"production/" + practice, "first-file/" + practice}, w.order)
	})

	for history, state := range map[string]registry.HistoryState{
		"none": registry.HistoryNone, "done": registry.HistoryClosed, "due": registry.HistoryNotAsked,
	} {
		t.Run("from production, history "+history+": submission runs, and nothing past is written about", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.facts.Phase, w.facts.Entered, w.facts.Since = registry.PhaseProduction, registry.PhaseProduction, "2025-03-01"
			w.facts.History = state
			loads := 0
			env, result := onboardWatched(t, w, func() { loads++ })
			require.NoError(t, env.GetWorkflowError())
			require.Equal(t, registry.PhaseProduction, result.Phase)
			require.Empty(t, w.order)
			require.Empty(t, w.moves)
			require.NotEmpty(t, w.ensured)
			require.Equal(t, registry.SubmissionOn, w.facts.Submission)
			require.Equal(t, state == registry.HistoryNotAsked, loads == 1, "a load is asked for where it is due")
		})
	}

	t.Run("one that waits for prerequisites is taken along when a person records where it is", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Wanted = wanted
		env, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				w.facts.Phase, w.facts.Entered, w.facts.Since = registry.PhaseProduction, registry.PhaseProduction, "2025-03-01"
				w.facts.History = registry.HistoryNone
				env.SignalWorkflow(workflows.SignalPrerequisitesChanged.Name, workflows.PrerequisitesChanged{})
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.PhaseProduction, result.Phase)
		require.Empty(t, w.order)
	})
}

// onboardWatched runs an onboarding and tells of each historical load.
func onboardWatched(t *testing.T, w *world, load func()) (*testsuite.TestWorkflowEnvironment, workflows.OnboardingResult) {
	t.Helper()
	return onboardWith(t, w, load, func(*testsuite.TestWorkflowEnvironment) {})
}
