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

// HistoricalState survives continue-as-new.
type HistoricalState struct {
	State registry.HistoryState  `json:"state"`
	Plan  activities.HistoryPlan `json:"plan"`
	// Next is the ordinal of the last part that was started.
	Next int `json:"next"`
	// Sent counts parts that have left our hands, one way or the other.
	Sent int `json:"sent"`
	// Parts counts the parts of everything that was approved; Answered those of
	// which the registry has answered every message.
	Parts    int `json:"parts,omitempty"`
	Answered int `json:"answered,omitempty"`
	// Flying are the files of parts that have not left our hands yet.
	Flying []string `json:"flying,omitempty"`
	// Paused is set while a person keeps further parts from starting.
	Paused *HistoryPause `json:"paused,omitempty"`
	// Switches counts pauses and resumptions.
	Switches int `json:"switches,omitempty"`
	// Explained is the difference of the counts that a person has explained.
	Explained int `json:"explained,omitempty"`
	// Waiting is set while the plan waits for its approval.
	Waiting bool `json:"waiting,omitempty"`
	// Plans counts the plans that were shown.
	Plans int `json:"plans"`
	// Tolerated is the percentage of refused records that a person accepted
	// when the load had stopped itself; each supplement begins anew.
	Tolerated int `json:"tolerated,omitempty"`
	// Sources are the EHRs whose vendors were asked; the first is the present one.
	Sources []HistorySource `json:"sources,omitempty"`
	// Opened counts how often a person has begun the load again after its workflow
	// had ended; what is recorded then is another act than before.
	Opened int `json:"opened,omitempty"`
}

// HistoryPause says who paused a load, when and why.
type HistoryPause struct {
	By     registry.Actor `json:"by"`
	Reason string         `json:"reason"`
	Since  time.Time      `json:"since"`
}

// HistoricalLoadResult is what the load came to.
type HistoricalLoadResult struct {
	State  registry.HistoryState    `json:"state"`
	Counts activities.HistoryCounts `json:"counts"`
}

// HistoricalLoad asks whether there is a history to load, plans it, waits for
// a named person's approval of exactly that plan, sends it in parts, and accounts
// for every message. What comes later follows as numbered supplements, each with
// a plan and an approval, until a named person closes the load: that locks it. It
// runs beside ongoing submission.
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
	in         HistoricalLoadInput
	answeredBy registry.Actor // the last answer of a vendor
	approval   *ApproveHistorical
	closing    *CloseHistorical
	// again asks for another look at the files now; looks counts them, looking says
	// that one is under way.
	again   bool
	looks   int
	looking bool
	// overtaken is why an approval that was taken is not used.
	overtaken string
	counts    activities.HistoryCounts
	// counted is when, on the wall clock; stopped is why the load has stopped
	// itself, while it has.
	counted time.Time
	stopped string
	// aside is what the last look did not take out of the outbox, in words.
	aside string
}

func newHistorical(ctx workflow.Context, in HistoricalLoadInput) (*historical, error) {
	p, err := newProcess(ctx, "history", in.Practice, in.Calendar, in.Policy)
	if err != nil {
		return nil, err
	}
	h := &historical{process: p, in: in}
	p.phase, p.business = registry.PhaseProduction, in.Business
	p.prompt = true
	if in.State != nil {
		h.HistoricalState = *in.State
	}
	if len(h.Sources) == 0 {
		h.Sources = []HistorySource{{}}
	}
	hear(ctx, p, SignalFileSettled, h.settled)
	hear(ctx, p, SignalWithdrawn, func(Withdrawn) { h.withdrawn = true })
	if err := answer(ctx, QueryStatus, h.status); err != nil {
		return nil, err
	}
	if err := answer(ctx, QueryHistoryProgress, h.historyProgress); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdateAskHistorical, h.checkAsking, h.takeAsking); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdateAnswerHistorical, h.checkAnswer, h.takeAnswer); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdateApproveHistorical, h.checkPlanApproval, h.takePlanApproval); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdateCloseHistorical, h.checkClosing, h.takeClosing); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdatePause, h.checkPause, h.pause); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdateResume, h.checkPause, h.resume); err != nil {
		return nil, err
	}
	return h, handle(ctx, p, UpdatePlanHistorical, h.checkLook, h.planNow)
}

// key is that of the process, once more for each time that the load was begun again.
func (h *historical) key(ctx workflow.Context, what string) string {
	if h.Opened > 0 {
		what = fmt.Sprintf("%s/opened-%d", what, h.Opened)
	}
	return h.process.key(ctx, what)
}

func (h *historical) settled(f FileSettled) {
	switch f.State {
	case activities.FileAnswered:
		h.Answered++
	case activities.FileDelivered, activities.FileRefused, activities.FileDropped:
		if i := slices.Index(h.Flying, f.FileID); i >= 0 {
			h.Flying = slices.Delete(h.Flying, i, i+1)
			h.Sent++
		}
	case activities.FileStaged:
	}
}

func (h *historical) historyProgress() HistoryProgress {
	return HistoryProgress{
		State: h.State, Plan: h.Plan, Counts: h.counts, Sent: h.Sent, InFlight: len(h.Flying), Parts: h.Parts, Waiting: h.Waiting,
		Paused: h.Paused, Stopped: h.stopped, Aside: h.aside, Sources: h.Sources,
	}
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
	for h.State == registry.HistoryLoading || h.State == registry.HistorySent {
		step := h.load
		if h.State == registry.HistorySent {
			step = h.settle
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	words := map[registry.HistoryState]string{
		registry.HistoryNone:   "historical load: the EHR vendor has none",
		registry.HistoryClosed: "historical load: closed for ever",
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
	if h.Opened == 0 || h.Parts > 0 || h.State != registry.HistoryLoading && h.State != registry.HistorySent {
		return nil
	}
	// Begun again in mid-load: what was approved stands in the ledger.
	if err := h.count(ctx); err != nil {
		return err
	}
	if h.Parts = h.counts.Parts; h.State == registry.HistorySent {
		h.Next, h.Sent = h.Parts, h.Parts
	}
	return nil
}

func (h *historical) set(ctx workflow.Context, to registry.HistoryState, by registry.Actor, answer *activities.HistoryAnswer) error {
	return h.move(ctx, activities.SetHistoryInput{State: to, By: by, Answer: answer})
}

// move records a state of the load.
func (h *historical) move(ctx workflow.Context, in activities.SetHistoryInput) error {
	in.Scope = h.scope()
	// "Yes" leaves the state at asked: the answer needs a key of its own.
	in.Key = h.key(ctx, fmt.Sprintf("%s/%d/%t", in.State, h.Plans, in.Answer != nil))
	_, err := must(ctx, h.process, ledgerWork, "historical load: "+string(in.State), practices.SetHistory, in)
	if err == nil {
		h.State = in.State
	}
	return err
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
