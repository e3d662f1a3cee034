package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// engine is what Temporal says of the workflows.
type engine struct{ runs []run }

// run is one run of a workflow.
type run struct {
	id, runID, kind string
	status          enumspb.WorkflowExecutionStatus
	// attempt of the workflow task that waits now; 0 without one.
	attempt int32
	// failed says why workflow tasks failed, as far as history tells.
	failed []string
}

const pageSize = 500

// executions lists every run of every workflow, open and closed.
func executions(ctx context.Context, c Engine, namespace string) ([]*workflowpb.WorkflowExecutionInfo, error) {
	var all []*workflowpb.WorkflowExecutionInfo
	var token []byte
	for {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, PageSize: pageSize, NextPageToken: token,
		})
		if err != nil {
			return nil, fmt.Errorf("list workflows: %w", err)
		}
		all = append(all, page.GetExecutions()...)
		if token = page.GetNextPageToken(); len(token) == 0 {
			return all, nil
		}
	}
}

func history(ctx context.Context, c Engine, id, runID string) (*historypb.History, error) {
	var h historypb.History
	it := c.GetWorkflowHistory(ctx, id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", id, err)
		}
		h.Events = append(h.Events, e)
	}
	return &h, nil
}

// eachHistory calls use for every run that has a history, some at a time. One
// that retention took away in the meantime is left out.
func eachHistory(
	ctx context.Context, c Engine, namespace string,
	use func(*workflowpb.WorkflowExecutionInfo, *historypb.History) error,
) error {
	all, err := executions(ctx, c, namespace)
	if err != nil {
		return err
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		work = make(chan *workflowpb.WorkflowExecutionInfo)
	)
	for range 4 {
		wg.Go(func() {
			for info := range work {
				h, err := history(ctx, c, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId())
				if err == nil {
					err = use(info, h)
				}
				var gone *serviceerror.NotFound
				if err != nil && !errors.As(err, &gone) {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, info := range all {
		work <- info
	}
	close(work)
	wg.Wait()
	return errors.Join(errs...)
}

// readEngine reads all histories once: for the state of their workflows, and
// for patients in them.
func readEngine(ctx context.Context, w *World, s *scanner) (*engine, error) {
	var e engine
	var mu sync.Mutex
	err := eachHistory(ctx, w.Temporal, w.Namespace, func(info *workflowpb.WorkflowExecutionInfo, h *historypb.History) error {
		r := run{
			id: info.GetExecution().GetWorkflowId(), runID: info.GetExecution().GetRunId(),
			kind: info.GetType().GetName(), status: info.GetStatus(), failed: failedTasks(h),
		}
		if r.status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			d, err := w.Temporal.DescribeWorkflowExecution(ctx, r.id, r.runID)
			if err != nil {
				return fmt.Errorf("describe %s: %w", r.id, err)
			}
			r.attempt = d.GetPendingWorkflowTask().GetAttempt()
		}
		mu.Lock()
		e.runs = append(e.runs, r)
		mu.Unlock()
		return scanRun(s, info, h)
	})
	return &e, err
}

// scanRun looks through the history as it is stored, payloads in the raw, and
// through what the list of workflows shows: memo and search attributes.
func scanRun(s *scanner, info *workflowpb.WorkflowExecutionInfo, h *historypb.History) error {
	id := info.GetExecution().GetWorkflowId()
	s.text(SinkWorkflowIDs, "the ID of a workflow", []byte(id))
	for sink, m := range map[Sink]proto.Message{SinkHistories: h, SinkAttributes: info} {
		what := "history of "
		if sink == SinkAttributes {
			what = "search attributes and memo of "
		}
		raw, err := proto.Marshal(m)
		if err != nil {
			return fmt.Errorf("encode %s%s: %w", what, id, err)
		}
		s.text(sink, what+id, raw)
	}
	return nil
}

// failedTasks are the causes of failed workflow tasks that a bug of ours has:
// a panic, or code that does not fit its history.
func failedTasks(h *historypb.History) []string {
	var causes []string
	for _, e := range h.GetEvents() {
		a := e.GetWorkflowTaskFailedEventAttributes()
		if a == nil {
			continue
		}
		switch a.GetCause() {
		case enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
			enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
			enumspb.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
			enumspb.WORKFLOW_TASK_FAILED_CAUSE_BAD_BINARY,
			enumspb.WORKFLOW_TASK_FAILED_CAUSE_PAYLOADS_TOO_LARGE:
			causes = append(causes, fmt.Sprintf("event %d: %s", e.GetEventId(), a.GetCause()))
		default:
		}
	}
	return causes
}

// stuckAttempt is the attempt at which a workflow task counts as failing for
// ever: kills of the worker cost one or two.
const stuckAttempt = 4

// stuck: a workflow that failed or was ended by force, one whose task fails
// again and again, and one that stumbled over a bug on its way.
func stuck(f *facts) []found {
	var out []found
	for _, r := range f.engine.runs {
		switch r.status {
		case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED,
			enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
			out = append(out, say("", "workflow %s (%s) ended as %s", r.id, r.kind, r.status))
		default:
		}
		if r.attempt >= stuckAttempt {
			out = append(out, say("", "workflow %s (%s) stands still: its task is at attempt %d", r.id, r.kind, r.attempt))
		}
		if len(r.failed) > 0 {
			out = append(out, say("", "workflow %s (%s) stumbled: %s", r.id, r.kind, strings.Join(r.failed, ", ")))
		}
	}
	return out
}

// ExportHistories writes the history of every run of every workflow into dir as
// protobuf JSON, which the SDK's replayer reads, and returns the files' paths. A
// file is called after type, workflow and run.
func ExportHistories(ctx context.Context, c Engine, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("export histories: %w", err)
	}
	var files []string
	var mu sync.Mutex
	// An empty namespace is that of the client.
	err := eachHistory(ctx, c, "", func(info *workflowpb.WorkflowExecutionInfo, h *historypb.History) error {
		raw, err := protojson.Marshal(h)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		// The library changes its spaces from build to build, on purpose.
		if err := json.Indent(&text, raw, "", " "); err != nil {
			return err
		}
		path := filepath.Join(dir, fileName(info)+".json")
		mu.Lock()
		files = append(files, path)
		mu.Unlock()
		return os.WriteFile(path, append(text.Bytes(), '\n'), 0o644)
	})
	if err != nil {
		return files, fmt.Errorf("export histories: %w", err)
	}
	return files, nil
}

func fileName(info *workflowpb.WorkflowExecutionInfo) string {
	name := info.GetType().GetName() + "_" + info.GetExecution().GetWorkflowId() + "_" + info.GetExecution().GetRunId()
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '.'
	}, name)
}
