package workflows_test

import (
	"errors"
	"fmt"
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

// What things cost in a history, each with a workflow task of its own at worst.
const (
	eventsOfTask     = 3
	eventsOfActivity = 3 + eventsOfTask
	eventsOfChild    = 3 + 3*eventsOfTask // initiated, started, completed
	eventsOfSignal   = 1 + eventsOfTask
)

// A load of any size keeps its histories small: 10,000 parts, of which each says
// twice how far it is, in runs of fewer than 10,000 events.
func TestTenThousandParts(t *testing.T) {
	t.Parallel()
	const parts, most = 10_000, 10_000
	w := newWorld(t)
	w.facts.Phase, w.facts.History = registry.PhaseProduction, registry.HistoryLoading
	w.facts.Policy.HistoryWindow = 8
	withParts(w, parts)
	w.plan = activities.HistoryPlan{} // nothing comes later
	next := &workflows.HistoricalLoadInput{Version: 1, Practice: practice, Policy: w.facts.Policy}
	runs := 0
	for next != nil {
		runs++
		require.Less(t, runs, 200, "it does not end")
		var events int
		next, events = oneRun(t, w, *next)
		require.Less(t, events, most, "run %d", runs)
	}
	require.Len(t, w.submitted, parts)
	for i, file := range w.submitted {
		require.Equal(t, fmt.Sprintf("f-%d", 101+i), file, "every part once, in order")
	}
	require.Equal(t, registry.HistoryClosed, w.facts.History)
	t.Logf("%d parts in %d runs", parts, runs)
}

// oneRun plays one run and counts its events. next is the input of the run that
// follows, nil after the last.
func oneRun(t *testing.T, w *world, in workflows.HistoricalLoadInput) (next *workflows.HistoricalLoadInput, events int) {
	t.Helper()
	env := w.env()
	env.SetTestTimeout(2 * time.Minute)
	calls := total(w)
	children, signals := 0, 0
	grow := func() {
		events = eventsOfTask + (total(w)-calls)*eventsOfActivity + children*eventsOfChild + signals*eventsOfSignal
		env.SetCurrentHistoryLength(events)
	}
	settled := func(file string) {
		for _, state := range []activities.FileState{activities.FileDelivered, activities.FileAnswered} {
			signals++
			grow()
			env.SignalWorkflow(workflows.SignalFileSettled.Name, workflows.FileSettled{
				FileID: file, Lane: registry.LaneHistorical, State: state,
			})
		}
	}
	env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	told := map[string]bool{}
	env.OnWorkflow("FileSubmission", mock.Anything, mock.Anything).Return(
		func(_ workflow.Context, in workflows.FileSubmissionInput) (workflows.FileSubmissionResult, error) {
			w.mu.Lock()
			w.submitted = append(w.submitted, in.File.ID)
			told[in.File.ID] = true
			w.mu.Unlock()
			children++
			settled(in.File.ID)
			return workflows.FileSubmissionResult{}, nil
		}).Maybe()
	if in.State != nil { // those that were on their way when the run before ended
		at(env, 0, func() {
			for _, file := range in.State.Flying {
				if !told[file] {
					settled(file)
				}
			}
		})
	}
	at(env, days(3), func() { closeLoad(env, "") })
	env.ExecuteWorkflow(workflows.HistoricalLoad, in)
	grow()
	var again *workflow.ContinueAsNewError
	if errors.As(env.GetWorkflowError(), &again) {
		next = &workflows.HistoricalLoadInput{}
		require.NoError(t, converterOf(again, next))
		return next, events
	}
	require.NoError(t, env.GetWorkflowError())
	return nil, events
}

func total(w *world) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.calls {
		n += c
	}
	return n
}

func TestPausingAHistoricalLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	withParts(w, 6)
	var early, unsaid, paused, again, resumed *reply
	w.fail["ListParts"] = once(errTransient)
	env, result := loadHistory(t, w, func(env *testsuite.TestWorkflowEnvironment) {
		at(env, days(1), func() { yes(env) })
		at(env, days(1)+1, func() { early = send(env, workflows.UpdatePause, workflows.Act{By: ana, Reason: "x"}) })
		at(env, days(2), func() {
			approvePlan(env, "plan-one")
		})
		at(env, days(2)+500*time.Millisecond, func() { // while the list of parts is tried again
			unsaid = send(env, workflows.UpdatePause, workflows.Act{By: ana})
			paused = send(env, workflows.UpdatePause, workflows.Act{By: ana, Reason: "the registry asked for it"})
			again = send(env, workflows.UpdatePause, workflows.Act{By: ana, Reason: "the registry asked for it"})
		})
		at(env, days(30), func() {
			require.Empty(t, w.submitted, "nothing starts while it is paused")
			require.Contains(t, statusOf(t, env).Progress.Next, "the registry asked for it")
			resumed = send(env, workflows.UpdateResume, workflows.Act{By: ana, Reason: "they said go on"})
		})
		at(env, days(40), func() { closeLoad(env, "") })
	})
	require.NoError(t, env.GetWorkflowError())
	require.ErrorContains(t, early.refused, "no parts are on their way")
	require.ErrorContains(t, unsaid.refused, "why?")
	require.NoError(t, paused.refused)
	require.True(t, again.answer.Again)
	require.NoError(t, resumed.refused)
	require.Len(t, w.submitted, 6)
	require.Equal(t, registry.HistoryClosed, result.State)
	require.Equal(t, []string{"history-asked", "history-answered", "history-paused", "history-resumed"}, w.acts)
}
