package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

// Engine is what is read of Temporal; client.Client has it.
type Engine interface {
	ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	GetWorkflowHistory(ctx context.Context, workflowID, runID string, isLongPoll bool, filterType enumspb.HistoryEventFilterType) client.HistoryEventIterator
}

// Sent is how far a file came.
type Sent string

// How far a file came.
const (
	// NotSent: its upload was never begun.
	NotSent Sent = "not-sent"
	// PerhapsSent: its upload was begun, and nobody has seen its end.
	PerhapsSent Sent = "perhaps-sent"
	// WasSent: it was seen at the registry, or a person said that they uploaded it.
	WasSent Sent = "sent"
)

func (s Sent) rank() int {
	return slices.Index([]Sent{NotSent, PerhapsSent, WasSent}, s)
}

// File is what Temporal knows of one file.
type File struct {
	ID       string        `json:"id"`
	Practice string        `json:"practice"`
	Lane     registry.Lane `json:"for"`
	Digest   string        `json:"digest"`
	Size     int64         `json:"size"`
	Started  time.Time     `json:"started"`
	// Running says that its workflow has not ended.
	Running bool `json:"running"`
	Sent    Sent `json:"sent"`
	// At is when it was confirmed, or uploaded by hand.
	At time.Time `json:"at,omitzero"`
	// RemoteName is the name of the last delivery that was prepared; Messages is
	// how many that holds.
	RemoteName string `json:"remote_name,omitempty"`
	Messages   int    `json:"messages,omitempty"`
}

// Number is n of the file ID f-n, 0 for another ID.
func Number(fileID string) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(fileID, "f-"), 10, 64)
	if err != nil || !strings.HasPrefix(fileID, "f-") {
		return 0
	}
	return n
}

// Since is how far back Temporal is read, for a database whose newest file was
// written down at newest: the clocks of both may differ.
func Since(newest time.Time) time.Time {
	if newest.IsZero() {
		return time.Unix(0, 0)
	}
	return newest.Add(-time.Hour)
}

// Newest is the highest file number of the submissions that were started since:
// one list, no history. 0 where there is none.
func Newest(ctx context.Context, e Engine, since time.Time) (int64, error) {
	var newest int64
	err := list(ctx, e, submissionsSince(since), func(w *workflowpb.WorkflowExecutionInfo) error {
		newest = max(newest, Number(fileOf(w)))
		return nil
	})
	return newest, err
}

// Files reads how far the files came whose submission was started since and is
// not known by the given word; in the order of their numbers. Runs of one file
// are one.
func Files(ctx context.Context, e Engine, dc converter.DataConverter, since time.Time, wanted func(ids []string) ([]string, error)) ([]File, error) {
	runs := map[string][]*workflowpb.WorkflowExecutionInfo{}
	if err := list(ctx, e, submissionsSince(since), func(w *workflowpb.WorkflowExecutionInfo) error {
		runs[fileOf(w)] = append(runs[fileOf(w)], w)
		return nil
	}); err != nil {
		return nil, err
	}
	ids, err := wanted(slices.Sorted(maps.Keys(runs)))
	if err != nil {
		return nil, err
	}
	found := []File{}
	for _, id := range ids {
		file := File{ID: id, Sent: NotSent}
		for _, run := range runs[id] {
			if err := file.read(ctx, e, dc, run); err != nil {
				return nil, fmt.Errorf("read how far %s came: %w", id, err)
			}
		}
		found = append(found, file)
	}
	slices.SortFunc(found, func(a, b File) int { return cmp.Compare(Number(a.ID), Number(b.ID)) })
	return found, nil
}

func submissionsSince(t time.Time) string {
	return fmt.Sprintf("WorkflowType = 'FileSubmission' AND StartTime >= '%s'", t.UTC().Format(time.RFC3339))
}

func fileOf(w *workflowpb.WorkflowExecutionInfo) string {
	return strings.TrimPrefix(w.GetExecution().GetWorkflowId(), workflows.FileID(""))
}

// list goes through all workflows that a query finds, page by page.
func list(ctx context.Context, e Engine, query string, each func(*workflowpb.WorkflowExecutionInfo) error) error {
	var next []byte
	for {
		page, err := e.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: 1000, NextPageToken: next,
		})
		if err != nil {
			return err
		}
		for _, w := range page.GetExecutions() {
			if err := each(w); err != nil {
				return err
			}
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			return nil
		}
	}
}

// read adds what one run wrote down.
func (f *File) read(ctx context.Context, e Engine, dc converter.DataConverter, run *workflowpb.WorkflowExecutionInfo) error {
	if t := run.GetStartTime().AsTime(); f.Started.IsZero() || t.Before(f.Started) {
		f.Started = t
	}
	f.Running = f.Running || run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	steps := map[int64]string{}
	events := e.GetWorkflowHistory(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return err
		}
		if err := f.take(event, steps, dc); err != nil {
			return err
		}
	}
	return nil
}

// take reads one event. steps are the names of scheduled activities by event.
func (f *File) take(event *historypb.HistoryEvent, steps map[int64]string, dc converter.DataConverter) error {
	switch event.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		var in workflows.FileSubmissionInput
		if err := dc.FromPayloads(event.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in); err != nil {
			return err
		}
		f.Practice, f.Lane, f.Digest, f.Size = in.Practice, in.Lane, in.File.Digest, in.File.Size
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		name := event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		steps[event.GetEventId()] = name
		if name == "UploadFile" {
			f.came(PerhapsSent, time.Time{})
		}
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		done := event.GetActivityTaskCompletedEventAttributes()
		return f.ended(steps[done.GetScheduledEventId()], done.GetResult(), event.GetEventTime().AsTime(), dc)
	case enumspb.EVENT_TYPE_MARKER_RECORDED: // of a step that was done in passing
		marker := event.GetMarkerRecordedEventAttributes()
		if marker.GetMarkerName() != "LocalActivity" || marker.GetFailure() != nil {
			return nil
		}
		var step struct{ ActivityType string }
		if err := dc.FromPayloads(marker.GetDetails()["data"], &step); err != nil {
			return err
		}
		return f.ended(step.ActivityType, marker.GetDetails()["result"], event.GetEventTime().AsTime(), dc)
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		if event.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == workflows.SignalFileUploadedByHand.Name {
			f.came(WasSent, event.GetEventTime().AsTime())
		}
	default:
	}
	return nil
}

// ended reads the result of a step.
func (f *File) ended(step string, result *commonpb.Payloads, at time.Time, dc converter.DataConverter) error {
	switch step {
	case "PrepareDelivery":
		var prepared activities.PreparedDelivery
		if err := dc.FromPayloads(result, &prepared); err != nil {
			return err
		}
		if !prepared.Already {
			f.RemoteName, f.Messages = prepared.RemoteName, prepared.Messages
		}
	case "ConfirmDelivery":
		f.came(WasSent, at)
	default:
	}
	return nil
}

func (f *File) came(s Sent, at time.Time) {
	if s.rank() > f.Sent.rank() {
		f.Sent = s
	}
	if !at.IsZero() {
		f.At = at
	}
}
