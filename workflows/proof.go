package workflows

import (
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// proven answers in a person's place where nobody could tell whether a file arrived:
// a report that speaks of it says so.
func (f *fileSubmission) proven(ctx workflow.Context, reason registry.HoldReason) (registry.HoldAction, error) {
	if reason != registry.HoldDeliveryUnknown {
		return "", nil
	}
	proof, err := must(ctx, f.process, ledgerWork, "do the reports speak of it?", deliveries.ProveDelivery,
		activities.ProveDeliveryInput{Scope: f.scope(), DeliveryID: f.target.DeliveryID})
	if err != nil || proof.Report == "" {
		return "", err
	}
	f.proof, f.lastDecider = proof, registry.System
	return registry.ActionArrived, nil
}

// hearReport takes in that a report says something of the file. It may settle what
// a person was asked.
func (f *fileSubmission) hearReport(ReportImported) {
	f.reports++
	for _, h := range f.sortedHolds() {
		if h.Reason == registry.HoldDeliveryUnknown {
			f.chores = append(f.chores, func(ctx workflow.Context) error { return f.settleByReport(ctx, h) })
		}
	}
}

func (f *fileSubmission) settleByReport(ctx workflow.Context, h *openHold) error {
	action, err := f.proven(ctx, h.Reason)
	if err != nil || action == "" || h.decision != nil {
		return err
	}
	h.decision = &ResolveHold{HoldID: h.ID, Action: action, By: registry.System, Reason: "the report " + f.proof.Report + " speaks of it"}
	return nil
}
