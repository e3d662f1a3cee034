package cli

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"immtrail/internal/reconcile"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
	"immtrail/workflows"
)

func (e *temporalEngine) Travelled(
	ctx context.Context, since time.Time, wanted func(ids []string) ([]string, error),
) ([]reconcile.File, error) {
	found, err := reconcile.Files(ctx, e.c, e.dc, since, wanted)
	return found, temporalWords(err)
}

func (e *temporalEngine) RunningFiles(ctx context.Context) (map[string]bool, error) {
	running, err := reconcile.Running(ctx, e.c)
	return running, temporalWords(err)
}

func (e *temporalEngine) Onboardings(ctx context.Context) (map[string]registry.Phase, error) {
	phases, err := reconcile.Phases(ctx, e.c)
	return phases, temporalWords(err)
}

func (e *temporalEngine) StartFile(ctx context.Context, in workflows.FileSubmissionInput) error {
	_, err := e.c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.FileID(in.File.ID), TaskQueue: e.queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            string(in.Lane) + " file of " + in.Practice,
		Priority:                 temporal.Priority{FairnessKey: in.Practice},
		TypedSearchAttributes:    temporal.NewSearchAttributes(searchattr.PracticeID.ValueSet(in.Practice)),
	}, workflows.FileSubmission, in)
	return temporalWords(err)
}

func (e *temporalEngine) Terminate(ctx context.Context, workflowID, reason string) error {
	err := e.c.TerminateWorkflow(ctx, workflowID, "", reason)
	if gone := (*serviceerror.NotFound)(nil); errors.As(err, &gone) {
		return nil
	}
	return temporalWords(err)
}
