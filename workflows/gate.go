package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// testing counts error-free test files until a review is requested.
func (o *onboarding) testing(ctx workflow.Context) error {
	if err := o.schedule(ctx); err != nil {
		return err
	}
	for {
		seen := o.settled
		gate, err := must(ctx, o.process, ledgerWork, "count the error-free test files", files.JudgeGate,
			activities.GateInput{Scope: o.scope(), GateRules: activities.GateRulesOf(o.policy)})
		if err != nil {
			return err
		}
		o.gate, o.rules = gate, activities.GateRulesOf(o.policy)
		if o.Review != nil && gate.Open {
			break
		}
		// The gate shut between the request and its judgement: whoever asked is told.
		o.Review = nil
		if err := o.sayGate(ctx); err != nil {
			return err
		}
		// A change of the policy may open the gate, as may the day on which silence
		// counts. What nobody told of is seen the next morning.
		if _, err := o.waitUntil(ctx, o.nextLook(ctx, gate), "look at the gate again", func() bool {
			return o.Review != nil || o.settled != seen || o.rulesChanged()
		}); err != nil {
			return err
		}
	}
	o.Round++
	o.ReviewAsked = o.now(ctx)
	err := o.move(ctx, registry.EventReviewRequested, *o.Review, nil)
	o.Review = nil
	return err
}

// nextLook is the next morning, or the moment at which silence counts a file.
func (o *onboarding) nextLook(ctx workflow.Context, gate activities.GateResult) time.Time {
	tomorrow := o.now(ctx).AddDate(0, 0, 1)
	if !gate.Next.After(o.now(ctx)) || gate.Next.After(tomorrow) {
		return tomorrow
	}
	return gate.Next
}

// rulesChanged: set-policy brought other rules than the gate was judged by.
func (o *onboarding) rulesChanged() bool { return activities.GateRulesOf(o.policy) != o.rules }

func (o *onboarding) sayGate(ctx workflow.Context) error {
	o.notes = o.notes[:0]
	for _, f := range o.gate.Files {
		o.notes = append(o.notes, fmt.Sprintf("file %s: %s", f.FileID, f.Because))
	}
	if o.Approval != nil {
		o.notes = append(o.notes, "a Production email is already known; it is applied when the review is reached")
	}
	stage := fmt.Sprintf("testing: %d of %d error-free test files", o.gate.Counted, o.policy.TestFilesMin)
	if o.gate.Silent > 0 {
		o.notes = append(o.notes, fmt.Sprintf("%d of them by silence alone; the review letter says so", o.gate.Silent))
	}
	o.notes = append(o.notes, fmt.Sprintf("`starter onboarding explain %s` lists every file and what it counts", o.practice))
	if o.gate.Open {
		o.notes = append(o.notes, fmt.Sprintf("`starter review preview %s` shows the letter before it goes", o.practice))
		o.notes = append(o.notes, "In the Web UI: Send an Update, name `"+UpdateRequestReview.Name+"`, with `{\"by\": {\"name\": \"YOUR NAME\"}}`")
		return o.say(ctx, activities.Progress{
			Stage: stage, Next: "request the registry's review", Whose: "you",
			Move: "starter review send " + o.practice, Attention: true,
		})
	}
	if o.gate.Waiting > 0 {
		return o.say(ctx, activities.Progress{
			Stage: stage, Next: "the registry answers the files that it has", Whose: "registry", Move: o.answerMove(), Due: o.gate.Next,
		})
	}
	if o.gate.NeedsSingle {
		return o.say(ctx, activities.Progress{
			Stage: stage, Next: "a test file of one message with one vaccination (RXA), the first that counts", Whose: "EHR vendor",
			Move: fmt.Sprintf("starter submit %s FILE --test", o.practice),
		})
	}
	return o.say(ctx, activities.Progress{
		Stage: stage, Next: "the next test file from the EHR", Whose: "EHR vendor",
		Move: fmt.Sprintf("starter submit %s FILE --test", o.practice),
	})
}

// answerMove is what moves the answer on a test file: its email, or a call.
func (o *onboarding) answerMove() string {
	call := "call " + o.facts.Call
	for _, f := range o.gate.Files {
		if f.Waits {
			return fmt.Sprintf("starter onboarding answer %s %s --clean --email FILE.eml (if its answer came by email; --errors if it found some), or %s",
				o.practice, f.FileID, call)
		}
	}
	return call
}
