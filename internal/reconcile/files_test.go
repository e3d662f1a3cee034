package reconcile_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"immtrail/activities"
	"immtrail/internal/reconcile"
	"immtrail/registry"
	"immtrail/workflows"
)

var (
	dc    = converter.GetDefaultDataConverter()
	start = time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
)

// engine has one workflow a page, and histories by workflow ID.
type engine struct {
	ids       []string
	histories map[string][]*historypb.HistoryEvent
}

func (e *engine) ListWorkflow(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	n := len(in.GetNextPageToken())
	if n >= len(e.ids) {
		return &workflowservice.ListWorkflowExecutionsResponse{}, nil
	}
	return &workflowservice.ListWorkflowExecutionsResponse{
		Executions: []*workflowpb.WorkflowExecutionInfo{{
			Execution: &commonpb.WorkflowExecution{WorkflowId: e.ids[n]}, StartTime: timestamppb.New(start),
			Status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED,
		}},
		NextPageToken: make([]byte, n+1),
	}, nil
}

func (e *engine) GetWorkflowHistory(_ context.Context, id, _ string, _ bool, _ enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	return &events{all: e.histories[id]}
}

type events struct{ all []*historypb.HistoryEvent }

func (e *events) HasNext() bool { return len(e.all) > 0 }
func (e *events) Next() (*historypb.HistoryEvent, error) {
	next := e.all[0]
	e.all = e.all[1:]
	return next, nil
}

// travelled is the history of a file up to and with these steps.
func travelled(t *testing.T, steps ...string) []*historypb.HistoryEvent {
	t.Helper()
	pack := func(v any) *commonpb.Payloads {
		p, err := dc.ToPayloads(v)
		require.NoError(t, err)
		return p
	}
	all := []*historypb.HistoryEvent{{
		EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
			WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
				Input: pack(workflows.FileSubmissionInput{
					Practice: "sunrise-plano", Lane: registry.LaneProduction, File: registry.FileRef{Digest: "d1", Size: 7},
				}),
			},
		},
	}}
	for i, step := range steps {
		id := int64(i + 2)
		if name, passing := strings.CutPrefix(step, "in passing "); passing {
			all = append(all, &historypb.HistoryEvent{
				EventType: enumspb.EVENT_TYPE_MARKER_RECORDED, EventTime: timestamppb.New(start),
				Attributes: &historypb.HistoryEvent_MarkerRecordedEventAttributes{
					MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{
						MarkerName: "LocalActivity",
						Details: map[string]*commonpb.Payloads{
							"data":   pack(map[string]any{"ActivityID": "1", "ActivityType": name, "Attempt": 1}),
							"result": pack(activities.PreparedDelivery{RemoteName: "SUNR_1.HL7", Messages: 3}),
						},
					},
				},
			})
			continue
		}
		if step == workflows.SignalFileUploadedByHand.Name {
			all = append(all, &historypb.HistoryEvent{
				EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, EventTime: timestamppb.New(start),
				Attributes: &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{
					WorkflowExecutionSignaledEventAttributes: &historypb.WorkflowExecutionSignaledEventAttributes{SignalName: step},
				},
			})
			continue
		}
		all = append(all, &historypb.HistoryEvent{
			EventId: id, EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
			Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
				ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
					ActivityType: &commonpb.ActivityType{Name: step},
				},
			},
		})
		if step == "UploadFile" {
			continue // nobody saw its end
		}
		var result any = activities.Receipt{}
		if step == "PrepareDelivery" {
			result = activities.PreparedDelivery{RemoteName: "SUNR_1.HL7", Messages: 3}
		}
		all = append(all, &historypb.HistoryEvent{
			EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, EventTime: timestamppb.New(start.Add(time.Minute)),
			Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{
				ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{
					ScheduledEventId: id, Result: pack(result),
				},
			},
		})
	}
	return all
}

func TestHowFarFilesCame(t *testing.T) {
	t.Parallel()
	e := &engine{ids: []string{"file/f-10", "file/f-9", "file/f-8", "file/f-7"}, histories: map[string][]*historypb.HistoryEvent{
		"file/f-7":  travelled(t, "CheckFile", "PrepareDelivery", "UploadFile", "ConfirmDelivery"),
		"file/f-8":  travelled(t, "CheckFile", "in passing PrepareDelivery", "UploadFile"), // as small files are prepared
		"file/f-9":  travelled(t, "CheckFile", "PrepareDelivery"),
		"file/f-10": travelled(t, "PrepareDelivery", workflows.SignalFileUploadedByHand.Name),
	}}
	all := func(ids []string) ([]string, error) { return ids, nil }

	files, err := reconcile.Files(t.Context(), e, dc, start, all)
	require.NoError(t, err)
	var ids []string
	var sent []reconcile.Sent
	for _, f := range files {
		require.Equal(t, "sunrise-plano", f.Practice)
		require.Equal(t, "d1", f.Digest)
		require.Equal(t, "SUNR_1.HL7", f.RemoteName)
		require.Equal(t, 3, f.Messages)
		ids, sent = append(ids, f.ID), append(sent, f.Sent)
	}
	require.Equal(t, []string{"f-7", "f-8", "f-9", "f-10"}, ids, "in the order of their numbers")
	require.Equal(t, []reconcile.Sent{reconcile.WasSent, reconcile.PerhapsSent, reconcile.NotSent, reconcile.WasSent}, sent)
	require.Equal(t, start.Add(time.Minute), files[0].At)

	newest, err := reconcile.Newest(t.Context(), e, start)
	require.NoError(t, err)
	require.EqualValues(t, 10, newest)

	none, err := reconcile.Files(t.Context(), e, dc, start, func([]string) ([]string, error) { return nil, nil })
	require.NoError(t, err)
	require.Empty(t, none, "what the database knows is not read")
}

func TestNumber(t *testing.T) {
	t.Parallel()
	require.EqualValues(t, 12, reconcile.Number("f-12"))
	for _, id := range []string{"", "f-", "12", "f-x", "d-12"} {
		require.Zero(t, reconcile.Number(id), id)
	}
	require.Equal(t, time.Unix(0, 0), reconcile.Since(time.Time{}), "a database without a file")
}
