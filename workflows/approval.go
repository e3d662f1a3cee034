package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// approvalSettleTime is how long whoever decided something waits until it is done,
// before the answer is that it is taken and still being recorded: a little less than
// the 20 seconds for which Temporal's server keeps a caller waiting.
const approvalSettleTime = 18 * time.Second

// hearApproval takes the signal production-approved as it may have been typed
// by hand. What cannot be used is refused in the current details, in the audit
// log and by an alert; it is never dropped in silence.
func (o *onboarding) hearApproval(raw any) {
	var a registry.Approval
	data, err := json.Marshal(raw)
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		o.refuse(`it is not of the form {"practice": "…", "approved_by": "…", "email_date": "YYYY-MM-DD"}`)
		return
	}
	if err := unfilled(a); err != nil {
		o.refuse(err.Error())
		return
	}
	if why := o.faultOf(a); why != "" {
		o.refuse(why)
		return
	}
	o.chores = append(o.chores, func(ctx workflow.Context) error {
		fault, err := o.judge(a, func(in activities.JudgeApprovalInput) (activities.JudgeApprovalResult, error) {
			return must(ctx, o.process, ledgerWork, "judge the Production email", practices.JudgeApproval, in)
		})
		if err != nil {
			return err
		}
		if fault != "" {
			o.refuse(fault)
			return nil
		}
		o.takeApproval(a, registry.Actor{Name: a.ApprovedBy, Via: "web-ui", Claimed: true})
		return nil
	})
}

// judge says why an approval cannot be used, or "". What was judged before a move
// of the practice is judged again: an email from before the registry asked for
// changes is no decision on what comes after.
func (o *onboarding) judge(
	a registry.Approval, ask func(activities.JudgeApprovalInput) (activities.JudgeApprovalResult, error),
) (string, error) {
	for {
		turn := o.turns
		judged, err := ask(activities.JudgeApprovalInput{Scope: o.scope(), Approval: a})
		if err != nil || judged.Fault != "" {
			return judged.Fault, err
		}
		if o.turns == turn {
			return o.faultOf(a), nil // another one may have been taken meanwhile
		}
	}
}

// faultOf says why an approval cannot be used, or "".
func (o *onboarding) faultOf(a registry.Approval) string {
	if why := a.Fault(o.practice); why != "" {
		return why
	}
	if o.Approval != nil && !o.Approval.Same(a) {
		return "another approval is already recorded for this practice, with other facts"
	}
	if o.Revision != nil {
		return "it has just been recorded that the registry wants changes"
	}
	return ""
}

// takeApproval keeps the approval. It opens nothing by itself: the process
// applies it when the review is reached.
func (o *onboarding) takeApproval(a registry.Approval, by registry.Actor) {
	if o.Approval == nil {
		o.Approval, o.ApprovedVia = &a, by
		o.refused = ""
		if o.beforeReview() {
			o.keepEarly(by, "kept until the review is reached")
			// The line of the practice says that an early approval is kept.
			o.settled++
		}
		return
	}
	merged := o.Approval.Merge(a)
	if merged == *o.Approval {
		return
	}
	o.Approval = &merged
	switch {
	case o.phase == registry.PhaseProduction:
		o.unfiled++
		o.chores = append(o.chores, func(ctx workflow.Context) error {
			defer func() { o.unfiled-- }()
			return o.recordEvidence(ctx, by)
		})
	case o.beforeReview():
		o.keepEarly(by, "what was missing of it; kept until the review is reached")
	}
}

func (o *onboarding) beforeReview() bool {
	return o.phase == registry.PhaseRegistered || o.phase == registry.PhaseTesting
}

// keepEarly writes the approval that waits for the review down, so that it is
// shown, is evidence, and outlives this workflow.
func (o *onboarding) keepEarly(by registry.Actor, why string) {
	o.EarlyKept++
	n, approval := o.EarlyKept, *o.Approval
	o.chores = append(o.chores, func(ctx workflow.Context) error {
		// An onboarding that was started anew counts from 1 again.
		key := fmt.Sprintf("approval-early/%s-%d", runTail(workflow.GetInfo(ctx).FirstRunID), n)
		_, err := must(ctx, o.process, ledgerWork, "write the audit event", practices.RecordAct, activities.RecordActInput{
			Scope: o.scope(), Kind: activities.ActApprovalEarly, By: by, Reason: why, Key: o.key(ctx, key), Approval: &approval,
		})
		return err
	})
}

// takeEarly takes up an approval that an earlier onboarding of the practice kept.
func (o *onboarding) takeEarly(facts activities.PracticeFacts) {
	if o.Approval == nil && facts.Early != nil {
		o.Approval, o.ApprovedVia = facts.Early, facts.EarlyBy
	}
}

func (o *onboarding) recordEvidence(ctx workflow.Context, by registry.Actor) error {
	_, err := must(ctx, o.process, ledgerWork, "file the evidence of the approval", practices.RecordEvidence,
		activities.RecordEvidenceInput{Scope: o.scope(), Approval: *o.Approval, By: actor(by)})
	return err
}

// refuse makes a refused signal seen: current details, audit log, alert.
func (o *onboarding) refuse(why string) {
	o.Refusals++
	n := o.Refusals
	o.refused = "A signal `" + SignalProductionApproved.Name + "` was not accepted: " + why + "."
	o.chores = append(o.chores, func(ctx workflow.Context) error {
		if err := o.show(ctx); err != nil {
			return err
		}
		// An onboarding that was started anew counts from 1 again.
		nth := fmt.Sprintf("%s-%d", runTail(workflow.GetInfo(ctx).FirstRunID), n)
		if err := o.recordAct(ctx, "approval-refused", registry.Actor{Name: "unknown", Via: "web-ui", Claimed: true}, why,
			"approval-refused/"+nth); err != nil {
			return err
		}
		return o.notice(ctx, activities.SendNoticeInput{
			Kind: activities.NoticeApprovalRefused, Words: why, Event: fmt.Sprintf("approval-refused/%s/%s", o.practice, nth),
		})
	})
}

func (o *onboarding) recordAct(ctx workflow.Context, kind string, by registry.Actor, reason, key string) error {
	_, err := must(ctx, o.process, ledgerWork, "write the audit event", practices.RecordAct, activities.RecordActInput{
		Scope: o.scope(), Kind: kind, By: by, Reason: reason, Key: o.key(ctx, key),
	})
	return err
}

func (o *onboarding) checkApproval(a ApproveProduction) error {
	if err := named(a.By); err != nil {
		return err
	}
	if why := o.faultOf(a.Approval); why != "" {
		return errors.New(why)
	}
	return nil
}

// approve answers the update approve-production. The same approval again gives
// the same answer.
func (o *onboarding) approve(ctx workflow.Context, a ApproveProduction) (Answer, error) {
	again := o.Approval != nil && o.Approval.Merge(a.Approval) == *o.Approval
	if !again {
		fault, err := o.judge(a.Approval, func(in activities.JudgeApprovalInput) (activities.JudgeApprovalResult, error) {
			return do(ledgerWork.on(ctx, o.policy.Patience, "judge the Production email"), practices.JudgeApproval, in)
		})
		if err != nil {
			return Answer{}, refusal{fmt.Errorf("it could not be judged (%s); nothing changed, try again", wordsOf(err))}
		}
		if fault != "" {
			return Answer{}, refusal{errors.New(fault)}
		}
		o.takeApproval(a.Approval, actor(a.By))
	}
	switch o.phase {
	case registry.PhaseProduction:
		return o.filed(ctx, again)
	case registry.PhaseRegistered, registry.PhaseTesting:
		return Answer{
			Words: "kept: it opens nothing before the review is reached, and is applied then",
			Phase: o.phase, Early: true, Again: again,
		}, nil
	case registry.PhaseInReview, registry.PhaseWithdrawn:
	}
	live, err := workflow.AwaitWithTimeout(ctx, approvalSettleTime, func() bool { return o.phase == registry.PhaseProduction })
	if err != nil {
		return Answer{}, err
	}
	if !live {
		return Answer{Words: "taken; the move into production is being recorded", Phase: o.phase}, nil
	}
	return Answer{Words: "the connection is live", Phase: o.phase}, nil
}

// filed answers for a practice that is live: evidence is said to be filed when
// it can be read.
func (o *onboarding) filed(ctx workflow.Context, again bool) (Answer, error) {
	there, err := workflow.AwaitWithTimeout(ctx, approvalSettleTime, func() bool { return o.unfiled == 0 })
	if err != nil {
		return Answer{}, err
	}
	words := "the connection is live; the evidence is filed"
	switch {
	case !there:
		words = "the connection is live; the evidence is taken and being filed"
	case again:
		words = "it was approved before; the connection is live"
	}
	return Answer{Words: words, Phase: o.phase, Again: again}, nil
}

func (o *onboarding) checkWaive(a Act) error {
	if err := named(a.By); err != nil {
		return err
	}
	if a.Reason == "" {
		return errors.New("why? a reason is needed to go on without a prerequisite")
	}
	if o.phase != registry.PhaseRegistered {
		return fmt.Errorf("nothing to waive: the practice is %s", o.phase.Words())
	}
	return nil
}

func (o *onboarding) waive(_ workflow.Context, a Act) (Answer, error) {
	o.Waived = &a
	return Answer{Words: "testing starts without " + fmt.Sprint(len(o.facts.Wanted)) + " prerequisite(s)", Phase: o.phase}, nil
}
