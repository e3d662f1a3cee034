package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	querypb "go.temporal.io/api/query/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/sandbox/engine"
)

// A person, a page and a player ask one workflow while its worker is away: all wait, and
// none is refused.
func TestManyAskAWorkflowWhoseWorkerIsAway(t *testing.T) {
	e := start(t, engine.Options{Dir: t.TempDir(), NoUI: true})
	c := dial(t, e.HostPort())
	begin := func() worker.Worker {
		w := worker.New(c, taskQueue, worker.Options{})
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			if err := workflow.SetQueryHandler(ctx, "there", func() (bool, error) { return true, nil }); err != nil {
				return err
			}
			for {
				workflow.GetSignalChannel(ctx, "on").Receive(ctx, nil)
			}
		}, workflow.RegisterOptions{Name: "asked"})
		require.NoError(t, w.Start())
		return w
	}
	ask := func(ctx context.Context) error {
		// As a page of the Web UI does: the SDK's own call tries again by itself.
		_, err := c.WorkflowService().QueryWorkflow(ctx, &workflowservice.QueryWorkflowRequest{
			Namespace: engine.Namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: "asked"},
			Query: &querypb.WorkflowQuery{QueryType: "there"},
		})
		return err
	}
	first := begin()
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "asked", TaskQueue: taskQueue}, "asked")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return ask(t.Context()) == nil }, patience, 50*time.Millisecond)
	first.Stop()
	require.NoError(t, c.SignalWorkflow(t.Context(), "asked", "", "on", nil))

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all sync.WaitGroup
	asked := make([]error, 8)
	for n := range asked {
		all.Go(func() {
			busy := (*serviceerror.ResourceExhausted)(nil)
			for asked[n] = ask(ctx); asked[n] != nil && !errors.As(asked[n], &busy) && ctx.Err() == nil; {
				asked[n] = ask(ctx)
			}
		})
	}
	second := begin()
	defer second.Stop()
	all.Wait()
	for _, err := range asked {
		require.NoError(t, err)
	}
}
