package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// production is live: the vendor is told, the schedule changes its lane by
// itself, the historical load begins beside, and the registry is told of the
// first file.
func (o *onboarding) production(ctx workflow.Context) error {
	if err := o.tellVendor(ctx); err != nil {
		return err
	}
	if err := o.schedule(ctx); err != nil {
		return err
	}
	if err := o.startHistory(ctx); err != nil {
		return err
	}
	for !o.FirstTold || !o.evidenceThere() {
		if o.FirstFile && !o.FirstTold {
			if err := o.writeRegistry(ctx, activities.SendNoticeInput{
				Kind: activities.NoticeFirstFile, Event: activities.FirstFileNotice(o.practice),
			}); err != nil {
				return err
			}
			o.FirstTold = true
			continue
		}
		if err := o.waitForLoose(ctx); err != nil {
			return err
		}
	}
	if err := o.awaitSecond(ctx); err != nil {
		return err
	}
	return o.say(ctx, activities.Progress{
		Stage: "production: live", Next: "daily submission runs by itself", Whose: "nobody",
		Move: "starter status " + o.practice, Ended: true,
	})
}

// awaitSecond shows that further production files wait for the report of the
// first, for as long as they do. What keeps them back is the submission itself.
func (o *onboarding) awaitSecond(ctx workflow.Context) error {
	for {
		seen := o.settled
		facts, err := must(ctx, o.process, ledgerWork, "see whether the next production file may go", practices.LoadPractice,
			activities.LoadPracticeInput{Scope: o.scope()})
		if err != nil || facts.Second.Waits == "" {
			return err
		}
		if err := o.say(ctx, activities.Progress{
			Stage: "production: the first file is delivered", Next: facts.Second.Waits, Whose: "registry",
			Move: "call " + o.facts.Call, Due: facts.Second.Until,
		}); err != nil {
			return err
		}
		until := facts.Second.Until
		if until.IsZero() {
			until = o.now(ctx).AddDate(0, 0, 1)
		}
		if _, err := o.waitUntil(ctx, until, "the next production file may go", func() bool { return o.settled != seen }); err != nil {
			return err
		}
	}
}

// waitForLoose waits for the first production file or for the evidence of the
// approval.
func (o *onboarding) waitForLoose(ctx workflow.Context) error {
	line := activities.Progress{
		Stage: "production: no file sent yet", Next: "the first production file from the EHR", Whose: "EHR vendor",
		Move: fmt.Sprintf("starter submit %s FILE --production", o.practice),
	}
	if o.FirstTold {
		line = activities.Progress{
			Stage: "production: live, the Production email is not on file", Next: "give the email's Message-ID or the email itself",
			Whose: "you", Move: fmt.Sprintf("starter production approve %s --email FILE.eml", o.practice), Attention: true,
			Wait: registry.WaitEvidence,
		}
	}
	seen := o.evidenceThere() // before the line is said: it may come meanwhile
	if err := o.say(ctx, line); err != nil {
		return err
	}
	return o.wait(ctx, func() bool { return o.FirstFile && !o.FirstTold || o.evidenceThere() != seen })
}

func (o *onboarding) evidenceThere() bool {
	return o.Approval == nil || o.Approval.MessageID != "" || o.Approval.EvidenceID != ""
}
