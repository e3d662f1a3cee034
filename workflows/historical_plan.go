package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// plan looks at what was delivered for the load, day by day, until a named
// person has approved exactly what lies there.
func (h *historical) plan(ctx workflow.Context) error {
	for {
		changed, err := h.look(ctx)
		if err != nil {
			return err
		}
		if changed {
			if err := h.set(ctx, registry.HistoryPlanned, registry.System, nil); err != nil {
				return err
			}
		}
		if err := h.sayPlan(ctx); err != nil {
			return err
		}
		approved := func() bool { return h.approval != nil || h.again || h.Plan.Digest == "" && h.noneCan() }
		if _, err := h.waitUntil(ctx, h.now(ctx).AddDate(0, 0, 1), "look at the files of the load again", approved); err != nil {
			return err
		}
		if h.Plan.Digest == "" && h.noneCan() {
			return h.set(ctx, registry.HistoryNone, h.answeredBy, h.Sources[0].Answer)
		}
		if h.approval == nil {
			continue
		}
		done, err := h.applyPlanApproval(ctx)
		if err != nil || done {
			return err
		}
	}
}

// look plans what lies there; changed says that it is another plan than the one
// that was shown.
func (h *historical) look(ctx workflow.Context) (changed bool, err error) {
	h.again, h.looking = false, true
	plan, action, err := attempt(ctx, h.process, fileWork, "plan the historical load", histories.PlanHistory,
		activities.PlanHistoryInput{
			Scope: h.scope(), PartMessages: h.policy.HistoryPartMessages,
			PartBytes: h.policy.HistoryPartBytes, PartBy: h.policy.HistoryPartBy,
		})
	h.looks++
	h.looking = false
	if err == nil && action == "" {
		h.aside = notTaken(plan)
	}
	if err != nil || action != "" || plan.Digest == "" {
		return false, err
	}
	if plan.Digest == h.Plan.Digest {
		if h.Waiting {
			h.Plan = plan // other rules may find other things in it
		}
		return false, nil
	}
	h.Plans++
	h.Plan = plan
	h.Waiting = true
	return true, nil
}

func (h *historical) applyPlanApproval(ctx workflow.Context) (bool, error) {
	approval := *h.approval
	h.approval = nil
	if approval.Digest != h.Plan.Digest { // a look that was under way found another
		h.overtaken = h.planChanged()
		h.refused = fmt.Sprintf("The approval of the plan %.12s was not used: %s.", approval.Digest, h.overtaken)
		return false, nil
	}
	_, action, err := attempt(ctx, h.process, ledgerWork, "record the approval of the plan", histories.ApproveHistory,
		activities.ApproveHistoryInput{
			Scope: h.scope(), Digest: approval.Digest, By: actor(approval.By), Key: h.key(ctx, "approved/"+approval.Digest),
		})
	if err != nil || action != "" {
		return false, err
	}
	h.State = registry.HistoryLoading
	h.Waiting = false
	h.Tolerated = 0
	h.Parts += h.Plan.Parts
	if h.closing != nil {
		// Who wanted to close the load did not know of these parts.
		h.closing, h.refused = nil, partsOnTheirWay
	}
	return true, nil
}

// notTaken says what came and is not in the plan; empty where nothing is.
func notTaken(p activities.HistoryPlan) string {
	var words []string
	if p.RefusedArchives > 0 {
		words = append(words, fmt.Sprintf("archives that are refused and stay in the outbox: %d (%s). Take them out and hand their files in",
			p.RefusedArchives, p.RefusedWhy))
	}
	if p.Unread > 0 {
		words = append(words, fmt.Sprintf("files that hold no message, or no HL7 to their end: %d. Nothing of them is sent; ask the EHR vendor for whole ones", p.Unread))
	}
	if p.Unstable > 0 {
		words = append(words, fmt.Sprintf("files that are not finished, by their name or since they still grow: %d. They stay in the outbox until they are", p.Unstable))
	}
	return strings.Join(words, "; ")
}

// partsWords count parts.
func partsWords(n int) string {
	if n == 1 {
		return "1 part"
	}
	return fmt.Sprintf("%d parts", n)
}

func (h *historical) sayPlan(ctx workflow.Context) error {
	if h.Plan.Digest == "" {
		h.notes = nil
		if h.aside != "" {
			h.notes = []string{h.aside}
		}
		return h.say(ctx, activities.Progress{
			Stage: "historical load: waiting for its files", Next: "the files of the load from the EHR", Whose: "EHR vendor",
			Move: fmt.Sprintf("starter submit %s FILE --historical (they are looked for once a day, or now: starter history look %s)", h.practice, h.practice),
		})
	}
	h.notes = h.planNotes()
	return h.say(ctx, activities.Progress{
		Stage: fmt.Sprintf("%s: a plan of %s waits for approval", h.what(), partsWords(h.Plan.Parts)),
		Next:  "look at the plan and approve it", Whose: "you", Attention: true,
		Move: fmt.Sprintf("starter history approve %s --plan %.12s", h.practice, h.Plan.Digest),
	})
}

// what is planned or loaded: the load itself or a supplement.
func (h *historical) what() string {
	if h.Plan.Number == 0 {
		return "historical load"
	}
	return fmt.Sprintf("historical load, supplement %d", h.Plan.Number)
}

// planNotes say what the plan consists of, in the details.
func (h *historical) planNotes() []string {
	notes := []string{
		fmt.Sprintf("plan %.12s: %d messages of %d files, doses of %d to %d, in %d parts",
			h.Plan.Digest, h.Plan.Messages, h.Plan.Files, h.Plan.FirstYear, h.Plan.LastYear, h.Plan.Parts),
		fmt.Sprintf("dry run: %d errors, %d warnings, %d messages would be held back",
			h.Plan.Errors, h.Plan.Warnings, h.Plan.Held),
	}
	if h.Plan.Repeated+h.Plan.SentBefore > 0 {
		notes = append(notes, fmt.Sprintf("left out: %d messages that newer ones say again, %d of which all was sent before",
			h.Plan.Repeated, h.Plan.SentBefore))
	}
	if h.Plan.SentFiles > 0 {
		notes = append(notes, fmt.Sprintf("%d files were sent before as a whole: are they daily files?", h.Plan.SentFiles))
	}
	if h.aside != "" {
		notes = append(notes, h.aside)
	}
	return notes
}

func (h *historical) checkPlanApproval(a ApproveHistorical) error {
	if err := named(a.By); err != nil {
		return err
	}
	if !h.Waiting {
		switch {
		case h.Plan.Digest == "":
			return errors.New("there is no plan to approve yet")
		case a.Digest == h.Plan.Digest:
			return nil // the same approval again
		}
		return fmt.Errorf("the load is %s; no plan waits for an approval", h.State)
	}
	if a.Digest != h.Plan.Digest {
		return errors.New(h.planChanged())
	}
	return nil
}

func (h *historical) planChanged() string {
	return fmt.Sprintf("the plan has changed; the one that waits begins with %.12s", h.Plan.Digest)
}

func (h *historical) takePlanApproval(ctx workflow.Context, a ApproveHistorical) (Answer, error) {
	if !h.Waiting {
		return Answer{Words: "this plan was approved before", Again: true}, nil
	}
	h.approval, h.overtaken = &a, ""
	words := fmt.Sprintf("approved: %d messages in %s", h.Plan.Messages, partsWords(h.Plan.Parts))
	settled, err := workflow.AwaitWithTimeout(ctx, approvalSettleTime, func() bool { return !h.Waiting || h.overtaken != "" })
	switch {
	case err != nil:
		return Answer{}, err
	case h.Waiting && h.overtaken != "":
		return Answer{}, refusal{errors.New(h.overtaken)}
	case !settled:
		words += "; it is being recorded"
	}
	return Answer{Words: words}, nil
}

// checkLook refuses where nobody would look.
func (h *historical) checkLook(a Act) error {
	if err := named(a.By); err != nil {
		return err
	}
	switch {
	case h.State == registry.HistoryAsked && h.can() < 0 && h.Plan.Digest == "", h.State == "", h.State == registry.HistoryNotAsked:
		return fmt.Errorf("no EHR vendor has said yes yet; first: starter history answer %s --yes --since YYYY-MM-DD", h.practice)
	case h.State == registry.HistoryNone || h.State == registry.HistoryClosed:
		return fmt.Errorf("the load is %s", h.State)
	}
	return nil
}

// planNow has the files looked at now instead of tomorrow.
func (h *historical) planNow(ctx workflow.Context, _ Act) (Answer, error) {
	if h.State == registry.HistoryLoading {
		return Answer{Words: "parts are on their way; what came since is planned as a supplement when they have left"}, nil
	}
	h.again = true
	seen := h.looks
	if h.looking {
		seen++ // it may have begun before the files came
	}
	if _, err := workflow.AwaitWithTimeout(ctx, approvalSettleTime, func() bool { return h.looks > seen }); err != nil {
		return Answer{}, err
	}
	switch {
	case h.looks <= seen:
		return Answer{Words: "the files are being looked at"}, nil
	case h.Waiting:
		return Answer{Words: fmt.Sprintf("plan %.12s waits for an approval", h.Plan.Digest)}, nil
	}
	return Answer{Words: "the files were looked at; there is nothing new to approve"}, nil
}
