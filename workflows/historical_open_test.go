package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func TestAHistoricalLoadThatIsBegunAgain(t *testing.T) {
	t.Parallel()

	t.Run("after the vendor had none waits for the answer anew, and its acts are new ones", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 1)
		w.facts.History = registry.HistoryAsked
		var early *reply
		env, result := loadHistoryFrom(t, w, &workflows.HistoricalState{Opened: 1, Sources: []workflows.HistorySource{{}}}, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				require.Equal(t, registry.HistoryAsked, progressOf(t, env).State)
				early = send(env, workflows.UpdatePlanHistorical, workflows.Act{By: ana})
				yes(env)
			})
			at(env, days(2), func() { approvePlan(env, "plan-one") })
			at(env, days(5), func() { closeLoad(env, "") })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.HistoryClosed, result.State)
		require.ErrorContains(t, early.refused, "no EHR vendor has said yes")
		require.Zero(t, w.count(activities.NoticeHistoryQuestions), "the vendor was asked before")
		require.NotEmpty(t, w.historyKeys)
		for key := range w.historyKeys {
			require.Contains(t, key, "/opened-1", "what was recorded under the same name before would hide it")
		}
	})

	t.Run("in mid-load sends what has not left, and counts what has", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		withParts(w, 5)
		w.facts.History, w.plan = registry.HistoryLoading, activities.HistoryPlan{}
		w.parts[0].Left, w.parts[1].Left = true, true
		env, result := loadHistoryFrom(t, w, &workflows.HistoricalState{Opened: 1}, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(3), func() {
				p := progressOf(t, env)
				require.Equal(t, []int{5, 5, 0}, []int{p.Parts, p.Sent, p.InFlight})
				closeLoad(env, "")
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, registry.HistoryClosed, result.State)
		require.Equal(t, []string{"f-103", "f-104", "f-105"}, w.submitted)
	})
}
