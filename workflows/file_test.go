package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

// submitFile runs one file's submission and returns what became of it.
func submitFile(t *testing.T, w *world, script func(env *testsuite.TestWorkflowEnvironment)) (*testsuite.TestWorkflowEnvironment, workflows.FileSubmissionResult) {
	t.Helper()
	return submitLane(t, w, registry.LaneTest, script)
}

func submitLane(t *testing.T, w *world, lane registry.Lane, script func(env *testsuite.TestWorkflowEnvironment)) (*testsuite.TestWorkflowEnvironment, workflows.FileSubmissionResult) {
	t.Helper()
	env := w.env()
	env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	if script != nil {
		script(env)
	}
	env.ExecuteWorkflow(workflows.FileSubmission, workflows.FileSubmissionInput{
		Version: 1, Practice: practice, File: registry.FileRef{ID: "f-1", Digest: "d", Size: 10},
		Lane: lane, Policy: w.facts.Policy, Business: w.facts.Business, Tell: workflows.OnboardingID(practice),
	})
	var result workflows.FileSubmissionResult
	if env.GetWorkflowError() == nil {
		require.NoError(t, env.GetWorkflowResult(&result))
	}
	return env, result
}

// decide settles the one hold that is open.
func decide(t *testing.T, env *testsuite.TestWorkflowEnvironment, action registry.HoldAction) *reply {
	t.Helper()
	s := statusOf(t, env)
	require.Len(t, s.Holds, 1)
	return send(env, workflows.UpdateResolveHold, workflows.ResolveHold{HoldID: s.Holds[0].ID, Action: action, By: ana})
}

func TestFileSubmission(t *testing.T) {
	t.Parallel()

	t.Run("checked, sent, seen, answered", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		env, result := submitFile(t, w, nil)
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, []activities.FileState{activities.FileDelivered, activities.FileAnswered}, w.settled)
		require.Empty(t, w.holds)
	})

	t.Run("a file with errors is a result: nothing is sent and the vendor is told", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.check = registry.CheckSummary{Outcome: registry.OutcomeMessageRejected, HoldFile: true, Errors: 3}
		env, result := submitFile(t, w, nil)
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileRefused, result.State)
		require.Zero(t, w.calls["UploadFile"])
		require.Equal(t, 1, w.count(activities.NoticeFileRefused))
	})

	t.Run("of a part of a historical load that is held back whole no vendor hears: each message waits for a person", func(t *testing.T) {
		t.Parallel()
		for held, letters := range map[int]int{3: 0, 2: 1} {
			w := newWorld(t)
			w.check = registry.CheckSummary{Outcome: registry.OutcomeMessageRejected, HoldFile: true, Errors: 3, Messages: 3, Held: held}
			env, result := submitLane(t, w, registry.LaneHistorical, nil)
			require.NoError(t, env.GetWorkflowError())
			require.Equal(t, activities.FileRefused, result.State)
			require.Equal(t, letters, w.count(activities.NoticeFileRefused))
		}
	})

	t.Run("waits for the report however long it takes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.answers = activities.AnswerResult{Messages: 2, Unanswered: 2}
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(80), func() {
				w.answers = activities.AnswerResult{Messages: 2, Accepted: 1, Rejected: 1}
				env.SignalWorkflow(workflows.SignalReportImported.Name, workflows.ReportImported{ReportID: "r-1"})
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, 1, result.Answer.Rejected)
	})

	t.Run("the same content delivered before is not sent again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.prepared.Already = true
		_, result := submitFile(t, w, nil)
		require.Equal(t, activities.FileDropped, result.State)
		require.Zero(t, w.calls["UploadFile"])
	})

	t.Run("what is wrong with the connection is told to the host and waited for in line", func(t *testing.T) {
		t.Parallel()
		for _, step := range []string{"UploadFile", "ConfirmDelivery"} {
			w := newWorld(t)
			w.fail[step] = once(faultOn(practice, registry.Unauthorised))
			env, result := submitFile(t, w, nil)
			told := w.released
			require.NoError(t, env.GetWorkflowError())
			require.Equal(t, activities.FileAnswered, result.State)
			require.Len(t, told, 2, step)
			require.Equal(t, workflows.VisitFault, told[0].Outcome)
			require.Equal(t, registry.Unauthorised, told[0].Kind)
			require.Equal(t, workflows.VisitDone, told[1].Outcome)
			require.Empty(t, w.letters, "the host alerts, once for everybody")
			require.Empty(t, w.holds)
		}
	})

	t.Run("nothing is sent before its turn, and a turn that never comes is asked for again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.line = newLine(t, 1, 1)
		w.line.nudge = func(*testsuite.TestWorkflowEnvironment, string) {}
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			grant := func() {
				env.SignalWorkflow(workflows.SignalPermitGranted.Name, workflows.PermitGranted{Host: host, Ask: 1, Permit: 7})
			}
			at(env, 20*time.Hour, func() {
				require.Zero(t, w.calls["UploadFile"])
				require.Equal(t, 4, w.calls["AskPermit"], "every six hours")
				s := statusOf(t, env)
				require.Contains(t, s.Progress.Stage, "waits for its turn on connection to-"+practice)
				grant()
			})
			at(env, 21*time.Hour, grant) // the host asks whether it lives
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, 1, w.calls["UploadFile"])
	})

	t.Run("where everybody else gets through it is this file's own trouble", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.fail["UploadFile"] = func(int) error {
			if len(w.holds) == 0 {
				return faultOn(practice, registry.Transient)
			}
			return nil
		}
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(2), func() { decide(t, env, registry.ActionRetry) })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, 1, w.count(activities.NoticeHold))
	})

	t.Run("trouble of the file alone holds the file, reminds, and goes on when a person says so", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.fail["UploadFile"] = once(failure(registry.Conflict))
		var wrong, stale *reply
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(9), func() {
				require.Equal(t, 1, w.calls["UploadFile"])
				wrong = decide(t, env, registry.ActionArrived)
				stale = send(env, workflows.UpdateResolveHold, workflows.ResolveHold{HoldID: "h-old", Action: registry.ActionRetry, By: ana})
				decide(t, env, registry.ActionRetry)
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.ErrorContains(t, wrong.refused, "retry|resend|drop")
		require.ErrorContains(t, stale.refused, "starter hold list")
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, 1, w.count(activities.NoticeHold))
		require.Len(t, w.letters, 1, "its reminders stand in the morning letter")
	})

	t.Run("weather on our own side holds after the time allowed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		tries := 0
		w.fail["ConfirmDelivery"] = func(int) error {
			tries++
			if len(w.holds) == 0 {
				return errTransient
			}
			return nil
		}
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(2), func() { decide(t, env, registry.ActionRetry) })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Greater(t, tries, 5, "the machine tries before it asks")
		require.Equal(t, activities.FileDelivered, w.settled[0])
		require.Equal(t, activities.FileAnswered, result.State)
	})

	for action, want := range map[registry.HoldAction]activities.FileState{
		registry.ActionArrived: activities.FileAnswered,
		registry.ActionResend:  activities.FileAnswered,
		registry.ActionDrop:    activities.FileDropped,
	} {
		t.Run("an unknown delivery is never sent again by itself; a person says "+string(action), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fail["ConfirmDelivery"] = once(failure(registry.DeliveryUnknown))
			env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
				at(env, days(1), func() {
					require.Equal(t, 1, w.calls["UploadFile"])
					decide(t, env, action)
				})
			})
			require.NoError(t, env.GetWorkflowError())
			require.Equal(t, want, result.State)
			require.Equal(t, []registry.HoldAction{action}, w.decided)
			if action == registry.ActionResend {
				require.Equal(t, []int{1, 2}, w.attempts, "another attempt has another name")
			}
		})
	}

	proof := activities.ProveDeliveryResult{Report: "r-1", Receipt: activities.Receipt{How: registry.ConfirmedByReport, First: true}}
	t.Run("a report that speaks of an unknown delivery settles what a person was asked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.fail["ConfirmDelivery"] = once(failure(registry.DeliveryUnknown))
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			told := func() {
				env.SignalWorkflow(workflows.SignalReportImported.Name, workflows.ReportImported{ReportID: "r-1"})
			}
			at(env, days(1), told) // it covers the day, and says nothing of the file
			at(env, days(2), func() {
				require.Len(t, statusOf(t, env).Holds, 1)
				w.proof = proof
				told()
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, 3, w.calls["ProveDelivery"])
		require.Empty(t, w.decided, "no person decided")
		require.Len(t, w.holds, 1)
		for _, end := range w.holds {
			require.Equal(t, "closed by "+registry.System.Name+": arrived", end)
		}
		require.Equal(t, 1, w.calls["UploadFile"])
	})
	t.Run("what a report proves is not sent again, though a person says so at that moment", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.fail["ConfirmDelivery"] = once(failure(registry.DeliveryUnknown))
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				w.proof = proof
				env.SignalWorkflow(workflows.SignalReportImported.Name, workflows.ReportImported{ReportID: "r-1"})
				decide(t, env, registry.ActionResend)
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Empty(t, w.decided)
		require.Equal(t, []int{1}, w.attempts)
	})
	t.Run("nobody is asked where a report has spoken of it before", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.fail["ConfirmDelivery"] = once(failure(registry.DeliveryUnknown))
		w.proof = proof
		env, result := submitFile(t, w, nil)
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Empty(t, w.holds)
		require.Empty(t, w.letters)
	})

	t.Run("kind invalid is a bug and fails the workflow", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.fail["PrepareDelivery"] = once(failure(registry.Invalid))
		env, _ := submitFile(t, w, nil)
		require.Error(t, env.GetWorkflowError())
	})
}

func TestSentAnyway(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t)
		w.check = registry.CheckSummary{Outcome: registry.OutcomeMessageRejected, HoldFile: true, Errors: 3}
		return w
	}

	t.Run("what a person decided before the check is sent", func(t *testing.T) {
		t.Parallel()
		w := refused(t)
		w.anyway = ana.Name
		env, result := submitFile(t, w, nil)
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Zero(t, w.count(activities.NoticeFileRefused))
	})

	t.Run("a decision that comes while the vendor is being told is not lost", func(t *testing.T) {
		t.Parallel()
		w := refused(t)
		w.fail["SendNotice"] = func(n int) error {
			if n == 1 { // the mail server is slow; meanwhile somebody decides
				return errTransient
			}
			return nil
		}
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Second/2, func() {
				w.anyway = ana.Name
				env.SignalWorkflow(workflows.SignalFileSentAnyway.Name, workflows.FileSentAnyway{FileID: "f-1"})
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, []activities.FileState{activities.FileRefused, activities.FileDelivered, activities.FileAnswered}, w.settled)
		require.Equal(t, 1, w.calls["UploadFile"])
	})

	t.Run("a second decision changes nothing", func(t *testing.T) {
		t.Parallel()
		w := refused(t)
		w.anyway = ana.Name
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, 0, func() {
				for range 2 {
					env.SignalWorkflow(workflows.SignalFileSentAnyway.Name, workflows.FileSentAnyway{FileID: "f-1"})
				}
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, 1, w.calls["UploadFile"])
	})

	t.Run("a signal without a decision behind it sends nothing", func(t *testing.T) {
		t.Parallel()
		w := refused(t)
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, 0, func() {
				env.SignalWorkflow(workflows.SignalFileSentAnyway.Name, workflows.FileSentAnyway{FileID: "f-1"})
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileRefused, result.State)
		require.Zero(t, w.calls["UploadFile"])
	})
}
