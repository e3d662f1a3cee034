package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// load sends the parts in order, a window of them at a time: whenever one has
// left our hands the next one starts. Before each page of parts it looks at what
// the registry has said so far.
func (h *historical) load(ctx workflow.Context) error {
	window := max(1, h.policy.HistoryWindow)
	for {
		page, err := must(ctx, h.process, ledgerWork, "list the next parts", histories.ListParts,
			activities.ListPartsInput{Scope: h.scope(), After: h.Next, Max: window})
		if err != nil {
			return err
		}
		if len(page.Parts) == 0 {
			break
		}
		stop, err := h.stopOnErrors(ctx, page)
		if err != nil {
			return err
		}
		if stop {
			h.Next = h.Parts
			break
		}
		for _, part := range page.Parts {
			// Parts on their way are carried over, so a run may end between any two.
			h.rolling = true
			if part.Left && !slices.Contains(h.Flying, part.File.ID) {
				h.Next = part.Ordinal // nothing of it would ever be told
				h.Sent++
				continue
			}
			if err := h.wait(ctx, func() bool { return len(h.Flying) < window && h.Paused == nil }); err != nil {
				return err
			}
			if err := h.start(ctx, part); err != nil {
				return err
			}
		}
		if err := h.sayLoading(ctx); err != nil {
			return err
		}
		if full(ctx) {
			return errContinue
		}
	}
	h.rolling = true
	if err := h.wait(ctx, func() bool { return len(h.Flying) == 0 }); err != nil {
		return err
	}
	return h.set(ctx, registry.HistorySent, registry.System, nil)
}

func (h *historical) start(ctx workflow.Context, part activities.Part) error {
	h.Flying = append(h.Flying, part.File.ID)
	h.Next = part.Ordinal
	return startBeside(ctx, h.process, FileSubmission, FileID(part.File.ID),
		fmt.Sprintf("part %d of %d of the historical load", part.Ordinal, h.Parts),
		FileSubmissionInput{
			Version: 1, Practice: h.practice, File: part.File, Lane: registry.LaneHistorical,
			Calendar: h.calendar, Policy: h.policy, Business: h.in.Business, Tell: HistoryID(h.practice),
		})
}

func (h *historical) sayLoading(ctx workflow.Context) error {
	h.notes = h.accounts()
	if h.Paused != nil {
		return h.say(ctx, activities.Progress{
			Stage: fmt.Sprintf("%s: paused after part %d of %d", h.what(), h.Next, h.Parts),
			Next:  "paused by " + h.Paused.By.Name + ": " + h.Paused.Reason, Whose: "you", Since: h.Paused.Since, Attention: true,
			Move: "starter history resume " + h.practice + ` --reason "…"`,
		})
	}
	return h.say(ctx, activities.Progress{
		Stage: fmt.Sprintf("%s: part %d of %d", h.what(), h.Next, h.Parts),
		Next:  "the load goes on by itself", Whose: "nobody",
		Move: "starter history status " + h.practice,
	})
}

func (h *historical) checkPause(a Act) error {
	if err := named(a.By); err != nil {
		return err
	}
	switch {
	case a.Reason == "":
		return errors.New("why? give a reason")
	case h.State == registry.HistoryLoading || h.Paused != nil:
		return nil
	}
	return fmt.Errorf("the load is %s; no parts are on their way", h.State)
}

// pause keeps further parts from starting; those on their way are let through.
func (h *historical) pause(ctx workflow.Context, a Act) (Answer, error) {
	if h.Paused != nil {
		return Answer{Words: "the load is paused already, by " + h.Paused.By.Name, Again: true}, nil
	}
	h.Paused = &HistoryPause{By: actor(a.By), Reason: a.Reason, Since: h.now(ctx)}
	return Answer{Words: "paused; parts that are on their way are let through"}, h.recordSwitch(ctx, "history-paused", a)
}

func (h *historical) resume(ctx workflow.Context, a Act) (Answer, error) {
	if h.Paused == nil {
		return Answer{Words: "the load is not paused", Again: true}, nil
	}
	h.Paused = nil
	return Answer{Words: "the load goes on"}, h.recordSwitch(ctx, "history-resumed", a)
}

func (h *historical) recordSwitch(ctx workflow.Context, kind string, a Act) error {
	h.Switches++
	if _, err := must(ctx, h.process, ledgerWork, "note: "+kind, practices.RecordAct, activities.RecordActInput{
		Scope: h.scope(), Kind: kind, By: actor(a.By), Reason: a.Reason, Key: h.key(ctx, fmt.Sprintf("%s/%d", kind, h.Switches)),
	}); err != nil {
		return err
	}
	return h.sayLoading(ctx)
}

// leastAnswered is how many answers there must be before the rate of refused
// records stops a load.
const leastAnswered = 50

// recount is how old the counts in the details may be while parts are sent: on
// a large load counting costs more than sending a part.
const recount = time.Minute

// stopOnErrors stops the load by itself when the registry refuses too much of
// it: 45,000 bad records are worse than a day lost. stop says that a person gave
// the rest up.
func (h *historical) stopOnErrors(ctx workflow.Context, page activities.ListPartsResult) (stop bool, err error) {
	percent := refusedPercent(page.Rejected, page.Answered)
	crossed := page.Answered >= leastAnswered && percent > max(h.policy.HistoryStopPercent, h.Tolerated)
	if crossed || workflow.Now(ctx).Sub(h.counted) >= recount {
		if err := h.count(ctx); err != nil {
			return false, err
		}
		h.counted = workflow.Now(ctx)
	}
	if !crossed {
		return false, nil
	}
	h.stopped = fmt.Sprintf("%d of %d answered records were refused; the line is at %d %%",
		page.Rejected, page.Answered, max(h.policy.HistoryStopPercent, h.Tolerated))
	action, err := h.hold(ctx, registry.HoldErrorRate, "historical load", h.stopped)
	h.stopped = ""
	if err != nil {
		return false, err
	}
	h.Tolerated = percent
	return action == registry.ActionDrop, nil
}

// refusedPercent is rounded up, so that a rate is above the line as soon as it is
// above it by one record, and one that a person accepted does not stop the load
// a second time.
func refusedPercent(refused, answered int) int {
	if answered == 0 {
		return 0
	}
	return (100*refused + answered - 1) / answered
}
