package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/sandbox/engine"
)

// The fairness keys that practices' files carry do something at this server:
// whoever comes last with one file does not wait for the 60 files before it.
func TestOneKeysBacklogDoesNotDelayAnother(t *testing.T) {
	const many = 60
	e := start(t, engine.Options{Dir: t.TempDir(), NoUI: true})
	c := dial(t, e.HostPort())

	var mu sync.Mutex
	var served []string
	act := func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		served = append(served, activity.GetInfo(ctx).WorkflowExecution.ID)
		return nil
	}
	send := func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue: "fairness-activities", StartToCloseTimeout: time.Minute, DisableEagerExecution: true,
		}), "act").Get(ctx, nil)
	}
	deciding := worker.New(c, taskQueue, worker.Options{})
	deciding.RegisterWorkflowWithOptions(send, workflow.RegisterOptions{Name: "send"})
	require.NoError(t, deciding.Start())
	t.Cleanup(deciding.Stop)
	begin := func(id, key string) client.WorkflowRun {
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: id, TaskQueue: taskQueue, Priority: temporal.Priority{FairnessKey: key},
		}, "send")
		require.NoError(t, err)
		return run
	}
	backlog := func() int64 {
		d, err := c.WorkflowService().DescribeTaskQueue(t.Context(), &workflowservice.DescribeTaskQueueRequest{
			Namespace: "default", TaskQueue: &taskqueue.TaskQueue{Name: "fairness-activities"},
			TaskQueueType: enums.TASK_QUEUE_TYPE_ACTIVITY, ReportStats: true,
		})
		require.NoError(t, err)
		return d.GetStats().GetApproximateBacklogCount()
	}
	var runs []client.WorkflowRun
	for n := range many {
		runs = append(runs, begin(fmt.Sprintf("many-%03d", n), "many"))
	}
	require.Eventually(t, func() bool { return backlog() >= many }, time.Minute, 100*time.Millisecond)
	runs = append(runs, begin("few", "few"))
	require.Eventually(t, func() bool { return backlog() >= many+1 }, time.Minute, 100*time.Millisecond)

	acting := worker.New(c, "fairness-activities", worker.Options{
		MaxConcurrentActivityExecutionSize: 1, DisableWorkflowWorker: true,
	})
	acting.RegisterActivityWithOptions(act, activity.RegisterOptions{Name: "act"})
	require.NoError(t, acting.Start())
	t.Cleanup(acting.Stop)
	for _, run := range runs {
		require.NoError(t, run.Get(t.Context(), nil))
	}
	require.Len(t, served, many+1)
	at := 0
	for served[at] != "few" {
		at++
	}
	require.Less(t, at, many/4, "place of the one file")
	t.Logf("served at place %d of %d", at+1, many+1)
}
