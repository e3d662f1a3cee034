package workflows_test

import (
	"slices"
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

var approval = registry.Approval{
	Practice: practice, ApprovedBy: "J. Doe, DSHS", EmailDate: "2026-03-20", MessageID: "<m1@dshs.example>",
}

var openGate = activities.GateResult{Counted: 3, Open: true}

// onboard runs an onboarding whose children do nothing.
func onboard(t *testing.T, w *world, script func(env *testsuite.TestWorkflowEnvironment)) (*testsuite.TestWorkflowEnvironment, workflows.OnboardingResult) {
	t.Helper()
	return onboardWith(t, w, func() {}, script)
}

// onboardWith also tells when a historical load begins.
func onboardWith(t *testing.T, w *world, load func(), script func(env *testsuite.TestWorkflowEnvironment)) (*testsuite.TestWorkflowEnvironment, workflows.OnboardingResult) {
	t.Helper()
	env := w.env()
	env.OnWorkflow("Watch", mock.Anything, mock.Anything).Return(nil).Maybe()
	env.OnWorkflow("HistoricalLoad", mock.Anything, mock.Anything).Return(
		func(workflow.Context, workflows.HistoricalLoadInput) (workflows.HistoricalLoadResult, error) {
			load()
			return workflows.HistoricalLoadResult{}, nil
		}).Maybe()
	script(env)
	env.ExecuteWorkflow(workflows.Onboarding, workflows.OnboardingInput{Version: 1, Practice: practice, By: ana})
	var result workflows.OnboardingResult
	if env.IsWorkflowCompleted() && env.GetWorkflowError() == nil {
		require.NoError(t, env.GetWorkflowResult(&result))
	}
	return env, result
}

// settle tells the onboarding that a file came to a stage.
func settle(env *testsuite.TestWorkflowEnvironment, f workflows.FileSettled) {
	env.SignalWorkflow(workflows.SignalFileSettled.Name, f)
}

func TestOnboarding(t *testing.T) {
	t.Parallel()

	t.Run("the whole journey", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var review *reply
		env, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				w.gate = openGate
				settle(env, workflows.FileSettled{FileID: "f-3", Lane: registry.LaneTest, State: activities.FileAnswered, ErrorFree: true})
			})
			at(env, days(2), func() { review = send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
			at(env, days(9), func() { env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval) })
			at(env, days(12), func() {
				settle(env, workflows.FileSettled{FileID: "f-4", Lane: registry.LaneProduction, State: activities.FileDelivered, First: true})
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.NoError(t, review.refused)
		require.Equal(t, registry.PhaseInReview, review.answer.Phase)
		require.Equal(t, registry.PhaseProduction, result.Phase)
		require.Equal(t, []string{"registered>testing", "testing>in_review", "in_review>production"}, w.moves)
		require.Equal(t, []string{
			"review/" + practice + "/1", "production/" + practice, "first-file/" + practice,
		}, w.order)
		require.Equal(t, registry.SubmissionOn, w.facts.Submission)
		require.True(t, w.lines[len(w.lines)-1].Ended)
	})

	t.Run("a review is refused while the gate is shut, and says how many are missing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.gate = activities.GateResult{Counted: 2}
		var review *reply
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { review = send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
			at(env, days(2), env.CancelWorkflow)
		})
		require.ErrorContains(t, review.err, "2 of 3")
		require.Equal(t, []string{"registered>testing"}, w.moves)
	})

	t.Run("seventy silent days give the reminders of the policy and no decision", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseInReview
		_, _ = onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(70), func() {
				require.Equal(t, registry.PhaseInReview, statusOf(t, env).Phase)
				// Business days 5, 10, 20 and 40 lie within 70 days; day 60 does not.
				require.Equal(t, 4, w.reminded(70))
				env.CancelWorkflow()
			})
		})
		require.Empty(t, w.moves)
	})

	t.Run("changes needed leads back to testing and to a second request", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.gate = openGate
		var bare *reply
		env, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
			at(env, days(2), func() {
				bare = send(env, workflows.UpdateRecordRevision, workflows.Act{By: ana})
				send(env, workflows.UpdateRecordRevision, workflows.Act{By: ana, Reason: "ORC-12 is empty"})
			})
			at(env, days(3), func() { send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
			at(env, days(4), func() { env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval) })
			at(env, days(5), func() { settle(env, workflows.FileSettled{Lane: registry.LaneProduction, First: true}) })
		})
		require.NoError(t, env.GetWorkflowError())
		require.ErrorContains(t, bare.refused, "what did the registry ask for")
		require.Equal(t, registry.PhaseProduction, result.Phase)
		require.Equal(t, []string{
			"registered>testing", "testing>in_review", "in_review>testing", "testing>in_review", "in_review>production",
		}, w.moves)
		require.Equal(t, 2, w.count(activities.NoticeReviewRequest))
	})

	t.Run("withdrawal ends it in every phase", func(t *testing.T) {
		t.Parallel()
		for _, phase := range []registry.Phase{registry.PhaseRegistered, registry.PhaseTesting, registry.PhaseInReview, registry.PhaseProduction} {
			w := newWorld(t)
			w.facts.Phase = phase
			w.facts.Wanted = []activities.WantedPrerequisite{{Key: "intent", Owner: "practice"}}
			env, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
				at(env, days(1), func() { env.SignalWorkflow(workflows.SignalWithdrawn.Name, workflows.Withdrawn{By: ana}) })
			})
			require.NoError(t, env.GetWorkflowError(), phase)
			require.Equal(t, registry.PhaseWithdrawn, result.Phase, phase)
		}
	})

	t.Run("a run that continues as new keeps its state", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		env, _ := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1)+time.Hour, func() {
				env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval)
				env.SetContinueAsNewSuggested(true)
			})
			at(env, days(2), func() { settle(env, workflows.FileSettled{FileID: "f-1", Lane: registry.LaneTest}) })
		})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &next)
		var in workflows.OnboardingInput
		require.NoError(t, converterOf(next, &in))
		require.Equal(t, &approval, in.State.Approval)
		require.True(t, in.State.WatchStarted)
		require.Equal(t, 3, in.State.Policy.TestFilesMin)
	})
}

func TestApproval(t *testing.T) {
	t.Parallel()

	// routes are the two ways in which an approval comes.
	routes := map[string]func(*testsuite.TestWorkflowEnvironment, registry.Approval) *reply{
		"signal": func(env *testsuite.TestWorkflowEnvironment, a registry.Approval) *reply {
			env.SignalWorkflow(workflows.SignalProductionApproved.Name, a)
			return &reply{}
		},
		"update": func(env *testsuite.TestWorkflowEnvironment, a registry.Approval) *reply {
			return send(env, workflows.UpdateApproveProduction, workflows.ApproveProduction{Approval: a, By: ana})
		},
	}
	for route, approve := range routes {
		t.Run("an early one by "+route+" opens nothing and is applied when the review is reached", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var r *reply
			env, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
				at(env, days(1), func() { r = approve(env, approval) })
				at(env, days(5), func() {
					s := statusOf(t, env)
					require.Equal(t, registry.PhaseTesting, s.Phase)
					require.True(t, s.Early)
					w.gate = openGate
					settle(env, workflows.FileSettled{Lane: registry.LaneTest})
				})
				at(env, days(6), func() { send(env, workflows.UpdateRequestReview, workflows.Act{By: ana}) })
				at(env, days(7), func() { settle(env, workflows.FileSettled{Lane: registry.LaneProduction, First: true}) })
			})
			require.NoError(t, env.GetWorkflowError())
			require.NoError(t, r.refused)
			require.Equal(t, route == "update", r.answer.Early)
			require.Equal(t, registry.PhaseProduction, result.Phase)
			require.Contains(t, w.acts, "approval-early")
			require.Len(t, w.early, 1)
			require.Equal(t, &approval, w.early[0].Approval, "where it is found again")
			require.Equal(t, 1, w.count(activities.NoticeReviewRequest), "the review is still requested")
		})

		t.Run("one for another practice by "+route+" is refused and seen", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.facts.Phase = registry.PhaseInReview
			other := approval
			other.Practice = "somebody-else"
			var r *reply
			onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
				at(env, days(1), func() { r = approve(env, other) })
				at(env, days(2), func() {
					if route == "signal" {
						require.Contains(t, statusOf(t, env).Refused, "another practice")
					}
					env.CancelWorkflow()
				})
			})
			require.Empty(t, w.moves)
			if route == "update" {
				require.ErrorContains(t, r.refused, "another practice")
				return
			}
			require.Contains(t, w.acts, "approval-refused")
			require.Equal(t, 1, w.count(activities.NoticeApprovalRefused))
		})

		t.Run("the same again by "+route+" changes nothing, a different one is refused", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.facts.Phase = registry.PhaseInReview
			different := approval
			different.EmailDate = "2026-03-21"
			var again, other *reply
			onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
				at(env, days(1), func() { approve(env, approval) })
				at(env, days(2), func() { again = approve(env, approval) })
				at(env, days(3), func() { other = approve(env, different) })
				at(env, days(4), env.CancelWorkflow)
			})
			require.Equal(t, []string{"in_review>production"}, w.moves)
			require.Equal(t, 1, w.count(activities.NoticeProductionVendor))
			if route == "update" {
				require.NoError(t, again.refused)
				require.True(t, again.answer.Again)
				require.ErrorContains(t, other.refused, "another approval")
				return
			}
			require.Equal(t, 1, w.count(activities.NoticeApprovalRefused))
		})
	}

	t.Run("mistyped JSON in the Web UI is answered, not dropped", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseInReview
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { env.SignalWorkflow(workflows.SignalProductionApproved.Name, "approved!") })
			at(env, days(2), func() {
				require.Contains(t, statusOf(t, env).Refused, `"email_date"`)
				env.CancelWorkflow()
			})
		})
		require.Empty(t, w.moves)
	})

	t.Run("missing evidence is asked for until it is there", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseInReview
		bare := approval
		bare.MessageID = ""
		env, result := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { env.SignalWorkflow(workflows.SignalProductionApproved.Name, bare) })
			at(env, days(2), func() { settle(env, workflows.FileSettled{Lane: registry.LaneProduction, First: true}) })
			at(env, days(15), func() {
				line := w.lines[len(w.lines)-1]
				require.Equal(t, registry.WaitEvidence, line.Wait)
				require.Equal(t, "you", line.Whose)
				require.Equal(t, epoch.Add(days(2)), line.Since.UTC())
				env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval)
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, approval.MessageID, result.Approval.MessageID)
		require.Contains(t, w.acts, "evidence:"+approval.MessageID)
		require.Equal(t, []string{"in_review>production"}, w.moves)
	})

	t.Run("evidence is said to be filed when it is in the ledger", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseInReview
		bare := approval
		bare.MessageID = ""
		var late *reply
		seen := false
		env, _ := onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { env.SignalWorkflow(workflows.SignalProductionApproved.Name, bare) })
			at(env, days(2), func() { settle(env, workflows.FileSettled{Lane: registry.LaneProduction, First: true}) })
			at(env, days(3), func() {
				late = send(env, workflows.UpdateApproveProduction, workflows.ApproveProduction{Approval: approval, By: ana})
				late.then = func() {
					w.mu.Lock()
					defer w.mu.Unlock()
					seen = slices.Contains(w.acts, "evidence:"+approval.MessageID)
				}
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, "the connection is live; the evidence is filed", late.answer.Words)
		require.True(t, seen, "it was answered before it was filed")
	})
}
