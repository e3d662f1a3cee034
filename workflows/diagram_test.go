package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

// bring are the ways in which an event of the phase diagram reaches the
// workflows, by event and way.
var bring = map[registry.PhaseEvent]map[string]func(env *testsuite.TestWorkflowEnvironment, w *world){
	registry.EventPrerequisitesDone: {
		"the last item of the checklist is settled": func(env *testsuite.TestWorkflowEnvironment, w *world) {
			w.facts.Wanted = nil
			env.SignalWorkflow(workflows.SignalPrerequisitesChanged.Name, workflows.PrerequisitesChanged{})
		},
		"a person waives them": func(env *testsuite.TestWorkflowEnvironment, _ *world) {
			send(env, workflows.UpdateWaivePrerequisites, workflows.Act{By: ana, Reason: "it comes by post"})
		},
	},
	registry.EventReviewRequested: {"a person asks for it": func(env *testsuite.TestWorkflowEnvironment, _ *world) {
		send(env, workflows.UpdateRequestReview, workflows.Act{By: ana})
	}},
	registry.EventChangesNeeded: {"a person records it": func(env *testsuite.TestWorkflowEnvironment, _ *world) {
		send(env, workflows.UpdateRecordRevision, workflows.Act{By: ana, Reason: "ORC-12 is empty"})
	}},
	registry.EventApproved: {
		"the signal of the Web UI": func(env *testsuite.TestWorkflowEnvironment, _ *world) {
			env.SignalWorkflow(workflows.SignalProductionApproved.Name, approval)
		},
		"the update of the command line": func(env *testsuite.TestWorkflowEnvironment, _ *world) {
			send(env, workflows.UpdateApproveProduction, workflows.ApproveProduction{Approval: approval, By: ana})
		},
	},
	registry.EventWithdrawn: {"a person withdraws the practice": func(env *testsuite.TestWorkflowEnvironment, _ *world) {
		// An error is one of a Watch that has ended: nobody is there to be asked.
		_ = env.UpdateWorkflowByID(workflows.WatchID(practice), workflows.UpdateWithdraw.Name, "withdraw", &reply{},
			workflows.Act{By: ana, Reason: "closed"})
	}},
}

// TestPhaseDiagram plays every event in every phase through the workflows: what is
// an arrow moves the practice once, anything else moves nothing.
func TestPhaseDiagram(t *testing.T) {
	t.Parallel()
	for _, phase := range registry.Phases() {
		for _, event := range registry.PhaseEvents() {
			require.NotEmpty(t, bring[event], "an event that no test brings: %s", event)
			to, err := registry.Next(phase, event)
			for way, come := range bring[event] {
				want, name := []string{string(phase) + ">" + string(to)}, phase.Words()+" becomes "+to.Words()+": "+way
				if err != nil {
					want, name = nil, phase.Words()+" stays so: "+way
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					w := playEvent(t, phase, come)
					require.Equal(t, want, w.moves)
					require.Empty(t, w.holds, "nobody is needed for it")
				})
			}
		}
	}
}

// playEvent has an event come to a practice in phase, and gives it a day.
func playEvent(t *testing.T, phase registry.Phase, come func(*testsuite.TestWorkflowEnvironment, *world)) *world {
	t.Helper()
	w := newWorld(t)
	w.facts.Phase, w.gate = phase, openGate
	if phase == registry.PhaseRegistered {
		w.facts.Wanted = []activities.WantedPrerequisite{{Key: "intent", Owner: "practice", Words: "a registration of intent"}}
	}
	env := w.env()
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.OnboardingID(practice)})
	env.SetDetachedChildWait(false) // the Watch lives as long as the practice
	env.OnSignalExternalWorkflow(mock.Anything, workflows.HistoryID(practice), mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	env.OnWorkflow("HistoricalLoad", mock.Anything, mock.Anything).Return(workflows.HistoricalLoadResult{}, nil).Maybe()
	at(env, days(1), func() { come(env, w) })
	at(env, days(2), func() {
		require.Equal(t, w.facts.Phase, statusOf(t, env).Phase, "the screen says the same")
		env.CancelWorkflow()
	})
	env.ExecuteWorkflow(workflows.Onboarding, workflows.OnboardingInput{Version: 1, Practice: practice, By: ana})
	return w
}
