package workflows_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func loadHistory(t *testing.T, w *world, script func(env *testsuite.TestWorkflowEnvironment)) (*testsuite.TestWorkflowEnvironment, workflows.HistoricalLoadResult) {
	t.Helper()
	return loadHistoryFrom(t, w, nil, script)
}

// loadHistoryFrom runs a load that a person has begun again.
func loadHistoryFrom(t *testing.T, w *world, state *workflows.HistoricalState, script func(env *testsuite.TestWorkflowEnvironment)) (*testsuite.TestWorkflowEnvironment, workflows.HistoricalLoadResult) {
	t.Helper()
	env := w.env()
	w.facts.Phase = registry.PhaseProduction
	env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	// A part's submission tells the load how far it is, as the real one does.
	env.OnWorkflow("FileSubmission", mock.Anything, mock.Anything).Return(
		func(_ workflow.Context, in workflows.FileSubmissionInput) (workflows.FileSubmissionResult, error) {
			w.mu.Lock()
			w.submitted = append(w.submitted, in.File.ID)
			w.mu.Unlock()
			env.SignalWorkflow(workflows.SignalFileSettled.Name, workflows.FileSettled{
				FileID: in.File.ID, Lane: in.Lane, State: activities.FileDelivered,
			})
			return workflows.FileSubmissionResult{State: activities.FileAnswered}, nil
		}).Maybe()
	script(env)
	env.ExecuteWorkflow(workflows.HistoricalLoad, workflows.HistoricalLoadInput{Version: 1, Practice: practice, Policy: w.facts.Policy, State: state})
	var result workflows.HistoricalLoadResult
	if env.IsWorkflowCompleted() && env.GetWorkflowError() == nil {
		require.NoError(t, env.GetWorkflowResult(&result))
	}
	return env, result
}

func yes(env *testsuite.TestWorkflowEnvironment) {
	send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{
		HistoryAnswer: activities.HistoryAnswer{Can: true, Since: "2015-01-01"}, By: ana,
	})
}

func withParts(w *world, n int) {
	w.plan = activities.HistoryPlan{Digest: "plan-one", Messages: 10 * n, Parts: n}
	for i := 1; i <= n; i++ {
		w.parts = append(w.parts, activities.Part{Ordinal: i, File: registry.FileRef{ID: fmt.Sprintf("f-%d", 100+i)}})
	}
	w.counts = activities.HistoryCounts{Parts: n, Delivered: n, Messages: 10 * n, Sent: 10 * n, Accepted: 10 * n}
}

func progressOf(t *testing.T, env *testsuite.TestWorkflowEnvironment) (p workflows.HistoryProgress) {
	t.Helper()
	v, err := env.QueryWorkflow(workflows.QueryHistoryProgress.Name)
	require.NoError(t, err)
	require.NoError(t, v.Get(&p))
	return p
}

func approvePlan(env *testsuite.TestWorkflowEnvironment, digest string) *reply {
	return send(env, workflows.UpdateApproveHistorical, workflows.ApproveHistorical{Digest: digest, By: ana})
}

func TestHistoricalLoad(t *testing.T) {
	t.Parallel()

	t.Run("no is an answer", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(20), func() {
				require.Equal(t, registry.WaitHistory, w.lines[len(w.lines)-1].Wait)
				require.Equal(t, 2, w.reminded(20), "after 7 and 14 business days")
				send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{By: ana})
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.HistoryNone, result.State)
		require.Equal(t, 1, w.count(activities.NoticeHistoryQuestions))
		require.Zero(t, w.calls["PlanHistory"])
	})

	t.Run("an answer that comes while the question is being shown is taken", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			w.fail["RecordProgress"] = func(n int) error {
				if n == 1 {
					send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{By: ana})
				}
				return nil
			}
			at(env, days(2), env.CancelWorkflow)
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.HistoryNone, result.State)
	})

	t.Run("a load has as many sources as the practice had EHRs", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 1)
		var unknown, asked, again, backwards, nowhere, odd, no, late *reply
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			old := workflows.HistoryEHR{EHR: "OldChart", Vendor: "OldChart Inc.", From: "2012-01-01", To: "2019-06-30", Contact: "support@oldchart.example", Files: "old*"}
			at(env, days(1), func() {
				unknown = send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{EHR: "OldChart", By: ana})
				backwards = send(env, workflows.UpdateAskHistorical, workflows.AskHistorical{
					HistoryEHR: workflows.HistoryEHR{EHR: "X", From: "2020-01-01", To: "2019-01-01"}, By: ana,
				})
				nowhere = send(env, workflows.UpdateAskHistorical, workflows.AskHistorical{
					HistoryEHR: workflows.HistoryEHR{EHR: "X", Contact: "somebody"}, By: ana,
				})
				odd = send(env, workflows.UpdateAskHistorical, workflows.AskHistorical{
					HistoryEHR: workflows.HistoryEHR{EHR: "X", Files: "old["}, By: ana,
				})
				asked = send(env, workflows.UpdateAskHistorical, workflows.AskHistorical{HistoryEHR: old, By: ana})
				again = send(env, workflows.UpdateAskHistorical, workflows.AskHistorical{HistoryEHR: old, By: ana})
			})
			at(env, days(2), func() {
				no = send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{By: ana})
			})
			at(env, days(3), func() {
				require.Equal(t, registry.HistoryAsked, w.facts.History, "one no of two is no end")
				require.Contains(t, statusOf(t, env).Progress.Move, `--ehr "OldChart"`)
				late = send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{
					EHR: "OldChart", By: ana,
					HistoryAnswer: activities.HistoryAnswer{Can: true, Since: "2012-01-01", Form: "zip, one file a year", Size: "40,000 records"},
				})
			})
			at(env, days(5), func() {
				sources := progressOf(t, env).Sources
				require.Len(t, sources, 2)
				require.False(t, sources[0].Answer.Can)
				require.Equal(t, "zip, one file a year", sources[1].Answer.Form)
				approvePlan(env, "plan-one")
			})
			at(env, days(9), func() { closeLoad(env, "") })
		})
		require.NoError(t, env.GetWorkflowError())
		require.ErrorContains(t, unknown.refused, "ask first")
		require.ErrorContains(t, backwards.refused, "after its last")
		require.ErrorContains(t, nowhere.refused, "no email address")
		require.ErrorContains(t, odd.refused, "pattern")
		require.NoError(t, asked.refused)
		require.True(t, again.answer.Again)
		require.NoError(t, no.refused)
		require.NoError(t, late.refused)
		require.Equal(t, registry.HistoryClosed, result.State)
		require.Equal(t, 2, w.count(activities.NoticeHistoryQuestions), "a letter for each EHR")
		require.Equal(t, []string{"history-asked", "history-asked", "history-answered", "history-answered"}, w.acts, "kept as evidence")
	})

	t.Run("an answer that was wrong is replaced, and kept too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var again, other *reply
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { yes(env); yes(env) })
			at(env, days(2), func() {
				again = send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{
					HistoryAnswer: activities.HistoryAnswer{Can: true, Since: "2015-01-01"}, By: ana,
				})
				other = send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{By: ana})
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.True(t, again.answer.Again)
		require.NoError(t, other.refused)
		require.False(t, other.answer.Again)
		require.Contains(t, other.answer.Words, "there is no historical load")
		require.Equal(t, registry.HistoryNone, result.State, "nothing had come, and now nobody can send anything")
		require.Equal(t, []string{"history-asked", "history-answered", "history-answered"}, w.acts)
	})

	t.Run("an EHR's answer may come when the load is planned, and its silence is closed over with a reason", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 1)
		var bare, late *reply
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				for _, ehr := range []string{"OldChart", "PaperSoft"} {
					send(env, workflows.UpdateAskHistorical, workflows.AskHistorical{HistoryEHR: workflows.HistoryEHR{EHR: ehr}, By: ana})
				}
				send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{
					EHR: "OldChart", HistoryAnswer: activities.HistoryAnswer{Can: true, Since: "2012-01-01"}, By: ana,
				})
			})
			at(env, days(3), func() {
				late = send(env, workflows.UpdateAnswerHistorical, workflows.AnswerHistorical{By: ana})
				approvePlan(env, "plan-one")
			})
			at(env, days(6), func() { bare = closeLoad(env, "") })
			at(env, days(7), func() {
				require.Contains(t, statusOf(t, env).Progress.Move, "--reason")
				closeLoad(env, "PaperSoft is out of business")
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.NoError(t, late.refused)
		require.Contains(t, late.answer.Words, "nothing of the present EHR")
		require.ErrorContains(t, bare.refused, "nobody has answered for PaperSoft")
		require.Equal(t, registry.HistoryClosed, result.State)
	})

	t.Run("asked, planned, approved, sent in windows, reconciled, locked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 5)
		var wrong, approved, again *reply
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { yes(env) })
			at(env, days(3), func() {
				require.Zero(t, w.calls["ListParts"], "nothing moves before the approval")
				wrong = approvePlan(env, "another-plan")
			})
			at(env, days(4), func() { approved = approvePlan(env, "plan-one") })
			at(env, days(4)+1, func() { again = approvePlan(env, "plan-one") })
			at(env, days(9), func() {
				require.Equal(t, registry.HistorySent, w.facts.History, "a load does not close itself")
				closeLoad(env, "")
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.ErrorContains(t, wrong.refused, "the plan has changed")
		require.NoError(t, approved.refused)
		require.NotNil(t, again)
		require.Equal(t, registry.HistoryClosed, result.State)
		require.Equal(t, registry.HistoryClosed, w.facts.History)
		env.AssertWorkflowNumberOfCalls(t, "FileSubmission", 5)
	})

	t.Run("what stays in the outbox is said, also where nothing else came", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan = activities.HistoryPlan{RefusedArchives: 1, RefusedWhy: "it is damaged"}
		_, _ = loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { yes(env) })
			at(env, days(2), func() {
				require.Contains(t, progressOf(t, env).Aside, "refused and stay in the outbox: 1 (it is damaged)")
			})
			at(env, days(3), env.CancelWorkflow)
		})
	})

	t.Run("a changed plan needs a new approval", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 1)
		var stale *reply
		_, _ = loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { yes(env) })
			at(env, days(2), func() { w.plan.Digest = "plan-two" })
			at(env, days(4), func() { stale = approvePlan(env, "plan-one") })
			at(env, days(5), env.CancelWorkflow)
		})
		require.ErrorContains(t, stale.refused, "the plan has changed")
		require.Zero(t, w.calls["ApproveHistory"])
	})

	t.Run("stops itself when too much is refused, and goes on when a person looked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 6)
		w.counts.Accepted, w.counts.Rejected = 94, 6 // above 5 per cent by one record
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { yes(env) })
			at(env, days(2), func() { approvePlan(env, "plan-one") })
			at(env, days(6), func() {
				s := statusOf(t, env)
				require.Len(t, s.Holds, 1)
				require.Equal(t, registry.HoldErrorRate, s.Holds[0].Reason)
				require.Empty(t, w.submitted, "no part starts above the line")
				require.Contains(t, progressOf(t, env).Stopped, "6 of 100")
				decide(t, env, registry.ActionContinue)
			})
			at(env, days(9), func() { closeLoad(env, "the rest is on the work list") })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.HistoryClosed, result.State)
		require.Len(t, w.holds, 1, "the same rate does not stop it twice")
	})

	t.Run("what is given up after it stopped is not sent, and is accounted for", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 6)
		w.counts.Accepted, w.counts.Rejected, w.counts.NotSent = 80, 20, 3
		var bare *reply
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { yes(env) })
			at(env, days(2), func() { approvePlan(env, "plan-one") })
			at(env, days(6), func() { decide(t, env, registry.ActionDrop) })
			at(env, days(8), func() {
				require.Equal(t, registry.HistorySent, w.facts.History)
				bare = closeLoad(env, "")
			})
			at(env, days(9), func() { closeLoad(env, "the vendor sends all of it again") })
		})
		require.NoError(t, env.GetWorkflowError())
		require.ErrorContains(t, bare.err, "not sent")
		require.Empty(t, w.submitted)
		require.Equal(t, registry.HistoryClosed, result.State)
	})

	for name, c := range map[string]activities.HistoryCounts{
		"duplicates and warnings do not stop it, however many": {Warned: 1000},
		"nor does a rate that is exactly at the line":          {Accepted: 95, Rejected: 5},
		"nor errors among a handful of answers":                {Accepted: 9, Rejected: 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			withParts(w, 6)
			w.counts = c
			env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
				at(env, days(1), func() { yes(env) })
				at(env, days(2), func() { approvePlan(env, "plan-one") })
				at(env, days(9), func() { closeLoad(env, "done") })
			})
			require.NoError(t, env.GetWorkflowError())
			require.Empty(t, w.holds)
			require.Len(t, w.submitted, 6)
			require.Equal(t, registry.HistoryClosed, result.State)
		})
	}

	t.Run("records that nothing explains are a question to a person", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 1)
		w.counts.Difference = 3
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { yes(env) })
			at(env, days(2), func() { approvePlan(env, "plan-one") })
			at(env, days(5), func() {
				w.counts.Difference = 0
				decide(t, env, registry.ActionRetry)
			})
			at(env, days(9), func() { closeLoad(env, "") })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.HistoryClosed, result.State)
	})

	t.Run("a load that is closed is never begun again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 2)
		w.facts.History = registry.HistoryClosed
		env, result := loadHistory(t, w, func(*testsuite.TestWorkflowEnvironment) {})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.HistoryClosed, result.State)
		env.AssertWorkflowNumberOfCalls(t, "FileSubmission", 0)
	})

	t.Run("continues as new between two pages and picks up at the next part", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 15)
		w.facts.History = registry.HistoryLoading
		env, _ := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) { env.SetContinueAsNewSuggested(true) })
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &next)
		var in workflows.HistoricalLoadInput
		require.NoError(t, converterOf(next, &in))
		require.Equal(t, 2, in.State.Next)
		require.Equal(t, 2, in.State.Sent+len(in.State.Flying), "parts on their way are carried over")
	})
}

func TestClosingAHistoricalLoad(t *testing.T) {
	t.Parallel()
	// sent is a load of two parts, sent and answered on day 3.
	sent := func(t *testing.T, script func(w *world, env *testsuite.TestWorkflowEnvironment)) (*world, workflows.HistoricalLoadResult, error) {
		t.Helper()
		w := newWorld(t)
		withParts(w, 2)
		env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() { yes(env) })
			at(env, days(2), func() { approvePlan(env, "plan-one") })
			script(w, env)
		})
		return w, result, env.GetWorkflowError()
	}

	t.Run("takes a person, and a reason where messages did not get through", func(t *testing.T) {
		t.Parallel()
		var nobody, bare, reasoned *reply
		w, result, err := sent(t, func(w *world, env *testsuite.TestWorkflowEnvironment) {
			w.counts.Held, w.counts.Messages, w.counts.Came = 3, 23, 23
			at(env, days(5), func() {
				nobody = send(env, workflows.UpdateCloseHistorical, workflows.CloseHistorical{Reason: "x"})
				bare = closeLoad(env, "")
			})
			at(env, days(6), func() { reasoned = closeLoad(env, "three test patients") })
		})
		require.NoError(t, err)
		require.ErrorContains(t, nobody.refused, "who?")
		require.ErrorContains(t, bare.err, "3 messages")
		require.ErrorContains(t, bare.err, "(3 held back)")
		require.NoError(t, reasoned.refused)
		require.Equal(t, registry.HistoryClosed, result.State)
		require.Equal(t, "three test patients", w.closedBecause)
	})

	t.Run("what the registry answered since the last count is counted first", func(t *testing.T) {
		t.Parallel()
		var closing *reply
		w, result, err := sent(t, func(w *world, env *testsuite.TestWorkflowEnvironment) {
			answered := w.counts
			w.counts.Accepted, w.counts.Unanswered = 0, answered.Accepted
			at(env, days(5), func() {
				w.counts = answered
				closing = closeLoad(env, "")
			})
		})
		require.NoError(t, err)
		require.NoError(t, closing.refused)
		require.NoError(t, closing.err)
		require.Empty(t, w.closedBecause)
		require.Equal(t, registry.HistoryClosed, result.State)
	})

	t.Run("closing does not wait for a supplement that is approved just then", func(t *testing.T) {
		t.Parallel()
		var closing *reply
		w, result, err := sent(t, func(w *world, env *testsuite.TestWorkflowEnvironment) {
			at(env, days(6), func() {
				w.plan = activities.HistoryPlan{Digest: "plan-late", Number: 1, Messages: 10, Parts: 1}
			})
			at(env, days(8), func() {
				w.parts = append(w.parts, activities.Part{Ordinal: 3, File: registry.FileRef{ID: "f-103"}})
				approvePlan(env, "plan-late")
				closing = closeLoad(env, "without the supplement")
			})
			at(env, days(12), func() {
				require.Equal(t, registry.HistorySent, w.facts.History)
				closeLoad(env, "")
			})
		})
		require.NoError(t, err)
		require.ErrorContains(t, closing.err, "parts are on their way")
		require.Equal(t, registry.HistoryClosed, result.State)
		require.Empty(t, w.closedBecause)
	})

	t.Run("a late source is a supplement with a plan and an approval of its own", func(t *testing.T) {
		t.Parallel()
		var stale, closing *reply
		w, result, err := sent(t, func(w *world, env *testsuite.TestWorkflowEnvironment) {
			at(env, days(6), func() {
				w.plan = activities.HistoryPlan{Digest: "plan-late", Number: 1, Messages: 10, Parts: 1}
			})
			at(env, days(8), func() {
				require.Len(t, w.parts, 2, "nothing of it is sent before its approval")
				w.parts = append(w.parts, activities.Part{Ordinal: 3, File: registry.FileRef{ID: "f-103"}})
				stale = approvePlan(env, "plan-two")
				closing = closeLoad(env, "")
				approvePlan(env, "plan-late")
			})
			at(env, days(12), func() {
				require.Equal(t, registry.HistorySent, w.facts.History)
				closeLoad(env, "")
			})
		})
		require.NoError(t, err)
		require.ErrorContains(t, stale.refused, "the plan has changed")
		require.ErrorContains(t, closing.refused, "supplement 1 waits")
		require.Equal(t, registry.HistoryClosed, result.State)
		require.Equal(t, []string{"f-101", "f-102", "f-103"}, w.submitted)
		require.Equal(t, 2, w.calls["ApproveHistory"])
	})
}

func closeLoad(env *testsuite.TestWorkflowEnvironment, reason string) *reply {
	return send(env, workflows.UpdateCloseHistorical, workflows.CloseHistorical{By: ana, Reason: reason})
}
