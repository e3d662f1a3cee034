package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// HistoricalLoadInput starts a practice's one-time historical load.
type HistoricalLoadInput struct {
	Version  int                   `json:"version"`
	Practice string                `json:"practice"`
	Calendar registry.Calendar     `json:"calendar"`
	Policy   registry.Policy       `json:"policy"`
	Business registry.BusinessDays `json:"business"`
	// State is set where a run continues an earlier one.
	State *HistoricalState `json:"state,omitempty"`
}

// HistoricalState survives continue-as-new. Parts in flight are not part of
// it: a run continues only between two windows, when none is.
type HistoricalState struct {
	State registry.HistoryState  `json:"state"`
	Plan  activities.HistoryPlan `json:"plan"`
	// Next is the ordinal of the last part that was started.
	Next int `json:"next"`
	// Sent counts parts that have left our hands, one way or the other.
	Sent int `json:"sent"`
	// Plans counts the plans that were shown.
	Plans int `json:"plans"`
	// Tolerated is the percentage of refused records that a person accepted
	// when the load had stopped itself.
	Tolerated int `json:"tolerated,omitempty"`
	// AskedAt is when the vendor was asked.
	AskedAt time.Time `json:"asked_at,omitzero"`
}

// HistoricalLoadResult is what the load came to.
type HistoricalLoadResult struct {
	State  registry.HistoryState    `json:"state"`
	Counts activities.HistoryCounts `json:"counts"`
}

// leastAnswered is how many answers there must be before the rate of refused
// records stops a load.
const leastAnswered = 50

// HistoricalLoad asks whether there is a history to load, plans it, waits for
// a named person's approval of exactly that plan, sends it in parts, and locks
// it once every record is accounted for. It runs beside ongoing submission.
func HistoricalLoad(ctx workflow.Context, in HistoricalLoadInput) (HistoricalLoadResult, error) {
	h, err := newHistorical(ctx, in)
	if err != nil {
		return HistoricalLoadResult{}, err
	}
	return h.run(ctx)
}

type historical struct {
	*process
	HistoricalState
	in       HistoricalLoadInput
	answer   *AnswerHistorical
	approval *ApproveHistorical
	counts   activities.HistoryCounts
	// flying are the parts that have not left our hands yet, by file ID;
	// answered counts those that the registry has answered.
	flying   map[string]bool
	answered int
}

func newHistorical(ctx workflow.Context, in HistoricalLoadInput) (*historical, error) {
	p, err := newProcess(ctx, "history", in.Practice, in.Calendar, in.Policy)
	if err != nil {
		return nil, err
	}
	h := &historical{process: p, in: in, flying: map[string]bool{}}
	p.phase, p.business = registry.PhaseProduction, in.Business
	if in.State != nil {
		h.HistoricalState = *in.State
	}
	hear(ctx, p, SignalFileSettled, h.settled)
	hear(ctx, p, SignalWithdrawn, func(Withdrawn) { h.withdrawn = true })
	if err := answer(ctx, QueryStatus, h.status); err != nil {
		return nil, err
	}
	if err := answer(ctx, QueryHistoryProgress, h.historyProgress); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdateAnswerHistorical, h.checkAnswer, h.takeAnswer); err != nil {
		return nil, err
	}
	return h, handle(ctx, p, UpdateApproveHistorical, h.checkPlanApproval, h.takePlanApproval)
}

func (h *historical) settled(f FileSettled) {
	switch f.State {
	case activities.FileAnswered:
		h.answered++
	case activities.FileDelivered, activities.FileRefused, activities.FileDropped:
		if h.flying[f.FileID] {
			delete(h.flying, f.FileID)
			h.Sent++
		}
	case activities.FileStaged:
	}
}

func (h *historical) historyProgress() HistoryProgress {
	return HistoryProgress{State: h.State, Plan: h.Plan, Counts: h.counts, Sent: h.Sent, InFlight: len(h.flying)}
}

// run reads as the process.
func (h *historical) run(ctx workflow.Context) (HistoricalLoadResult, error) {
	err := h.journey(ctx)
	if errors.Is(err, errContinue) {
		return HistoricalLoadResult{}, h.continueAsNew(ctx)
	}
	if errors.Is(err, errWithdrawn) {
		err = h.say(ctx, activities.Progress{Stage: "historical load: ended, the practice is withdrawn", Whose: "nobody", Ended: true})
	}
	if err != nil {
		return HistoricalLoadResult{}, err
	}
	if err := tell(ctx, WatchID(h.practice), SignalHistoryEnded, HistoryEnded{State: h.State}); err != nil {
		return HistoricalLoadResult{}, err
	}
	return HistoricalLoadResult{State: h.State, Counts: h.counts}, h.finish(ctx)
}

func (h *historical) journey(ctx workflow.Context) error {
	if err := h.begin(ctx); err != nil {
		return err
	}
	if h.State == registry.HistoryNotAsked {
		if err := h.ask(ctx); err != nil {
			return err
		}
	}
	if h.State == registry.HistoryAsked {
		if err := h.awaitAnswer(ctx); err != nil {
			return err
		}
	}
	if h.State == registry.HistoryAsked || h.State == registry.HistoryPlanned {
		if err := h.plan(ctx); err != nil {
			return err
		}
	}
	if h.State == registry.HistoryLoading {
		if err := h.load(ctx); err != nil {
			return err
		}
		if err := h.reconcile(ctx); err != nil {
			return err
		}
	}
	words := map[registry.HistoryState]string{
		registry.HistoryNone:   "historical load: the EHR vendor has none",
		registry.HistoryClosed: "historical load: complete and locked",
	}[h.State]
	return h.say(ctx, activities.Progress{Stage: words, Whose: "nobody", Ended: true})
}

// begin learns how far the load is: it may have been started before.
func (h *historical) begin(ctx workflow.Context) error {
	facts, err := must(ctx, h.process, ledgerWork, "read the practice", practices.LoadPractice,
		activities.LoadPracticeInput{Scope: h.scope()})
	if err != nil {
		return err
	}
	h.State = facts.History
	return nil
}

func (h *historical) set(ctx workflow.Context, to registry.HistoryState, by registry.Actor, answer *activities.HistoryAnswer) error {
	// "Yes" leaves the state at asked: the answer needs a key of its own.
	_, err := must(ctx, h.process, ledgerWork, "historical load: "+string(to), practices.SetHistory, activities.SetHistoryInput{
		Scope: h.scope(), State: to, By: by, Answer: answer,
		Key: h.key(ctx, fmt.Sprintf("%s/%d/%t", to, h.Plans, answer != nil)),
	})
	if err == nil {
		h.State = to
	}
	return err
}

// ask puts the job aide's two questions to the EHR vendor.
func (h *historical) ask(ctx workflow.Context) error {
	if err := h.notice(ctx, activities.SendNoticeInput{
		Kind: activities.NoticeHistoryQuestions, Event: "history-questions/" + h.practice,
	}); err != nil {
		return err
	}
	h.AskedAt = h.now(ctx)
	return h.set(ctx, registry.HistoryAsked, registry.System, nil)
}

func (h *historical) awaitAnswer(ctx workflow.Context) error {
	if err := h.say(ctx, activities.Progress{
		Stage: "historical load: the EHR vendor was asked", Next: "can it send one, and how far back?",
		Whose: "EHR vendor", Since: h.AskedAt, Wait: registry.WaitHistory,
		Move: fmt.Sprintf("starter history answer %s --yes --since YYYY-MM-DD (or --no)", h.practice),
	}); err != nil {
		return err
	}
	if err := h.wait(ctx, func() bool { return h.answer != nil }); err != nil {
		return err
	}
	state := registry.HistoryAsked
	if !h.answer.Can {
		state = registry.HistoryNone
	}
	return h.set(ctx, state, actor(h.answer.By), &h.answer.HistoryAnswer)
}

// plan looks at what was delivered for the load, day by day, until a named
// person has approved exactly what lies there.
func (h *historical) plan(ctx workflow.Context) error {
	for {
		plan, action, err := attempt(ctx, h.process, fileWork, "plan the historical load", histories.PlanHistory,
			activities.PlanHistoryInput{Scope: h.scope(), PartMessages: h.policy.HistoryPartMessages})
		if err != nil {
			return err
		}
		if action == "" && plan.Digest != "" && plan.Digest != h.Plan.Digest {
			h.Plans++
			h.Plan = plan
			if err := h.set(ctx, registry.HistoryPlanned, registry.System, nil); err != nil {
				return err
			}
		}
		if err := h.sayPlan(ctx); err != nil {
			return err
		}
		approved := func() bool { return h.approval != nil }
		if _, err := h.waitUntil(ctx, h.now(ctx).AddDate(0, 0, 1), "look at the files of the load again", approved); err != nil {
			return err
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

func (h *historical) applyPlanApproval(ctx workflow.Context) (bool, error) {
	approval := *h.approval
	h.approval = nil
	_, action, err := attempt(ctx, h.process, ledgerWork, "record the approval of the plan", histories.ApproveHistory,
		activities.ApproveHistoryInput{
			Scope: h.scope(), Digest: approval.Digest, By: actor(approval.By), Key: h.key(ctx, "approved/"+approval.Digest),
		})
	if err != nil || action != "" {
		return false, err
	}
	h.State = registry.HistoryLoading
	return true, nil
}

func (h *historical) sayPlan(ctx workflow.Context) error {
	if h.Plan.Digest == "" {
		return h.say(ctx, activities.Progress{
			Stage: "historical load: waiting for its files", Next: "the files of the load from the EHR", Whose: "EHR vendor",
			Move: fmt.Sprintf("starter submit %s FILE --historical", h.practice),
		})
	}
	h.notes = []string{
		fmt.Sprintf("plan %.12s: %d messages, %d doses of %d to %d, in %d parts",
			h.Plan.Digest, h.Plan.Messages, h.Plan.Doses, h.Plan.FirstYear, h.Plan.LastYear, h.Plan.Parts),
		fmt.Sprintf("dry run: %d errors, %d warnings, %d messages would be held back",
			h.Plan.Errors, h.Plan.Warnings, h.Plan.Held),
	}
	return h.say(ctx, activities.Progress{
		Stage: fmt.Sprintf("historical load: a plan of %d parts waits for approval", h.Plan.Parts),
		Next:  "look at the plan and approve it", Whose: "you", Attention: true,
		Move: fmt.Sprintf("starter history approve %s --plan %.12s", h.practice, h.Plan.Digest),
	})
}

// load sends the parts in order, a window of them at a time.
func (h *historical) load(ctx workflow.Context) error {
	window := max(1, h.policy.HistoryWindow)
	for {
		page, err := must(ctx, h.process, ledgerWork, "list the next parts", histories.ListParts,
			activities.ListPartsInput{Scope: h.scope(), After: h.Next, Max: window})
		if err != nil {
			return err
		}
		for _, part := range page.Parts {
			if err := h.start(ctx, part); err != nil {
				return err
			}
		}
		if err := h.sayLoading(ctx); err != nil {
			return err
		}
		// Parts in flight belong to this run, so it does not continue as new
		// before they have left our hands.
		h.rolling = false
		if err := h.wait(ctx, func() bool { return len(h.flying) == 0 }); err != nil {
			return err
		}
		if len(page.Parts) == 0 {
			return nil
		}
		if err := h.stopOnErrors(ctx); err != nil {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return errContinue
		}
	}
}

func (h *historical) start(ctx workflow.Context, part activities.Part) error {
	h.flying[part.File.ID] = true
	h.Next = part.Ordinal
	return startBeside(ctx, h.process, FileSubmission, FileID(part.File.ID),
		fmt.Sprintf("part %d of %d of the historical load", part.Ordinal, h.Plan.Parts),
		FileSubmissionInput{
			Version: 1, Practice: h.practice, File: part.File, Lane: registry.LaneHistorical,
			Calendar: h.calendar, Policy: h.policy, Business: h.in.Business, Tell: HistoryID(h.practice),
		})
}

func (h *historical) sayLoading(ctx workflow.Context) error {
	return h.say(ctx, activities.Progress{
		Stage: fmt.Sprintf("historical load: part %d of %d", h.Next, h.Plan.Parts),
		Next:  "the load goes on by itself", Whose: "nobody",
		Move: "starter history status " + h.practice,
	})
}

// stopOnErrors stops the load by itself when the registry refuses too much of
// it: 45,000 bad records are worse than a day lost.
func (h *historical) stopOnErrors(ctx workflow.Context) error {
	if err := h.count(ctx); err != nil {
		return err
	}
	answered := h.counts.Answered()
	if answered < leastAnswered {
		return nil
	}
	percent := 100 * h.counts.Rejected / answered
	if percent <= max(h.policy.HistoryStopPercent, h.Tolerated) {
		return nil
	}
	action, err := h.hold(ctx, registry.HoldErrorRate, "historical load",
		fmt.Sprintf("%d of %d answered records were refused", h.counts.Rejected, answered), registry.ActionContinue)
	if err != nil {
		return err
	}
	if action == registry.ActionContinue {
		h.Tolerated = percent
	}
	return nil
}

func (h *historical) count(ctx workflow.Context) error {
	counts, err := must(ctx, h.process, ledgerWork, "count the load", histories.ReconcileHistory,
		activities.ReconcileHistoryInput{Scope: h.scope()})
	if err == nil {
		h.counts = counts
	}
	return err
}

// reconcile waits until the registry has answered every record, and locks the
// load once everything is accounted for.
func (h *historical) reconcile(ctx workflow.Context) error {
	h.rolling = true
	for {
		seen := h.answered
		if err := h.count(ctx); err != nil {
			return err
		}
		if h.counts.Unanswered == 0 {
			if h.counts.Difference == 0 {
				break
			}
			action, err := h.hold(ctx, registry.HoldReconcile, "historical load",
				fmt.Sprintf("%d records are not accounted for", h.counts.Difference))
			if err != nil {
				return err
			}
			if action == registry.ActionContinue {
				break
			}
			continue
		}
		if err := h.say(ctx, activities.Progress{
			Stage: fmt.Sprintf("historical load: sent, %d of %d records answered", h.counts.Answered(), h.counts.Sent),
			Next:  "the registry's reports on the load", Whose: "registry", Move: "starter history status " + h.practice,
		}); err != nil {
			return err
		}
		tomorrow := h.now(ctx).AddDate(0, 0, 1)
		if _, err := h.waitUntil(ctx, tomorrow, "count the answers again", func() bool { return h.answered != seen }); err != nil {
			return err
		}
	}
	return h.set(ctx, registry.HistoryClosed, registry.System, nil)
}

func (h *historical) checkAnswer(a AnswerHistorical) error {
	if err := named(a.By); err != nil {
		return err
	}
	if a.Can {
		if _, err := time.Parse(time.DateOnly, a.Since); err != nil {
			return errors.New("how far back? give the first day as YYYY-MM-DD")
		}
	}
	if h.State != registry.HistoryAsked && h.State != registry.HistoryNotAsked {
		return fmt.Errorf("the vendor's answer is on record; the load is %s", h.State)
	}
	return nil
}

func (h *historical) takeAnswer(_ workflow.Context, a AnswerHistorical) (Answer, error) {
	again := h.answer != nil
	if !again {
		h.answer = &a
	}
	words := "noted: there is no historical load"
	if a.Can {
		words = "noted; put the files of the load into the practice's historical outbox"
	}
	return Answer{Words: words, Again: again}, nil
}

func (h *historical) checkPlanApproval(a ApproveHistorical) error {
	if err := named(a.By); err != nil {
		return err
	}
	if h.State == registry.HistoryLoading || h.State == registry.HistoryClosed {
		if a.Digest == h.Plan.Digest {
			return nil // the same approval again
		}
		return fmt.Errorf("the load is %s; it is done once", h.State)
	}
	if h.State != registry.HistoryPlanned || h.Plan.Digest == "" {
		return errors.New("there is no plan to approve yet")
	}
	if a.Digest != h.Plan.Digest {
		return fmt.Errorf("the plan has changed; the one that waits begins with %.12s", h.Plan.Digest)
	}
	return nil
}

func (h *historical) takePlanApproval(ctx workflow.Context, a ApproveHistorical) (Answer, error) {
	if h.State != registry.HistoryPlanned {
		return Answer{Words: "this plan was approved before", Again: true}, nil
	}
	h.approval = &a
	words := fmt.Sprintf("approved: %d messages in %d parts", h.Plan.Messages, h.Plan.Parts)
	started, err := workflow.AwaitWithTimeout(ctx, approvalSettleTime, func() bool { return h.State == registry.HistoryLoading })
	if err != nil {
		return Answer{}, err
	}
	if !started {
		words += "; it is being recorded"
	}
	return Answer{Words: words}, nil
}

func (h *historical) continueAsNew(ctx workflow.Context) error {
	if err := h.finish(ctx); err != nil {
		return err
	}
	in := h.in
	in.Calendar, in.Policy = h.calendar, h.policy
	state := h.HistoricalState
	in.State = &state
	return workflow.NewContinueAsNewError(ctx, HistoricalLoad, in)
}
