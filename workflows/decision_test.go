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

// slow has an activity take an hour, so that something else comes meanwhile.
func slow(env *testsuite.TestWorkflowEnvironment, name string, activity any) {
	slowFrom(env, name, activity, epoch)
}

// slowFrom does so from a date on.
func slowFrom(env *testsuite.TestWorkflowEnvironment, name string, activity any, from time.Time) {
	env.OnActivity(name, mock.Anything, mock.Anything).AfterFn(func() time.Duration {
		if env.Now().Before(from) {
			return 0
		}
		return time.Hour
	}).Return(activity)
}

var changes = workflows.Act{By: ana, Reason: "ORC-12 is empty"}

const meanwhile = 30 * time.Minute

// TestRevisionAgainstApproval: the registry wants changes, and at the same time an
// approval is on its way. Whichever is recorded first holds, and an approval of
// before the changes is not kept for the review after them.
func TestRevisionAgainstApproval(t *testing.T) {
	t.Parallel()
	byUpdate := func(env *testsuite.TestWorkflowEnvironment) *reply {
		return send(env, workflows.UpdateApproveProduction, workflows.ApproveProduction{Approval: approval, By: ana})
	}
	bySignal := func(env *testsuite.TestWorkflowEnvironment) *reply {
		env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval)
		return nil
	}
	for route, approve := range map[string]func(*testsuite.TestWorkflowEnvironment) *reply{"update": byUpdate, "signal": bySignal} {
		t.Run("changes that come while an approval by "+route+" is judged refuse it", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.facts.Phase, w.gate = registry.PhaseInReview, openGate
			w.approvalFault = map[string]string{}
			var r *reply
			onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
				slow(env, "JudgeApproval", w.JudgeApproval)
				at(env, days(1), func() { r = approve(env) })
				at(env, days(1)+meanwhile, func() { send(env, workflows.UpdateRecordRevision, changes) })
				// It was judged by what was known before; judged again, it is too old.
				at(env, days(1)+time.Hour+time.Minute, func() {
					w.approvalFault[approval.EmailDate] = "older than the day on which the registry asked for changes"
				})
				at(env, days(2), func() { send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
				at(env, days(3), env.CancelWorkflow)
			})
			require.Equal(t, []string{"in_review>testing", "testing>in_review"}, w.moves)
			if r != nil {
				require.Error(t, r.err)
				return
			}
			require.Equal(t, 1, w.count(activities.NoticeApprovalRefused))
		})
		t.Run("an approval by "+route+" that comes while the changes are recorded is refused", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.facts.Phase, w.gate = registry.PhaseInReview, openGate
			// Signals are heard after the move; the database judges by the date then.
			w.approvalFault = map[string]string{}
			var r, twice *reply
			onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
				slow(env, "MovePhase", w.MovePhase)
				at(env, days(1), func() { send(env, workflows.UpdateRecordRevision, changes) })
				at(env, days(1)+meanwhile, func() {
					r = approve(env)
					w.approvalFault[approval.EmailDate] = "older than the day on which the registry asked for changes"
					twice = send(env, workflows.UpdateRecordRevision, changes)
				})
				at(env, days(2), func() { send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
				at(env, days(3), env.CancelWorkflow)
			})
			require.Equal(t, []string{"in_review>testing", "testing>in_review"}, w.moves)
			require.ErrorContains(t, twice.refused, "already")
			if r != nil {
				require.ErrorContains(t, r.refused, "wants changes")
				return
			}
			require.Equal(t, 1, w.count(activities.NoticeApprovalRefused))
		})
	}
	t.Run("changes that come while an approval is recorded are refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseInReview
		var r *reply
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			slow(env, "MovePhase", w.MovePhase)
			at(env, days(1), func() { byUpdate(env) })
			at(env, days(1)+meanwhile, func() { r = send(env, workflows.UpdateRecordRevision, changes) })
			at(env, days(2), env.CancelWorkflow)
		})
		require.ErrorContains(t, r.refused, "approval has just been taken")
		require.Equal(t, []string{"in_review>production"}, w.moves)
	})
}

func TestEarlyApprovalOutlivesItsWorkflow(t *testing.T) {
	t.Parallel()
	bare, whole := approval, approval
	bare.MessageID, bare.EvidenceID = "", ""
	whole.MessageID, whole.EvidenceID = "<1@dshs.example>", "sha256/aa"

	t.Run("its evidence may follow before the review, and is kept with it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseTesting
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			for n, a := range []registry.Approval{bare, whole, whole} {
				at(env, days(1+n), func() {
					send(env, workflows.UpdateApproveProduction, workflows.ApproveProduction{Approval: a, By: ana})
				})
			}
			at(env, days(5), env.CancelWorkflow)
		})
		require.Len(t, w.early, 2, "what is told again is not kept again")
		require.Equal(t, &whole, w.early[1].Approval)
		require.NotEqual(t, w.early[0].Key, w.early[1].Key)
	})
	t.Run("an onboarding that is started anew takes it up and applies it when the review is reached", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase, w.gate = registry.PhaseTesting, openGate
		w.facts.Early, w.facts.EarlyBy = &whole, ana
		_, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				require.True(t, statusOf(t, env).Early)
				require.Empty(t, w.moves, "it opens nothing by itself")
				send(env, workflows.UpdateRequestReview, workflows.Act{By: ana})
			})
			at(env, days(2), func() { settle(env, workflows.FileSettled{Lane: registry.LaneProduction, First: true}) })
		})
		require.Equal(t, []string{"testing>in_review", "in_review>production"}, w.moves)
		require.Equal(t, &whole, result.Approval)
		require.Empty(t, w.early, "it was written down before")
	})
}

func TestRequestOfReviewIsJudgedAnew(t *testing.T) {
	t.Parallel()
	t.Run("what opened the gate before the registry asked for changes opens it no more", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseTesting
		w.gate = openGate
		var r *reply
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			slowFrom(env, "JudgeGate", w.JudgeGate, epoch.Add(days(2)))
			at(env, days(1)+time.Hour, func() { send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
			at(env, days(2), func() {
				w.gate = activities.GateResult{}
				send(env, workflows.UpdateRecordRevision, changes)
			})
			at(env, days(2)+meanwhile, func() { r = send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
			at(env, days(3), env.CancelWorkflow)
		})
		require.ErrorContains(t, r.err, "0 of 3")
		require.Equal(t, []string{"testing>in_review", "in_review>testing"}, w.moves)
	})
	t.Run("an error found meanwhile shuts the gate, and whoever asked is told", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseTesting
		w.gate = openGate
		var r *reply
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1)-time.Hour, func() {
				w.gate = activities.GateResult{Counted: 0}
				r = send(env, workflows.UpdateRequestReview, workflows.Act{By: ana})
			})
			at(env, days(2), env.CancelWorkflow)
		})
		require.ErrorContains(t, r.err, "0 of 3")
		require.Empty(t, w.moves)
	})
	t.Run("a file of which no signal has told yet counts for whoever asks", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseTesting
		var r *reply
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1)-time.Hour, func() {
				w.gate = openGate
				r = send(env, workflows.UpdateRequestReview, workflows.Act{By: ana})
			})
			at(env, days(2), env.CancelWorkflow)
		})
		require.NoError(t, r.refused, "the count of yesterday refused it")
		require.NoError(t, r.err)
		require.Equal(t, "the registry is asked for its review", r.answer.Words)
		require.Equal(t, []string{"testing>in_review"}, w.moves)
	})
	t.Run("a file of which no signal told is seen the next morning", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseTesting
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1)-time.Hour, func() { w.gate = openGate })
			at(env, days(1)+time.Hour, func() {
				require.Equal(t, "request the registry's review", statusOf(t, env).Progress.Next)
				env.CancelWorkflow()
			})
		})
	})
}

// TestActsSurviveANewRun: what was accepted while a run comes to its end is done by
// the next one.
func TestActsSurviveANewRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.facts.Phase = registry.PhaseInReview
	w.approvalFault = map[string]string{approval.EmailDate: "older than the review request"}
	later := approval
	later.EmailDate = "2026-03-25"
	var revised *reply
	env, _ := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
		slow(env, "JudgeApproval", w.JudgeApproval)
		at(env, days(1), func() {
			// Its handler keeps the run from ending for an hour.
			send(env, workflows.UpdateApproveProduction, workflows.ApproveProduction{Approval: approval, By: ana})
			env.SetContinueAsNewSuggested(true)
			send(env, workflows.UpdateSetPolicy, workflows.SetPolicy{Policy: w.facts.Policy, By: ana})
		})
		at(env, days(1)+meanwhile, func() {
			revised = send(env, workflows.UpdateRecordRevision, changes)
			env.SignalWorkflow(workflows.SignalFileSettled.Name, workflows.FileSettled{First: true})
		})
	})
	require.NoError(t, revised.refused)
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &next)
	var in workflows.OnboardingInput
	require.NoError(t, converterOf(next, &in))
	require.Equal(t, changes, *in.State.Revision)
	require.True(t, in.State.FirstFile, "a signal that came while the run ended is taken in")

	env = w.env()
	at(env, days(1), env.CancelWorkflow)
	env.ExecuteWorkflow(workflows.Onboarding, in)
	require.Equal(t, []string{"in_review>testing"}, w.moves)
}

// TestRefusedSignal: nobody waits for the answer to a signal, so it is shown, kept
// and told, once.
func TestRefusedSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.facts.Phase = registry.PhaseInReview
	w.approvalFault = map[string]string{approval.EmailDate: "the email is of 2026-03-20, older than the review request of 2026-03-25"}
	onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
		at(env, days(1), func() { env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval) })
		at(env, days(2), func() {
			require.Contains(t, statusOf(t, env).Refused, "older than the review request of 2026-03-25")
			require.Equal(t, 1, w.count(activities.NoticeApprovalRefused))
		})
		at(env, days(30), func() {
			require.Equal(t, 1, w.count(activities.NoticeApprovalRefused), "one refusal is one alert, however long it stands there")
			accepted := approval
			accepted.OverrideBy, accepted.OverrideReason, accepted.EmailDate = "Ana Example", "the date is that of the forwarded mail", "2026-03-24"
			env.SignalWorkflow(workflows.SignalProductionApproved.Name, accepted)
		})
		at(env, days(31), func() {
			require.Empty(t, statusOf(t, env).Refused, "what was taken ends the complaint")
			env.CancelWorkflow()
		})
	})
	require.Equal(t, []string{"in_review>production"}, w.moves)
	require.Contains(t, w.acts, "approval-refused")
}

// TestLetterGivenUp: a letter that cannot be sent waits for a person, who may let
// it go; that is noted, and the journey goes on.
func TestLetterGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.facts.Phase, w.gate = registry.PhaseTesting, openGate
	review := workflows.ReviewNotice(practice, 1)
	onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
		at(env, days(1)-time.Hour, func() {
			w.fail["SendNotice"] = func(int) error { return failure(registry.Refused) }
			send(env, workflows.UpdateRequestReview, workflows.Act{By: ana})
		})
		at(env, days(10), func() {
			s := statusOf(t, env)
			require.Equal(t, registry.PhaseInReview, s.Phase)
			require.Len(t, s.Holds, 1)
			require.Contains(t, s.Holds[0].What, "review-request")
			require.Equal(t, "you", s.Progress.Whose)
			require.Empty(t, w.givenUp, "silence gives nothing up")
			w.fail["SendNotice"] = nil
			decide(t, env, registry.ActionDrop)
		})
		at(env, days(11), func() {
			require.Equal(t, []string{review}, w.givenUp)
			require.Equal(t, "in review", statusOf(t, env).Progress.Stage)
			env.CancelWorkflow()
		})
	})
	require.NotContains(t, w.letters, review)
}

// TestSilenceOfTheGate: where the profile lets silence count, the gate is judged
// again on the day, and the review letter is written by the same rules.
func TestSilenceOfTheGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.facts.Phase = registry.PhaseTesting
	w.facts.Policy.SilentBusinessDays = 4
	due := epoch.Add(days(4) + 7*time.Hour)
	w.gate = activities.GateResult{Waiting: 3, Next: due}
	onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
		at(env, due.Sub(epoch)-time.Minute, func() {
			line := statusOf(t, env).Progress
			require.Equal(t, "registry", line.Whose)
			require.Equal(t, due, line.Due, "the day on which silence counts is the day it is due")
			w.gate = activities.GateResult{Counted: 3, Silent: 3, Open: true}
		})
		at(env, due.Sub(epoch)+time.Minute, func() {
			line := statusOf(t, env).Progress
			require.Equal(t, "request the registry's review", line.Next, "no message was needed")
			send(env, workflows.UpdateRequestReview, workflows.Act{By: ana})
		})
		at(env, days(6), env.CancelWorkflow)
	})
	require.Equal(t, []string{"testing>in_review"}, w.moves, "silence opens the gate, a person asks for the review")
	require.Equal(t, 4, w.reviewRules[0].SilentDays)
}

// TestNinetyDays: the registry answers on day 70. Until then it is asked for nothing,
// and our own people are reminded as the policy says, which changes on the way.
func TestNinetyDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.facts.Phase = registry.PhaseTesting
	asked := epoch.Add(days(3) + time.Hour) // a Thursday
	reviewed := func(day int) int {
		line := w.lines[len(w.lines)-1]
		require.Equal(t, registry.WaitReview, line.Wait)
		require.Equal(t, "registry", line.Whose)
		require.Equal(t, asked, line.Since.UTC(), "it waits since the same moment")
		return w.reminded(day)
	}
	env, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
		at(env, days(2), func() {
			w.gate = openGate
			settle(env, workflows.FileSettled{Lane: registry.LaneTest})
		})
		at(env, days(3)+time.Hour, func() { send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
		for day, reminders := range map[int]int{9: 0, 11: 1, 18: 2, 32: 3, 58: 3, 59: 4} {
			at(env, days(day), func() {
				n := reviewed(day)
				require.Equal(t, reminders, n, "business days 5, 10, 20 and 40 of the wait; day %d", day)
			})
		}
		at(env, days(62), func() {
			policy := w.facts.Policy
			policy.ReviewReminders, policy.TestFilesMin = []int{10, 30}, 5
			w.facts.Policy = policy
			send(env, workflows.UpdateSetPolicy, workflows.SetPolicy{Policy: policy, By: ana})
		})
		at(env, days(63), func() {
			n := reviewed(63)
			require.Equal(t, 2, n, "business days 10 and 30 of the same wait: a change restarts nothing")
		})
		at(env, days(70), func() { env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval) })
		at(env, days(75), func() { settle(env, workflows.FileSettled{Lane: registry.LaneProduction, First: true}) })
		at(env, days(90), func() { require.Fail(t, "nothing waits any more") })
	})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, registry.PhaseProduction, result.Phase)
	require.Equal(t, []string{"testing>in_review", "in_review>production"}, w.moves)
	require.Equal(t, []string{"review/" + practice + "/1", "production/" + practice, "first-file/" + practice}, w.order,
		"nobody nags the registry")
	require.Empty(t, w.holds)
}
