package oracle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"immtrail/sandbox/oracle"
)

// fakeEngine is as much of Temporal as the oracle looks at.
type fakeEngine struct {
	mu   sync.Mutex
	runs []*fakeRun
}

type fakeRun struct {
	info    *workflowpb.WorkflowExecutionInfo
	history []*historypb.HistoryEvent
	attempt int32
}

func newEngine() *fakeEngine {
	e := &fakeEngine{}
	e.add("onboarding/"+practiceID, "Onboarding", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, `{"practice":"sunrise-plano"}`)
	e.add("file/f-1", "FileSubmission", enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, `{"file":{"id":"f-1"}}`)
	return e
}

func (e *fakeEngine) add(id, kind string, status enumspb.WorkflowExecutionStatus, input string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &fakeRun{
		info: &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: fmt.Sprintf("run-%d", len(e.runs)+1)},
			Type:      &commonpb.WorkflowType{Name: kind}, Status: status,
		},
		attempt: 1,
		history: []*historypb.HistoryEvent{{
			EventId: 1, EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
				WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
					Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(input)}},
				},
			},
		}},
	}
	e.runs = append(e.runs, r)
}

func payload(text string) *commonpb.Payload {
	return &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(text)}
}

func (r *fakeRun) failed(cause enumspb.WorkflowTaskFailedCause, words string) {
	r.history = append(r.history, &historypb.HistoryEvent{
		EventId: int64(len(r.history) + 1), EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED,
		Attributes: &historypb.HistoryEvent_WorkflowTaskFailedEventAttributes{
			WorkflowTaskFailedEventAttributes: &historypb.WorkflowTaskFailedEventAttributes{
				Cause: cause, Failure: &failurepb.Failure{Message: words},
			},
		},
	})
}

// ListWorkflow gives one run a page, so that paging is seen to work.
func (e *fakeEngine) ListWorkflow(
	_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest,
) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(in.GetNextPageToken())
	out := &workflowservice.ListWorkflowExecutionsResponse{}
	if in.GetQuery() != "" {
		for _, r := range e.runs {
			out.Executions = append(out.Executions, r.info)
		}
		return out, nil
	}
	if n < len(e.runs) {
		out.Executions = append(out.Executions, e.runs[n].info)
		out.NextPageToken = make([]byte, n+1)
	}
	return out, nil
}

func (e *fakeEngine) find(id, runID string) *fakeRun {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runs {
		if r.info.GetExecution().GetWorkflowId() == id && r.info.GetExecution().GetRunId() == runID {
			return r
		}
	}
	return &fakeRun{}
}

func (e *fakeEngine) DescribeWorkflowExecution(_ context.Context, id, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{
		PendingWorkflowTask: &workflowpb.PendingWorkflowTaskInfo{Attempt: e.find(id, runID).attempt},
	}, nil
}

func (e *fakeEngine) GetWorkflowHistory(_ context.Context, id, runID string, _ bool, _ enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	return &events{left: e.find(id, runID).history}
}

type events struct{ left []*historypb.HistoryEvent }

func (e *events) HasNext() bool { return len(e.left) > 0 }

func (e *events) Next() (*historypb.HistoryEvent, error) {
	first := e.left[0]
	e.left = e.left[1:]
	return first, nil
}

// ExecuteWorkflow starts one that nobody works on; a short life is over at once.
func (e *fakeEngine) ExecuteWorkflow(
	_ context.Context, o client.StartWorkflowOptions, _ any, args ...any,
) (client.WorkflowRun, error) {
	input, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	status := enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	if o.WorkflowRunTimeout <= time.Second {
		status = enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT
	}
	e.add(o.ID, "Sabotage", status, string(input))
	return nil, nil
}

func TestHistoriesAreExportedForTheReplayer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "replay")
	e := newEngine()
	files, err := oracle.ExportHistories(t.Context(), e, dir)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		filepath.Join(dir, "Onboarding_onboarding.sunrise-plano_run-1.json"),
		filepath.Join(dir, "FileSubmission_file.f-1_run-2.json"),
	}, files)
	f, err := os.Open(files[0])
	require.NoError(t, err)
	defer f.Close()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	require.Len(t, h.GetEvents(), 1)
}

func TestStuck(t *testing.T) {
	for name, breakIt := range map[string]func(*fakeEngine){
		"a workflow that failed": func(e *fakeEngine) {
			e.add("file/f-2", "FileSubmission", enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, "{}")
		},
		"a workflow that was ended by force": func(e *fakeEngine) {
			e.add("file/f-2", "FileSubmission", enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, "{}")
		},
		"a workflow task that fails for ever": func(e *fakeEngine) { e.runs[0].attempt = 5 },
		"code that does not fit its history": func(e *fakeEngine) {
			e.runs[1].failed(enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR, "nondeterminism")
		},
	} {
		t.Run(name+" is found", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			breakIt(w.engine)
			w.broken(oracle.Stuck)
		})
	}
	t.Run("a task that was lost with its worker is not", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.engine.runs[0].attempt = 2
		w.engine.runs[0].failed(enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, "a signal came")
		w.broken()
	})
}
