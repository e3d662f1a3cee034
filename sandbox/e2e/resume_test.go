package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// shutdown bounds a clean stop: the worker lets its steps finish, then
// PostgreSQL writes down what it has.
const shutdown = 2 * time.Minute

func TestKilledRehearsal(t *testing.T) {
	dir := filepath.Join(root, "killed")
	args := []string{"-journey", "-data", dir, "-same-group"}
	var open map[string]string
	for _, moment := range []struct{ practice, stage, open string }{
		{"sunrise-plano", "in review;", "onboarding/sunrise-plano"},
		{"lonestar-group", "production:", "history/lonestar-group"},
	} {
		p := start(t, args...)
		p.until("Ready after")
		goesOn(t, dir, open)
		p.until(moment.practice, moment.stage)
		// It begins with the stage and is over days after it.
		require.Eventually(t, func() bool {
			open = openRuns(t, dir)
			return open[moment.open] != ""
		}, journeyPatience, poll, "%s is open", moment.open)
		p.killGroup()
		require.NotZero(t, p.within(shutdown))
		nothingLeft(t, dir)
	}

	p := start(t, args...)
	p.until("Ready after")
	goesOn(t, dir, open)
	require.Zero(t, p.within(journeyPatience), p.stdout)
	require.Equal(t, "journey: ok", p.stdout.last())
	nothingLeft(t, dir)
}

// openRuns are the run IDs of the workflows that are open now.
func openRuns(t *testing.T, dir string) map[string]string {
	t.Helper()
	c := engineOf(t, dir)
	runs := map[string]string{}
	var next []byte
	for {
		page, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "ExecutionStatus = 'Running'", NextPageToken: next,
		})
		require.NoError(t, err)
		for _, e := range page.GetExecutions() {
			runs[e.GetExecution().GetWorkflowId()] = e.GetExecution().GetRunId()
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			break
		}
	}
	return runs
}

// goesOn says that what was open runs on as the same run: nothing was started
// anew, and nothing was lost.
func goesOn(t *testing.T, dir string, open map[string]string) {
	t.Helper()
	if len(open) == 0 {
		return
	}
	c := engineOf(t, dir)
	for id, run := range open {
		before, err := c.DescribeWorkflowExecution(t.Context(), id, run)
		require.NoError(t, err, id)
		status := before.GetWorkflowExecutionInfo().GetStatus()
		switch status {
		case enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
			continue
		case enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		default:
			require.Fail(t, "an open workflow came to harm", "%s: %s", id, status)
		}
		now, err := c.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err, id)
		require.Equal(t, run, now.GetWorkflowExecutionInfo().GetExecution().GetRunId(), "%s was started again", id)
	}
}

// engineOf connects to the Temporal of a rehearsal that is up.
func engineOf(t *testing.T, dir string) client.Client {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	require.NoError(t, err)
	var state struct {
		Port int `json:"temporal_port"`
	}
	require.NoError(t, json.Unmarshal(data, &state))
	c, err := client.Dial(client.Options{HostPort: fmt.Sprintf("127.0.0.1:%d", state.Port), Logger: silence{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

type silence struct{}

var _ log.Logger = silence{}

func (silence) Debug(string, ...any) {}
func (silence) Info(string, ...any)  {}
func (silence) Warn(string, ...any)  {}
func (silence) Error(string, ...any) {}
