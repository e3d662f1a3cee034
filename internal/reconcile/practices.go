package reconcile

import (
	"context"
	"strings"

	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
	"immtrail/workflows"
)

// Phases are the practices whose onboarding runs, with the phase in which it
// believes the practice to be; empty where it has not said so yet.
func Phases(ctx context.Context, e Engine) (map[string]registry.Phase, error) {
	phases := map[string]registry.Phase{}
	err := list(ctx, e, "WorkflowType = 'Onboarding' AND ExecutionStatus = 'Running'", func(w *workflowpb.WorkflowExecutionInfo) error {
		var phase string
		if p := w.GetSearchAttributes().GetIndexedFields()[searchattr.Phase.GetName()]; p != nil {
			if err := converter.GetDefaultDataConverter().FromPayload(p, &phase); err != nil {
				return err
			}
		}
		phases[strings.TrimPrefix(w.GetExecution().GetWorkflowId(), workflows.OnboardingID(""))] = registry.Phase(phase)
		return nil
	})
	return phases, err
}

// Running are the files whose submission runs.
func Running(ctx context.Context, e Engine) (map[string]bool, error) {
	ids := map[string]bool{}
	err := list(ctx, e, "WorkflowType = 'FileSubmission' AND ExecutionStatus = 'Running'", func(w *workflowpb.WorkflowExecutionInfo) error {
		ids[fileOf(w)] = true
		return nil
	})
	return ids, err
}
