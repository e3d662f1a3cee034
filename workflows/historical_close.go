package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// settle accounts for every message, day by day, plans what comes later as a
// supplement, and waits until a named person approves that or closes the load.
func (h *historical) settle(ctx workflow.Context) error {
	h.rolling = true
	for {
		if err := h.explain(ctx); err != nil {
			return err
		}
		if _, err := h.look(ctx); err != nil {
			return err
		}
		if err := h.saySent(ctx); err != nil {
			return err
		}
		whole := h.Answered >= h.Sent
		moved := func() bool {
			return h.approval != nil || h.closing != nil || h.again || !whole && h.Answered >= h.Sent
		}
		if _, err := h.waitUntil(ctx, h.now(ctx).AddDate(0, 0, 1), "count the answers and look for files again", moved); err != nil {
			return err
		}
		done, err := h.decided(ctx)
		if err != nil || done {
			return err
		}
	}
}

// decided applies what a person said; done when the load is on its way again, or
// closed.
func (h *historical) decided(ctx workflow.Context) (done bool, err error) {
	if h.approval != nil {
		return h.applyPlanApproval(ctx)
	}
	if h.closing == nil {
		return false, nil
	}
	closing := *h.closing
	h.closing = nil
	if err := h.count(ctx); err != nil {
		return false, err
	}
	if h.refused = h.notClosed(closing); h.refused != "" {
		return false, nil
	}
	return true, h.move(ctx, activities.SetHistoryInput{
		State: registry.HistoryClosed, By: actor(closing.By), Reason: closing.Reason,
	})
}

func (h *historical) count(ctx workflow.Context) error {
	counts, err := must(ctx, h.process, ledgerWork, "count the load", histories.ReconcileHistory,
		activities.ReconcileHistoryInput{Scope: h.scope()})
	if err == nil {
		h.counts = counts
	}
	return err
}

// explain counts the load until it adds up, or a person has explained the
// difference.
func (h *historical) explain(ctx workflow.Context) error {
	for {
		if err := h.count(ctx); err != nil {
			return err
		}
		if h.counts.Difference == h.Explained {
			return nil
		}
		action, err := h.hold(ctx, registry.HoldReconcile, "historical load",
			fmt.Sprintf("%d records are not accounted for", h.counts.Difference))
		if err != nil {
			return err
		}
		if action == registry.ActionContinue {
			h.Explained = h.counts.Difference
			return nil
		}
	}
}

func (h *historical) saySent(ctx workflow.Context) error {
	c := h.counts
	h.notes = h.accounts()
	line := activities.Progress{
		Stage: fmt.Sprintf("historical load: sent, %d of %d records answered", c.Answered(), c.Sent),
		Next:  "the registry's reports on the load", Whose: "registry", Move: "starter history status " + h.practice,
	}
	switch {
	case h.Waiting:
		h.notes = append(h.planNotes(), h.notes...)
		line = activities.Progress{
			Stage: fmt.Sprintf("%s: a plan of %s waits for approval", h.what(), partsWords(h.Plan.Parts)),
			Next:  "look at the plan and approve it", Whose: "you", Attention: true,
			Move: fmt.Sprintf("starter history approve %s --plan %.12s", h.practice, h.Plan.Digest),
		}
	case c.Unanswered == 0:
		line = activities.Progress{
			Stage: "historical load: every record is answered",
			Next:  "close it for ever, or hand in what is missing as a supplement", Whose: "you", Attention: true,
			Move: h.closingMove(),
		}
	}
	return h.say(ctx, line)
}

// accounts say where every message is, in the details.
func (h *historical) accounts() []string {
	c := h.counts
	if c.Came == 0 {
		return nil
	}
	return []string{
		fmt.Sprintf("%d messages came: %d sent, %d held back (%d of them corrected since, %d given up by a person), %d sent before or twice, %d given up, %d to be sent",
			c.Came, c.Sent, c.Held, c.Corrected, c.HeldDropped, c.Repeated+c.SentBefore+c.SentSince+c.Duplicate, c.Dropped, c.NotSent),
		fmt.Sprintf("answered: %d accepted, %d with warnings, %d refused, %d not objected to; %d without an answer",
			c.Accepted, c.Warned, c.Rejected, c.NotObjected, c.Unanswered),
	}
}

func (h *historical) closingMove() string {
	move := "starter history close " + h.practice
	if h.notClosed(CloseHistorical{}) != "" {
		move += ` --reason "…"`
	}
	return move
}

// notClosed says why the load is not closed yet: what is not accounted for takes
// a reason. Empty where it may be.
func (h *historical) notClosed(c CloseHistorical) string {
	if open := h.counts.Open(); open > 0 && c.Reason == "" {
		return fmt.Sprintf("%d messages of the load have not reached the registry or were not taken (%s); say why it is closed all the same",
			open, openWords(h.counts))
	}
	return h.expected(c)
}

// expected says what may still come; closing without it takes a reason.
func (h *historical) expected(c CloseHistorical) string {
	if h.Waiting && c.Reason == "" {
		return fmt.Sprintf("supplement %d waits for its approval; say why the load is closed without it", h.Plan.Number)
	}
	if i := h.unanswered(); i >= 0 && !h.Sources[i].AskedAt.IsZero() && c.Reason == "" {
		return fmt.Sprintf("nobody has answered for %s; say why the load is closed all the same", h.Sources[i].called())
	}
	return ""
}

// openWords say what [activities.HistoryCounts.Open] consists of.
func openWords(c activities.HistoryCounts) string {
	var words []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{c.HeldOpen(), "held back"},
		{c.Rejected, "refused"},
		{c.Unanswered, "unanswered"},
		{c.NotSent, "not sent"},
		{c.Dropped, "given up"},
		{c.Difference, "unexplained"},
	} {
		if part.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(words, ", ")
}

const partsOnTheirWay = "parts are on their way; the load can be closed when they have left"

func (h *historical) checkClosing(c CloseHistorical) error {
	if err := named(c.By); err != nil {
		return err
	}
	switch h.State {
	case registry.HistoryClosed:
		return nil // done before
	case registry.HistorySent:
		// Messages without an answer are counted anew first: the last count may be
		// a day old.
		if why := h.expected(c); why != "" {
			return errors.New(why)
		}
		return nil
	case registry.HistoryLoading:
		return errors.New(partsOnTheirWay)
	default:
		return fmt.Errorf("the load is %s; there is nothing to close", h.State)
	}
}

func (h *historical) takeClosing(ctx workflow.Context, c CloseHistorical) (Answer, error) {
	if h.State == registry.HistoryClosed {
		return Answer{Words: "the load was closed before", Again: true}, nil
	}
	h.closing = &c
	h.refused = ""
	settled, err := workflow.AwaitWithTimeout(ctx, approvalSettleTime, func() bool { return h.State == registry.HistoryClosed || h.refused != "" })
	switch {
	case err != nil:
		return Answer{}, err
	case h.refused != "":
		return Answer{}, refusal{errors.New(h.refused)}
	case !settled:
		return Answer{Words: "noted; it is being recorded"}, nil
	}
	return Answer{Words: "the historical load is closed for ever"}, nil
}
