package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"immtrail/registry"
	"immtrail/workflows"
)

func TestHoldOfAnOversizeInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.env()
	w.facts.Phase = registry.PhaseProduction
	env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	long := make([]byte, 20_000)
	for i := range long {
		long[i] = 'x'
	}
	var r *reply
	at(env, days(1), func() {
		r = send(env, workflows.UpdateAttestNothing, workflows.Attest{Act: workflows.Act{By: ana, Reason: string(long)}})
	})
	at(env, days(2), func() {
		s := statusOf(t, env)
		require.Len(t, s.Holds, 1, "it waits for a person instead of failing for ever")
		require.Equal(t, registry.HoldPayload, s.Holds[0].Reason)
		env.CancelWorkflow()
	})
	env.ExecuteWorkflow(workflows.Watch, workflows.WatchInput{Version: 1, Practice: practice, Policy: w.facts.Policy})
	require.NotNil(t, r)
	require.True(t, temporal.IsCanceledError(env.GetWorkflowError()))
}
