package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// inReview waits for the registry's decision, for as long as it takes.
func (o *onboarding) inReview(ctx workflow.Context) error {
	o.notes = []string{
		"In the Web UI: Send a Signal, name `" + SignalProductionApproved.Name + "`, with `" +
			fmt.Sprintf(`{"practice": %q, "approved_by": "NAME", "email_date": "YYYY-MM-DD"}`, o.practice) + "`",
		"If the registry wants changes: Send an Update, name `" + UpdateRecordRevision.Name + "`, with `" +
			`{"by": {"name": "YOUR NAME"}, "reason": "WHAT IT ASKS FOR"}` + "`",
	}
	if o.ReviewAsked.IsZero() {
		o.ReviewAsked = o.now(ctx)
	}
	asked := o.ReviewAsked
	if err := o.requestLetter(ctx); err != nil {
		return err
	}
	if err := o.say(ctx, activities.Progress{
		Stage: "in review", Next: "the registry's Production email", Whose: "registry", Since: asked, Wait: registry.WaitReview,
		Move: fmt.Sprintf("starter production approve %s --email FILE.eml (when the email is there), or call %s", o.practice, o.facts.Call),
	}); err != nil {
		return err
	}
	if err := o.wait(ctx, func() bool { return o.Approval != nil || o.Revision != nil }); err != nil {
		return err
	}
	o.notes = nil
	if o.Revision != nil {
		// Until it is recorded, no approval is taken.
		err := o.move(ctx, registry.EventChangesNeeded, *o.Revision, nil)
		o.Revision = nil
		return err
	}
	return o.move(ctx, registry.EventApproved, Act{By: o.ApprovedVia}, o.Approval)
}

// requestLetter sends the letter of this round, once: also where a run before
// this one had moved the practice and came no further. A practice that came here
// in review was asked for by others.
func (o *onboarding) requestLetter(ctx workflow.Context) error {
	if o.Round == 0 {
		return nil
	}
	rules := activities.GateRulesOf(o.policy)
	return o.notice(ctx, activities.SendNoticeInput{
		Kind: activities.NoticeReviewRequest, Event: ReviewNotice(o.practice, o.Round), Gate: &rules,
	})
}

// ReviewNotice is the event of a practice's review letter of a round, from 1.
func ReviewNotice(practice string, round int) string {
	return fmt.Sprintf("review/%s/%d", practice, round)
}

func (o *onboarding) checkReview(a Act) error {
	if err := named(a.By); err != nil {
		return err
	}
	switch o.phase {
	case registry.PhaseTesting:
		return nil // the files are counted then: the last count may be old
	case registry.PhaseInReview, registry.PhaseProduction:
		return nil // asked before: the same answer again
	case registry.PhaseRegistered, registry.PhaseWithdrawn:
	}
	return fmt.Errorf("a review can be requested from testing; the practice is %s", o.phase.Words())
}

func (o *onboarding) gateShut(gate activities.GateResult) error {
	return fmt.Errorf("%d of %d error-free test files are answered by the registry so far; `starter onboarding explain %s` lists them",
		gate.Counted, o.policy.TestFilesMin, o.practice)
}

// countedShut refuses where a count of now finds too few files. What the process
// counted last may be older than what whoever asks has read.
func (o *onboarding) countedShut(ctx workflow.Context) error {
	if o.gate.Open {
		return nil
	}
	gate, err := do(ledgerWork.on(ctx, o.policy.Patience, "count the error-free test files"), files.JudgeGate,
		activities.GateInput{Scope: o.scope(), GateRules: activities.GateRulesOf(o.policy)})
	switch {
	case err != nil:
		return refusal{fmt.Errorf("the test files could not be counted (%s); nothing changed, try again", wordsOf(err))}
	case !gate.Open:
		return refusal{o.gateShut(gate)}
	}
	return nil
}

func (o *onboarding) requestReview(ctx workflow.Context, a Act) (Answer, error) {
	if o.phase == registry.PhaseTesting {
		if err := o.countedShut(ctx); err != nil {
			return Answer{}, err
		}
	}
	if o.phase != registry.PhaseTesting {
		return Answer{Words: "the review was requested before", Phase: o.phase, Again: true}, nil
	}
	o.Review = &a
	settled, err := workflow.AwaitWithTimeout(ctx, approvalSettleTime, func() bool {
		return o.phase != registry.PhaseTesting || o.Review == nil
	})
	if err != nil {
		return Answer{}, err
	}
	if !settled {
		return Answer{Words: "taken; the request is being recorded", Phase: o.phase}, nil
	}
	if o.phase == registry.PhaseTesting {
		return Answer{}, refusal{o.gateShut(o.gate)}
	}
	return Answer{Words: "the registry is asked for its review", Phase: o.phase}, nil
}

func (o *onboarding) checkRevision(a Act) error {
	if err := named(a.By); err != nil {
		return err
	}
	if a.Reason == "" {
		return errors.New("what did the registry ask for? give its words as the reason")
	}
	if o.phase != registry.PhaseInReview {
		return fmt.Errorf("the registry can ask for changes during its review; the practice is %s", o.phase.Words())
	}
	if o.Approval != nil {
		return errors.New("its approval has just been taken; withdraw the practice if that was wrong")
	}
	if o.Revision != nil {
		return errors.New("it is being recorded already that the registry wants changes")
	}
	return nil
}

func (o *onboarding) recordRevision(_ workflow.Context, a Act) (Answer, error) {
	o.Revision = &a
	words := "back to testing; the count of test files starts anew"
	if o.policy.KeepCount {
		words = "back to testing; the error-free test files so far count on"
	}
	return Answer{Words: words, Phase: registry.PhaseTesting}, nil
}
