package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// takeEntry takes up a practice that came here at a later stage: nothing is sent
// for what is past. The database walked the diagram for it, each arrow recorded
// and not witnessed.
func (o *onboarding) takeEntry(facts activities.PracticeFacts) {
	switch facts.Entered {
	case registry.PhaseInReview:
		// The review was requested before; the wait counts from then.
		if since, err := time.Parse(time.DateOnly, facts.Since); err == nil && o.ReviewAsked.IsZero() {
			o.ReviewAsked = since
		}
	case registry.PhaseProduction:
		// The vendor knows, and so does the registry of the first file.
		o.FirstFile, o.FirstTold = true, true
	case "", registry.PhaseRegistered, registry.PhaseTesting, registry.PhaseWithdrawn:
	}
}

// tellVendor tells the EHR vendor what changes with production; not where that
// was before the practice came here.
func (o *onboarding) tellVendor(ctx workflow.Context) error {
	if o.facts.Entered == registry.PhaseProduction {
		return nil
	}
	return o.notice(ctx, activities.SendNoticeInput{
		Kind: activities.NoticeProductionVendor, Event: "production/" + o.practice,
	})
}
