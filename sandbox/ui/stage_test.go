package ui_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/proxy"
	querypb "go.temporal.io/api/query/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"immtrail/internal/pglocal"
	"immtrail/sandbox/engine"
	"immtrail/sandbox/journey"
	"immtrail/sandbox/stage"
	"immtrail/workflows"
)

// rehearse builds the stage with the codec on and plays one practice on it, up
// to where a coordinator has to act.
func rehearse(t *testing.T) *stage.Stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "immtrail-ui-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o711)) // PostgreSQL's user passes through
	s, err := stage.Build(t.Context(), stage.Options{
		Dir: filepath.Join(dir, "stage"), Day: time.Second, Codec: true, Binary: sandbox(t, dir), Log: t.Logf,
	})
	if errors.Is(err, pglocal.ErrNoBinaries) {
		missing(t, err.Error())
	}
	require.NoError(t, err)
	t.Cleanup(s.Close)
	j, err := journey.Begin(t.Context(), s, journey.Options{Practices: 1, Manual: true})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Rehearse(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the rehearsal: %v", err)
		}
		j.Close()
	})
	return s
}

// sandbox builds the binary whose roles registry and worker are.
func sandbox(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "sandbox")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "immtrail/sandbox")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

func status(t *testing.T, s *stage.Stage) workflows.Status {
	t.Helper()
	st, err := ask(t.Context(), s)
	require.NoError(t, err)
	return st
}

func ask(ctx context.Context, s *stage.Stage) (workflows.Status, error) {
	var st workflows.Status
	v, err := s.Temporal().QueryWorkflow(ctx, workflows.OnboardingID(practice), "", workflows.QueryStatus.Name)
	if err != nil {
		return st, err
	}
	return st, v.Get(&st)
}

// await asks the onboarding until it answers as wanted.
func await(t *testing.T, s *stage.Stage, what string, ready func(workflows.Status) bool) {
	t.Helper()
	var last workflows.Status
	var err error
	if !eventually(func() bool {
		last, err = ask(t.Context(), s)
		return err == nil && ready(last)
	}) {
		t.Fatalf("%s did not come: %+v, %v", what, last, err)
	}
}

// eventually polls in the test's own goroutine, so that a look may fail it.
func eventually(ok func() bool) bool {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			return false
		case <-tick.C:
		}
	}
	return true
}

// sealed looks at history and current details as they leave the server.
func (p page) sealed(t *testing.T) {
	t.Helper()
	s := p.stage
	execution := &commonpb.WorkflowExecution{WorkflowId: workflows.OnboardingID(practice)}
	history, err := s.Temporal().WorkflowService().GetWorkflowExecutionHistory(t.Context(),
		&workflowservice.GetWorkflowExecutionHistoryRequest{Namespace: engine.Namespace, Execution: execution})
	require.NoError(t, err)
	require.NotContains(t, history.String(), reviewer)
	require.Greater(t, encrypted(t, history), 20)

	answer, err := s.Temporal().WorkflowService().QueryWorkflow(t.Context(), &workflowservice.QueryWorkflowRequest{
		Namespace: engine.Namespace, Execution: execution,
		Query: &querypb.WorkflowQuery{QueryType: "__temporal_workflow_metadata"},
	})
	require.NoError(t, err)
	require.Positive(t, encrypted(t, answer))
}

// encrypted counts the payloads of a message; one that is not encrypted fails
// the test. Search attributes are opaque and have to be in clear.
func encrypted(t *testing.T, message proto.Message) int {
	t.Helper()
	n := 0
	err := proxy.VisitPayloads(t.Context(), message, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range payloads {
				require.Equal(t, "binary/encrypted", string(p.GetMetadata()["encoding"]))
				n++
			}
			return payloads, nil
		},
	})
	require.NoError(t, err)
	return n
}
