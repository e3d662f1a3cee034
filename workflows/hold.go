package workflows

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// openHold is a wait for a person, with the decision once it is there.
type openHold struct {
	Hold
	decision *ResolveHold
}

// hold records that only a person can go on from here, says so once, and returns
// what the person decided. actions narrows what the reason allows. A hold never
// ends by itself; its reminders are those of everything that waits (Reminders).
func (p *process) hold(
	ctx workflow.Context, reason registry.HoldReason, what, words string, actions ...registry.HoldAction,
) (registry.HoldAction, error) {
	if len(actions) == 0 {
		actions = reason.Actions()
	}
	if p.unasked != nil {
		if action, err := p.unasked(ctx, reason); err != nil || action != "" {
			return action, err
		}
	}
	p.holdSeq++
	h := &openHold{Hold: Hold{
		ID:     holdID(ctx, p.holdSeq),
		Reason: reason, What: what, Words: words, Since: p.now(ctx), Actions: actions,
	}}
	p.holds[h.ID] = h
	if err := p.recordHold(ctx, h); err != nil {
		return "", err
	}
	// The alert goes out beside the wait, so that a mail server that is down does
	// not keep a decision from being taken.
	alerts, stop := workflow.WithCancel(ctx)
	workflow.Go(alerts, func(ctx workflow.Context) { p.alert(ctx, h) })
	err := p.wait(ctx, func() bool { return h.decision != nil })
	stop()
	delete(p.holds, h.ID)
	if err != nil {
		return "", err
	}
	p.lastDecider = actor(h.decision.By)
	return h.decision.Action, p.recordDecision(ctx, h)
}

// holdID names the nth hold of a run, and of no other.
func holdID(ctx workflow.Context, nth int) string {
	return fmt.Sprintf("h-%s-%d", runTail(workflow.GetInfo(ctx).WorkflowExecution.RunID), nth)
}

// runTail tells runs apart in few characters. The server begins their IDs with the
// time (UUID version 7), in which runs that began in the same minute are alike.
func runTail(runID string) string { return runID[max(0, len(runID)-10):] }

// recordHold writes the hold down where `starter hold list` finds it. The Web
// UI shows it even while the database is the thing that is down.
func (p *process) recordHold(ctx workflow.Context, h *openHold) error {
	if err := p.show(ctx); err != nil {
		return err
	}
	in := activities.OpenHoldInput{
		Scope: p.scope(), ID: h.ID, WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID,
		Connection: h.Connection, Server: h.Server, Reason: h.Reason, What: h.What, Words: h.Words, Actions: h.Actions,
	}
	step := ledgerWork.on(ctx, p.policy.Patience, "note that a person is needed")
	if _, err := do(step, practices.OpenHold, in); err != nil {
		if ctx.Err() != nil {
			return err
		}
		workflow.GetLogger(ctx).Error("a hold could not be written down; it stands in the Web UI", "kind", kindOf(err))
		return nil
	}
	return p.recordLine(ctx)
}

// recordLine writes the line of the practice; what concerns none has no line.
func (p *process) recordLine(ctx workflow.Context) error {
	if p.practice == "" {
		return nil
	}
	step := ledgerWork.on(ctx, p.policy.Patience, "write the line of the practice")
	_, err := do(step, practices.RecordProgress,
		activities.RecordProgressInput{Scope: p.scope(), Progress: p.forRecord()})
	if err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

func (p *process) recordDecision(ctx workflow.Context, h *openHold) error {
	step := ledgerWork.on(ctx, p.policy.Patience, "note the decision")
	_, err := do(step, practices.CloseHold, activities.CloseHoldInput{
		Scope: p.scope(), ID: h.ID, Action: h.decision.Action, By: actor(h.decision.By), Reason: h.decision.Reason,
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	if err != nil {
		workflow.GetLogger(ctx).Error("a decision could not be written down", "kind", kindOf(err))
	}
	if err := p.show(ctx); err != nil {
		return err
	}
	return p.recordLine(ctx)
}

// alert says once that a person is needed.
func (p *process) alert(ctx workflow.Context, h *openHold) {
	in := activities.SendNoticeInput{
		Scope: p.scope(), Kind: activities.NoticeHold, HoldID: h.ID, Event: fmt.Sprintf("hold/%s/0", h.ID),
	}
	if h.Reason == registry.HoldByHand {
		in.Kind = activities.NoticeByHand // the whole of what to do
	}
	_, err := do(noticeWork.on(ctx, p.policy.Patience, "alert: a person is needed"), notices.SendNotice, in)
	if err != nil && ctx.Err() == nil {
		workflow.GetLogger(ctx).Error("an alert could not be sent", "kind", kindOf(err))
	}
}

func (p *process) checkResolve(r ResolveHold) error {
	if err := named(r.By); err != nil {
		return err
	}
	h, ok := p.holds[r.HoldID]
	if !ok {
		return errors.New("nothing waits under that ID (any more); `starter hold list` shows what does")
	}
	if h.decision != nil {
		return errors.New("it is being settled already")
	}
	if !slices.Contains(h.Actions, r.Action) {
		return fmt.Errorf("%q does not settle it; possible: %s", r.Action, joinActions(h.Actions))
	}
	return nil
}

func (p *process) resolve(_ workflow.Context, r ResolveHold) (Answer, error) {
	h, ok := p.holds[r.HoldID]
	if !ok || h.decision != nil {
		return Answer{Words: "it was settled in the meantime", Again: true}, nil
	}
	h.decision = &r
	return Answer{Words: fmt.Sprintf("%s: %s", h.What, r.Action), Phase: p.phase}, nil
}

func (p *process) oldestHold() *openHold {
	if all := p.sortedHolds(); len(all) > 0 {
		return all[0]
	}
	return nil
}

func (p *process) sortedHolds() []*openHold {
	all := make([]*openHold, 0, len(p.holds))
	// Sorted below.
	//workflowcheck:ignore
	for _, h := range p.holds {
		all = append(all, h)
	}
	sort.Slice(all, func(i, j int) bool {
		if !all[i].Since.Equal(all[j].Since) {
			return all[i].Since.Before(all[j].Since)
		}
		return all[i].ID < all[j].ID
	})
	return all
}

func joinActions(actions []registry.HoldAction) string {
	words := make([]string, len(actions))
	for i, a := range actions {
		words[i] = string(a)
	}
	return strings.Join(words, "|")
}
