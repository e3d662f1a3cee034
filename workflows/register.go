package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
)

// Register makes the workflow types known to a worker. Their names are
// frozen: they stand in histories and in schedules.
func Register(r worker.WorkflowRegistry) {
	// The order does not matter, and this is no workflow's code.
	//workflowcheck:ignore
	for name, wf := range Types() {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: name})
	}
}

// Types are the workflow types by name.
func Types() map[string]any {
	return map[string]any{
		"Onboarding":                  Onboarding,
		"HistoricalLoad":              HistoricalLoad,
		activities.CycleWorkflow:      SubmissionCycle,
		"FileSubmission":              FileSubmission,
		"OutboxQuestion":              OutboxQuestion,
		activities.CollectionWorkflow: ReportCollection,
		"ReportQuestion":              ReportQuestion,
		activities.HostWorkflow:       RegistryHost,
		activities.RemindersWorkflow:  Reminders,
		"Watch":                       Watch,
	}
}
