package engine_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	querypb "go.temporal.io/api/query/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/internal/temporalconn"
	"immtrail/sandbox/engine"
)

// secret is in what the workflow below is given, shows, does and fails with.
const secret = "Zzyzxqua"

type talk struct{}

func (talk) run(ctx workflow.Context, in string) (string, error) {
	workflow.SetCurrentDetails(ctx, "**"+secret+"** waits for you")
	var word string
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, &word)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, Summary: "upload " + secret,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	err := workflow.ExecuteActivity(ctx, "fail").Get(ctx, nil)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return "", err
	}
	return word + ": " + app.Type() + ": " + app.Message(), nil
}

func (talk) fail(context.Context) error {
	return temporal.NewNonRetryableApplicationError("cannot reach "+secret, "refused", errors.New("PID|1||"+secret))
}

func TestEncryptedHistory(t *testing.T) {
	e := start(t, engine.Options{Dir: t.TempDir(), NoUI: true})
	settings := temporalconn.Settings{
		HostPort: e.HostPort(), CodecOn: true,
		CodecKeys: []temporalconn.Key{{ID: "k1", Secret: []byte(strings.Repeat("k", temporalconn.SecretBytes))}},
	}
	c, err := temporalconn.Dial(t.Context(), settings, nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(talk{}.run, workflow.RegisterOptions{Name: "talk"})
	w.RegisterActivityWithOptions(talk{}.fail, activity.RegisterOptions{Name: "fail"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "talk", TaskQueue: taskQueue}, "talk", secret)
	require.NoError(t, err)

	t.Run("current details are for the codec endpoint only", func(t *testing.T) {
		resp, err := c.WorkflowService().QueryWorkflow(t.Context(), &workflowservice.QueryWorkflowRequest{
			Namespace: engine.Namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: "talk"},
			Query: &querypb.WorkflowQuery{QueryType: "__temporal_workflow_metadata"},
		})
		require.NoError(t, err)
		sealed := resp.GetQueryResult().GetPayloads()
		require.NotContains(t, resp.String(), secret)

		handler, err := temporalconn.CodecHandler(settings, nil, "0123456789abcdef")
		require.NoError(t, err)
		srv := httptest.NewServer(handler)
		defer srv.Close()
		remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
			Endpoint: temporalconn.CodecURL(srv.URL, "0123456789abcdef"),
		})
		plain, err := remote.Decode(sealed)
		require.NoError(t, err)
		require.Contains(t, string(plain[0].GetData()), "**"+secret+"** waits for you")
	})
	t.Run("plain JSON, as typed in the Web UI, is understood", func(t *testing.T) {
		_, err := c.WorkflowService().SignalWorkflowExecution(t.Context(), &workflowservice.SignalWorkflowExecutionRequest{
			Namespace: engine.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "talk"}, SignalName: "go",
			Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{{
				Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"typed"`),
			}}},
		})
		require.NoError(t, err)
		require.Equal(t, "typed: refused: cannot reach "+secret, result(t, c, "talk"))
	})
	t.Run("no event of the history shows anything in clear", func(t *testing.T) {
		events := c.GetWorkflowHistory(t.Context(), "talk", "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		n := 0
		for ; events.HasNext(); n++ {
			event, err := events.Next()
			require.NoError(t, err)
			require.NotContains(t, event.String(), secret)
			require.NotContains(t, event.String(), "PID|")
		}
		require.Greater(t, n, 8)
	})
}
