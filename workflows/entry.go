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
		// The review was requested before; reminders count from then.
		if since, err := time.Parse(time.DateOnly, facts.Since); err == nil && o.ReviewAsked.IsZero() {
			o.ReviewAsked = since
		}
	case registry.PhaseProduction:
		// The vendor knows, and so does the registry of the first file.
		o.FirstFile, o.FirstTold = true, true
	case "", registry.PhaseRegistered, registry.PhaseTesting, registry.PhaseWithdrawn:
	}
}

// firstReminder is the number of the next reminder that is not past, so that a
// review requested long ago does not bring all of its reminders at once.
func (o *onboarding) firstReminder(ctx workflow.Context, asked time.Time) int {
	n := 0
	if o.facts.Entered != registry.PhaseInReview || o.Round > 0 {
		return n
	}
	for now := o.now(ctx); !o.facts.Business.After(asked, reminderDay(o.policy.ReviewReminders, n)).After(now); {
		n++
	}
	return n
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
