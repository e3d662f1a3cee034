package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// testing counts error-free test files until a review is requested.
func (o *onboarding) testing(ctx workflow.Context) error {
	if err := o.schedule(ctx); err != nil {
		return err
	}
	o.review = nil
	for o.review == nil {
		seen := o.settled
		gate, err := must(ctx, o.process, ledgerWork, "count the error-free test files", files.JudgeGate,
			activities.GateInput{Scope: o.scope(), Min: o.policy.TestFilesMin})
		if err != nil {
			return err
		}
		o.gate = gate
		if err := o.sayGate(ctx); err != nil {
			return err
		}
		if err := o.wait(ctx, func() bool { return o.review != nil || o.settled != seen }); err != nil {
			return err
		}
	}
	o.Round++
	o.ReviewAsked = o.now(ctx)
	if err := o.move(ctx, registry.EventReviewRequested, *o.review, nil); err != nil {
		return err
	}
	return o.notice(ctx, activities.SendNoticeInput{
		Kind: activities.NoticeReviewRequest, Event: fmt.Sprintf("review/%s/%d", o.practice, o.Round),
	})
}

func (o *onboarding) sayGate(ctx workflow.Context) error {
	o.notes = o.notes[:0]
	for _, f := range o.gate.Files {
		o.notes = append(o.notes, fmt.Sprintf("file %s: %s", f.FileID, f.Because))
	}
	if o.Approval != nil {
		o.notes = append(o.notes, "a Production email is already known; it is applied when the review is reached")
	}
	stage := fmt.Sprintf("testing: %d of %d error-free test files", o.gate.Counted, o.policy.TestFilesMin)
	if o.gate.Open {
		o.notes = append(o.notes, "In the Web UI: Send an Update, name `"+UpdateRequestReview.Name+"`, with `{\"by\": {\"name\": \"YOUR NAME\"}}`")
		return o.say(ctx, activities.Progress{
			Stage: stage, Next: "request the registry's review", Whose: "you",
			Move: "starter review request " + o.practice, Attention: true,
		})
	}
	if o.gate.Waiting > 0 {
		return o.say(ctx, activities.Progress{
			Stage: stage, Next: "the registry answers the files that it has", Whose: "registry", Move: o.facts.Call,
		})
	}
	return o.say(ctx, activities.Progress{
		Stage: stage, Next: "the next test file from the EHR", Whose: "EHR vendor",
		Move: fmt.Sprintf("starter submit %s FILE --test", o.practice),
	})
}
