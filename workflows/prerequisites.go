package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// SignalPrerequisitesChanged tells onboarding/<practice> that somebody settled an
// item of the checklist, or that the practice's data changed: a nudge to look.
var SignalPrerequisitesChanged = Message[PrerequisitesChanged]{"prerequisites-changed"}

// PrerequisitesChanged carries nothing: what changed stands in the database.
type PrerequisitesChanged struct{}

// prerequisites waits until testing may start: each required item of the
// checklist is done, or a named person waived it with a reason. The database
// knows which; a signal or the next morning makes it look again.
func (o *onboarding) prerequisites(ctx workflow.Context) error {
	act := Act{By: registry.System, Reason: "every prerequisite is there"}
	for len(o.facts.Wanted) > 0 {
		seen := o.looks
		if err := o.sayWanted(ctx); err != nil {
			return err
		}
		tomorrow := o.now(ctx).AddDate(0, 0, 1)
		if _, err := o.waitUntil(ctx, tomorrow, "look at the prerequisites again", func() bool {
			return o.Waived != nil || o.looks != seen
		}); err != nil {
			return err
		}
		if o.Waived != nil {
			act = *o.Waived
			if err := o.waiveWanted(ctx, act); err != nil {
				return err
			}
		}
		if err := o.lookAgain(ctx); err != nil || o.phase != registry.PhaseRegistered {
			return err // a person recorded that it is further along
		}
	}
	o.notes = nil
	return o.move(ctx, registry.EventPrerequisitesDone, act, nil)
}

// waiveWanted records the waiver with each item that it concerns.
func (o *onboarding) waiveWanted(ctx workflow.Context, act Act) error {
	_, err := must(ctx, o.process, ledgerWork, "waive the prerequisites", practices.WaivePrerequisites,
		activities.WaivePrerequisitesInput{
			Scope: o.scope(), By: actor(act.By), Reason: act.Reason, Key: o.key(ctx, fmt.Sprintf("waived/%d", o.looks)),
		})
	o.Waived = nil
	return err
}

// lookAgain reads the practice; a file that waits to be tested may show by itself
// which version of HL7 the EHR writes.
func (o *onboarding) lookAgain(ctx workflow.Context) error {
	if o.wantsVersion() {
		if _, err := must(ctx, o.process, ledgerWork, "look for a file in HL7 2.5.1", files.SeeVersion,
			activities.SeeVersionInput{Scope: o.scope(), Key: o.key(ctx, "version-seen")}); err != nil {
			return err
		}
	}
	facts, err := must(ctx, o.process, ledgerWork, "look at the prerequisites", practices.LoadPractice,
		activities.LoadPracticeInput{Scope: o.scope()})
	if err != nil {
		return err
	}
	o.facts = facts
	o.takeEntry(facts)
	if facts.Phase == o.phase {
		return nil
	}
	o.notes = nil
	return o.enter(ctx, facts.Phase)
}

func (o *onboarding) wantsVersion() bool {
	for _, w := range o.facts.Wanted {
		if w.Key == activities.VersionKey {
			return true
		}
	}
	return false
}

// sayWanted shows what is missing, whose it is, and the command for each.
func (o *onboarding) sayWanted(ctx workflow.Context) error {
	wanted := o.facts.Wanted
	o.notes = o.notes[:0]
	for _, w := range wanted {
		o.notes = append(o.notes, fmt.Sprintf("%s (%s owes it): %s", w.Words, w.Owner, asTyped(w.Move)))
		o.notes = append(o.notes, "  or in the Web UI: Send an Update, name `"+UpdateSettlePrerequisite.Name+"`, with `"+prerequisiteJSON(w)+"`")
	}
	o.notes = append(o.notes,
		fmt.Sprintf("To go on without one of them: `starter prerequisite waive %s ITEM --reason \"…\"`", o.practice),
		"Or without all of them, in the Web UI: Send an Update, name `"+UpdateWaivePrerequisites.Name+
			"`, with `{\"by\": {\"name\": \"YOUR NAME\"}, \"reason\": \"…\"}`")
	first := wanted[0]
	next := first.Words
	if more := len(wanted) - 1; more > 0 {
		next += fmt.Sprintf("; and %d more", more)
	}
	return o.say(ctx, activities.Progress{
		Stage: "registered: prerequisites are missing", Next: next, Whose: first.Owner, Move: first.Move,
		Attention: first.Owner == "you",
	})
}
