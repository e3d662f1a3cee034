package workflows_test

import (
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

func TestWatch(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, w *world, script func(*testsuite.TestWorkflowEnvironment)) *testsuite.TestWorkflowEnvironment {
		t.Helper()
		env := w.env()
		env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
		w.facts.Phase, w.facts.Submission = registry.PhaseProduction, registry.SubmissionOn
		script(env)
		env.ExecuteWorkflow(workflows.Watch, workflows.WatchInput{Version: 1, Practice: practice, Policy: w.facts.Policy})
		return env
	}
	reason := workflows.Act{By: ana, Reason: "the clinic is closed"}

	t.Run("looks every morning; one alert per incident and one all-clear", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		incident := activities.Incident{ID: "i-1", Kind: "quiet-site", Site: "plano", Words: "nothing from plano for 5 days"}
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(2), func() {
				w.look.Opened, w.look.Current = []activities.Incident{incident}, []activities.Incident{incident}
				w.look.OpenErrors = 4
			})
			at(env, days(4), func() {
				line := statusOf(t, env).Progress
				require.True(t, line.Attention)
				require.Less(t, env.Now().Sub(line.Since), days(3), "since it is somebody's turn, not since Production")
				w.look.Closed, w.look.Current = []activities.Incident{incident}, nil
			})
			at(env, days(10), env.CancelWorkflow)
		})
		require.InDelta(t, 10, w.calls["LookAtPractice"], 1)
		require.Equal(t, 1, w.count(activities.NoticeWatch))
		require.Equal(t, 1, w.count(activities.NoticeResolved))
		require.Equal(t, 1, w.calls["ReleaseFiles"], "once a week")
	})

	t.Run("a practice that moves is looked at then, not the next morning", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			w.facts.Phase = registry.PhaseInReview
			at(env, days(2)+time.Hour, func() {
				w.facts.Phase = registry.PhaseProduction
				env.SignalWorkflow(workflows.SignalPhaseMoved.Name, workflows.PhaseMoved{Phase: registry.PhaseProduction})
			})
			at(env, days(2)+2*time.Hour, func() {
				require.Contains(t, statusOf(t, env).Progress.Stage, "production")
				env.SignalWorkflow(workflows.SignalPhaseMoved.Name, workflows.PhaseMoved{Phase: registry.PhaseTesting}) // overtaken
			})
			at(env, days(2)+3*time.Hour, env.CancelWorkflow)
		})
		require.LessOrEqual(t, w.calls["LookAtPractice"], 5, "each move is one look")
	})
	t.Run("to pause what is paused says so", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var first, again, blank *reply
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1)+time.Hour, func() { first = send(env, workflows.UpdatePause, reason) })
			at(env, days(2)+time.Hour, func() {
				again = send(env, workflows.UpdatePause, reason)
				blank = send(env, workflows.UpdatePause, workflows.Act{By: ana, Reason: "  "})
			})
			at(env, days(3), env.CancelWorkflow)
		})
		require.False(t, first.answer.Again)
		require.True(t, again.answer.Again)
		require.Contains(t, again.answer.Words, "was paused before")
		require.ErrorContains(t, blank.refused, "a reason is needed", "blanks are none")
	})

	t.Run("more changes than history takes at once are told all the same", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.look.Opened, w.look.More = []activities.Incident{{ID: "i-0"}}, true
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(2), env.CancelWorkflow)
		})
		require.Contains(t, w.letters, "incident/i-0")
		require.Contains(t, w.letters, "incident/i-1")
	})

	t.Run("pause and resume need a reason, stand on the schedule, and are a person's", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var bare, paused, resumed *reply
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				bare = send(env, workflows.UpdatePause, workflows.Act{By: ana})
				paused = send(env, workflows.UpdatePause, reason)
			})
			at(env, days(2), func() {
				require.Equal(t, registry.SubmissionPaused, w.facts.Submission)
				resumed = send(env, workflows.UpdateResume, reason)
			})
			at(env, days(3), env.CancelWorkflow)
		})
		require.ErrorContains(t, bare.refused, "reason")
		require.NoError(t, paused.err)
		require.NoError(t, resumed.err)
		require.Equal(t, registry.SubmissionOn, w.facts.Submission)
		require.Len(t, w.ensured, 2)
		require.True(t, w.ensured[0].Paused)
		require.True(t, w.ensured[1].Resume)
	})

	t.Run("withdrawal takes the schedules away and ends the watch", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var r *reply
		env := run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { r = send(env, workflows.UpdateWithdraw, reason) })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.PhaseWithdrawn, r.answer.Phase)
		require.Equal(t, []string{"production>withdrawn"}, w.moves)
		require.True(t, w.ensured[0].Remove)
	})

	t.Run("an attestation is on record with its person", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { send(env, workflows.UpdateAttestNothing, workflows.Attest{Act: reason, Site: "plano"}) })
			at(env, days(2), env.CancelWorkflow)
		})
		require.Equal(t, []string{"attested-nothing-to-send"}, w.acts)
	})

	t.Run("of a credential that ends the watch writes no letter: the morning's tells of it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			w.look.Ending = []activities.Ending{{Connection: "dshs", Words: "the password ends", Move: "starter connection rotate dshs", Event: "expiry/dshs/password/2026-04-01/30"}}
			at(env, days(5), env.CancelWorkflow)
		})
		require.Zero(t, w.calls["SendNotice"])
	})

	t.Run("lives for years: continues as new with its state", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		env := run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(3), func() { env.SetContinueAsNewSuggested(true) })
		})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &next)
		var in workflows.WatchInput
		require.NoError(t, converterOf(next, &in))
		require.InDelta(t, 4, in.State.Mornings, 1)
	})

	t.Run("a calendar that moved is not a month of silence", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		run(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			// The rehearsal stood still for 20 days: the calendar goes back by them.
			at(env, days(1)+12*time.Hour, func() {
				env.SignalWorkflow(workflows.SignalCalendarMoved.Name,
					registry.Calendar{Epoch: epoch, Anchor: epoch.Add(days(20)), Day: 24 * time.Hour})
			})
			at(env, days(15), env.CancelWorkflow)
		})
		require.Equal(t, 2, w.calls["LookAtPractice"], "the third morning comes on day 22 of the wall clock")
	})
}
