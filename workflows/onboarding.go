package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
)

// OnboardingResult is what an onboarding came to.
type OnboardingResult struct {
	Practice string             `json:"practice"`
	Phase    registry.Phase     `json:"phase"`
	Approval *registry.Approval `json:"approval,omitempty"`
}

// OnboardingState survives continue-as-new.
type OnboardingState struct {
	// Round counts reviews, so that each review request is one letter.
	Round int `json:"round"`
	// Approval is the Production email once it is known; it may be early.
	Approval *registry.Approval `json:"approval,omitempty"`
	// ApprovedVia is who relayed it.
	ApprovedVia registry.Actor `json:"approved_via,omitzero"`
	// EarlyKept counts how often it was written down before the review.
	EarlyKept int `json:"early_kept,omitempty"`
	// ReviewAsked is the date of the last review request.
	ReviewAsked time.Time `json:"review_asked,omitzero"`
	// FirstFile is set once a production file was confirmed, FirstTold once the
	// registry was told of it.
	FirstFile bool `json:"first_file,omitempty"`
	FirstTold bool `json:"first_told,omitempty"`
	// Review, Revision and Waived are acts that were accepted and are not done
	// yet: set by request-review, record-revision and waive-prerequisites.
	Review   *Act `json:"review,omitempty"`
	Revision *Act `json:"revision,omitempty"`
	Waived   *Act `json:"waived,omitempty"`
	// Waiting is the letter to the registry that a person was asked to send,
	// SentLetter the one that a person sent.
	Waiting    string `json:"waiting,omitempty"`
	SentLetter string `json:"sent_letter,omitempty"`
	// Settlings counts prerequisites that were settled in the Web UI.
	Settlings int `json:"settlings,omitempty"`
	// Refused is the last signal that could not be used.
	Refused  string `json:"refused,omitempty"`
	Refusals int    `json:"refusals,omitempty"`
	// WatchStarted: the practice's Watch and HistoryStarted: its historical
	// load were started by an earlier run.
	WatchStarted   bool `json:"watch_started,omitempty"`
	HistoryStarted bool `json:"history_started,omitempty"`
	// Policy as it was last set; nil until the first run has captured it.
	Policy *registry.Policy `json:"policy,omitempty"`
}

// Onboarding takes a practice from registration to a live connection: test
// files, review, Production email, first production file. It starts the
// practice's Watch, its submission schedule and its historical load.
func Onboarding(ctx workflow.Context, in OnboardingInput) (OnboardingResult, error) {
	o, err := newOnboarding(ctx, in)
	if err != nil {
		return OnboardingResult{}, err
	}
	return o.run(ctx)
}

type onboarding struct {
	*process
	OnboardingState
	in    OnboardingInput
	facts activities.PracticeFacts
	gate  activities.GateResult
	// rules are those by which the gate was judged last.
	rules activities.GateRules
	// looks counts prerequisites-changed.
	looks int
	// settled counts file-settled signals, so that the gate is judged again.
	settled int
	// unfiled is how many pieces of evidence are taken and not in the ledger yet.
	unfiled int
	// turns counts moves, so that what was judged before one is judged again.
	turns int
}

func newOnboarding(ctx workflow.Context, in OnboardingInput) (*onboarding, error) {
	p, err := newProcess(ctx, "onboarding", in.Practice, in.Calendar, registry.Policy{})
	if err != nil {
		return nil, err
	}
	o := &onboarding{process: p, in: in}
	p.rolling = true
	if in.State != nil {
		o.OnboardingState = *in.State
		p.refused = o.Refused
	}
	if o.Policy != nil {
		p.policy = *o.Policy
	}
	o.listenForFacts(ctx)
	return o, o.offerActs(ctx)
}

func (o *onboarding) listenForFacts(ctx workflow.Context) {
	hear(ctx, o.process, SignalFileSettled, func(f FileSettled) {
		o.settled++
		o.FirstFile = o.FirstFile || f.First
	})
	hear(ctx, o.process, SignalWithdrawn, func(Withdrawn) { o.withdrawn = true })
	hear(ctx, o.process, SignalPrerequisitesChanged, func(PrerequisitesChanged) { o.looks++ })
	// Taken as any JSON, so that a signal mistyped in the Web UI is answered in
	// the current details instead of vanishing.
	hear(ctx, o.process, Message[any](SignalProductionApproved), o.hearApproval)
}

func (o *onboarding) offerActs(ctx workflow.Context) error {
	if err := answer(ctx, QueryStatus, func() Status {
		s := o.status()
		s.Early = o.Approval != nil && o.phase != registry.PhaseProduction
		if o.phase == registry.PhaseTesting {
			s.Gate, s.Rules = &o.gate, &o.rules
		}
		return s
	}); err != nil {
		return err
	}
	if err := handle(ctx, o.process, UpdateWaivePrerequisites, o.checkWaive, o.waive); err != nil {
		return err
	}
	if err := handle(ctx, o.process, UpdateRequestReview, o.checkReview, o.requestReview); err != nil {
		return err
	}
	if err := handle(ctx, o.process, UpdateRecordRevision, o.checkRevision, o.recordRevision); err != nil {
		return err
	}
	if err := handle(ctx, o.process, UpdateSettlePrerequisite, o.checkSettle, o.settlePrerequisite); err != nil {
		return err
	}
	if err := handle(ctx, o.process, UpdateSendLetter, o.checkSend, o.sendLetter); err != nil {
		return err
	}
	return handle(ctx, o.process, UpdateApproveProduction, o.checkApproval, o.approve)
}

// run reads as the process.
func (o *onboarding) run(ctx workflow.Context) (OnboardingResult, error) {
	err := o.journey(ctx)
	if errors.Is(err, errContinue) {
		return OnboardingResult{}, o.continueAsNew(ctx)
	}
	if errors.Is(err, errWithdrawn) {
		o.phase = registry.PhaseWithdrawn
		err = o.say(ctx, activities.Progress{Stage: "withdrawn", Whose: "nobody", Ended: true})
	}
	if err != nil {
		return OnboardingResult{}, err
	}
	result := OnboardingResult{Practice: o.practice, Phase: o.phase, Approval: o.Approval}
	return result, o.finish(ctx)
}

func (o *onboarding) journey(ctx workflow.Context) error {
	if err := o.begin(ctx); err != nil {
		return err
	}
	if o.phase == registry.PhaseRegistered {
		if err := o.prerequisites(ctx); err != nil {
			return err
		}
	}
	for o.phase == registry.PhaseTesting || o.phase == registry.PhaseInReview {
		if o.phase == registry.PhaseTesting {
			if err := o.testing(ctx); err != nil {
				return err
			}
		}
		if err := o.inReview(ctx); err != nil {
			return err
		}
	}
	if o.phase != registry.PhaseProduction {
		return errWithdrawn
	}
	return o.production(ctx)
}

// begin learns where the practice stands. A practice that is further along
// (a second run, or one that was live before) enters where it is.
func (o *onboarding) begin(ctx workflow.Context) error {
	facts, err := must(ctx, o.process, ledgerWork, "read the practice", practices.LoadPractice,
		activities.LoadPracticeInput{Scope: o.scope()})
	if err != nil {
		return err
	}
	o.facts, o.business = facts, facts.Business
	if o.Policy == nil {
		o.policy = facts.Policy
	}
	o.FirstFile = o.FirstFile || facts.FirstProduction
	o.takeEntry(facts)
	o.takeEarly(facts)
	// A second run of the workflow goes on with the rounds of the first.
	o.Round = max(o.Round, facts.Reviews)
	if o.ReviewAsked.IsZero() {
		o.ReviewAsked = facts.ReviewAsked
	}
	if err := o.enter(ctx, facts.Phase); err != nil {
		return err
	}
	if o.WatchStarted {
		return nil
	}
	o.WatchStarted = true
	return startBeside(ctx, o.process, Watch, WatchID(o.practice), "watches the practice every day",
		WatchInput{Version: 1, Practice: o.practice, Calendar: o.calendar, Policy: o.policy, Business: o.business})
}

// enter notes the phase where people look for it.
func (o *onboarding) enter(ctx workflow.Context, phase registry.Phase) error {
	if phase != o.phase {
		o.turns++
		o.gate = activities.GateResult{} // what opened it before opens it no more
	}
	o.phase = phase
	return workflow.UpsertTypedSearchAttributes(ctx, searchattr.Phase.ValueSet(string(phase)))
}

// move takes one arrow of the phase diagram, with its audit event.
func (o *onboarding) move(ctx workflow.Context, event registry.PhaseEvent, act Act, approval *registry.Approval) error {
	moved, err := must(ctx, o.process, ledgerWork, "move the practice: "+string(event), practices.MovePhase,
		activities.MovePhaseInput{
			Scope: o.scope(), Event: event, By: actor(act.By), Reason: act.Reason, Evidence: act.EvidenceID, Approval: approval,
			Key: o.key(ctx, fmt.Sprintf("%s/%d", event, o.Round)),
		})
	if err != nil {
		return err
	}
	if err := o.enter(ctx, moved.Phase); err != nil {
		return err
	}
	// So that the watch shows it at once, and not the next morning.
	if !o.WatchStarted || workflow.GetVersion(ctx, "watch-told-of-phases", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	return tell(ctx, WatchID(o.practice), SignalPhaseMoved, PhaseMoved{Phase: moved.Phase})
}

// schedule switches the daily submission on. Its lane follows the phase.
func (o *onboarding) schedule(ctx workflow.Context) error {
	facts, err := must(ctx, o.process, ledgerWork, "read the practice", practices.LoadPractice,
		activities.LoadPracticeInput{Scope: o.scope()})
	if err != nil {
		return err
	}
	o.facts = facts
	// A pause is a person's decision; only what was never on is switched on.
	if facts.Submission == registry.SubmissionOff {
		if _, err := must(ctx, o.process, ledgerWork, "switch submission on", practices.SetSubmission,
			activities.SetSubmissionInput{
				Scope: o.scope(), State: registry.SubmissionOn, By: registry.System, Key: o.key(ctx, "submission-on"),
			}); err != nil {
			return err
		}
	}
	_, err = must(ctx, o.process, scheduleWork, "create the schedules", schedules.EnsureSchedules,
		activities.EnsureSchedulesInput{
			Scope: o.scope(), Connection: o.facts.Connection, Zone: o.facts.Zone,
			CadenceDays: o.policy.CadenceDays, Holidays: o.facts.Business.Holidays, Policy: o.policy,
		})
	return err
}

func (o *onboarding) startHistory(ctx workflow.Context) error {
	if o.HistoryStarted || o.facts.History == registry.HistoryClosed || o.facts.History == registry.HistoryNone {
		return nil
	}
	o.HistoryStarted = true
	return startBeside(ctx, o.process, HistoricalLoad, HistoryID(o.practice), "the one-time historical load",
		HistoricalLoadInput{Version: 1, Practice: o.practice, Calendar: o.calendar, Policy: o.policy, Business: o.facts.Business})
}

func (o *onboarding) continueAsNew(ctx workflow.Context) error {
	if err := o.finish(ctx); err != nil {
		return err
	}
	in := o.in
	in.Calendar = o.calendar
	state := o.OnboardingState
	state.Refused = o.refused
	policy := o.policy
	state.Policy = &policy
	in.State = &state
	return workflow.NewContinueAsNewError(ctx, Onboarding, in)
}

// startBeside starts a workflow that outlives its parent. One that runs
// already is as good as started.
func startBeside(ctx workflow.Context, p *process, wf any, id, summary string, in any) error {
	return startAs(ctx, besideOptions(p, id, summary), wf, in)
}

// startAs is [startBeside] with options of its own.
func startAs(ctx workflow.Context, options workflow.ChildWorkflowOptions, wf, in any) error {
	ctx = workflow.WithChildOptions(ctx, options)
	child := workflow.ExecuteChildWorkflow(ctx, wf, in)
	err := child.GetChildWorkflowExecution().Get(ctx, nil)
	var already *temporal.ChildWorkflowExecutionAlreadyStartedError
	if errors.As(err, &already) {
		return nil
	}
	return err
}
