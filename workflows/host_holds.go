package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// takeOver finds the holds that an earlier run left open, so that none is
// forgotten whoever ended it.
func (h *registryHost) takeOver(ctx workflow.Context) error {
	for _, id := range slices.Clone(h.Settled) {
		h.allClear(ctx, id)
	}
	after := ""
	for {
		page, err := must(ctx, h.process, ledgerWork, "what is held", hosts.ListHostHolds,
			activities.ListHostHoldsInput{Scope: h.scope(), Host: h.host, After: after})
		if err != nil {
			return err
		}
		for _, held := range page.Holds {
			again := h.heldAgain(held)
			h.setLink(ofHold(again), HostLink{Hold: held.ID})
			h.await(ctx, again)
			after = held.ID
		}
		if !page.More {
			return h.show(ctx)
		}
	}
}

// connectionActions: who gives up a file does it with the file.
func connectionActions() []registry.HoldAction { return []registry.HoldAction{registry.ActionRetry} }

// holdLink records the hold and alerts once.
func (h *registryHost) holdLink(ctx workflow.Context, what linked, words string) error {
	h.holdSeq++
	held := Hold{
		ID:         holdID(ctx, h.holdSeq),
		Connection: what.connection, Server: what.server, Reason: registry.HoldConnection, What: h.holdWords(what),
		Words: words, Since: h.now(ctx), Actions: connectionActions(),
	}
	h.setLink(what, HostLink{Hold: held.ID})
	if err := h.recordHold(ctx, &openHold{Hold: held}); err != nil {
		return err
	}
	h.await(ctx, held)
	return h.show(ctx)
}

// await opens the hold to decisions and sees that its alert went out: one that an
// earlier run sent is not sent again.
func (h *registryHost) await(ctx workflow.Context, held Hold) {
	h.holds[held.ID] = &openHold{Hold: held}
	alerts, stop := workflow.WithCancel(ctx)
	h.alerts[held.ID] = stop
	workflow.Go(alerts, func(ctx workflow.Context) {
		h.send(ctx, activities.SendNoticeInput{
			Scope: h.scope(), Kind: activities.NoticeHold, HoldID: held.ID, Event: fmt.Sprintf("hold/%s/0", held.ID),
		})
	})
}

// send sends an alert; a mail server that is away is waited for, and holds
// nothing up.
func (h *registryHost) send(ctx workflow.Context, in activities.SendNoticeInput) {
	_, err := do(noticeWork.on(ctx, h.policy.Patience, "alert: a connection"), notices.SendNotice, in)
	if err != nil && ctx.Err() == nil {
		workflow.GetLogger(ctx).Error("an alert could not be sent", "kind", kindOf(err))
	}
}

// settleHolds applies what people decided: the next visit is a trial.
func (h *registryHost) settleHolds(ctx workflow.Context) error {
	for _, o := range h.sortedHolds() {
		if o.decision == nil {
			continue
		}
		step := ledgerWork.on(ctx, h.policy.Patience, "note the decision")
		_, err := do(step, practices.CloseHold, activities.CloseHoldInput{
			Scope: h.scope(), ID: o.ID, Action: o.decision.Action, By: actor(o.decision.By), Reason: o.decision.Reason,
		})
		if temporal.IsCanceledError(err) {
			return err
		}
		if err != nil {
			// Nobody is let in while the database says that it is held: it stays.
			o.decision = nil
			workflow.GetLogger(ctx).Error("a decision could not be written down", "kind", kindOf(err))
			continue
		}
		delete(h.holds, o.ID)
		h.alerts[o.ID]()
		delete(h.alerts, o.ID)
		h.setLink(ofHold(o.Hold), HostLink{Settled: o.ID})
		if o.Server != "" {
			h.forgetWeather()
		}
		h.look = true
		if err := h.show(ctx); err != nil {
			return err
		}
	}
	return nil
}

// allClear says that a hold is over. One that a run could not send is sent by
// the next.
func (h *registryHost) allClear(ctx workflow.Context, id string) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		h.send(ctx, activities.SendNoticeInput{
			Scope: h.scope(), Kind: activities.NoticeResolved, HoldID: id, Event: "hold/" + id + "/over",
		})
		h.Settled = slices.DeleteFunc(h.Settled, func(s string) bool { return s == id })
	})
}
