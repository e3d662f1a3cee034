package activities

import (
	"context"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// Practices keeps what is known of a practice: where it stands, what was
// decided, what waits for a person.
type Practices struct {
	DB       *db.Store
	Profiles ProfileSource
	Clock    Clock
}

// LoadPracticeInput asks for the facts about one practice.
type LoadPracticeInput struct {
	Scope
}

// PracticeFacts is what a workflow needs to know of a practice.
type PracticeFacts struct {
	Practice   string                   `json:"practice"`
	Name       string                   `json:"name"`
	Registry   string                   `json:"registry"`
	Connection string                   `json:"connection"`
	Sites      int                      `json:"sites"`
	Zone       string                   `json:"zone"`
	Phase      registry.Phase           `json:"phase"`
	History    registry.HistoryState    `json:"history"`
	Submission registry.SubmissionState `json:"submission"`
	// Policy is the profile's, with the practice's overrides.
	Policy registry.Policy `json:"policy"`
	// Business are the registry's working days.
	Business registry.BusinessDays `json:"business"`
	// Wanted are the prerequisites that are not there yet; none means that testing
	// may start.
	Wanted []WantedPrerequisite `json:"wanted,omitempty"`
	// Entered is the stage at which the practice came here, Since (YYYY-MM-DD) when
	// it had reached it; empty where it began at the beginning. Nothing is sent for
	// what lies before.
	Entered registry.Phase `json:"entered,omitempty"`
	Since   string         `json:"since,omitempty"`
	// Call is whom to ring when the registry is waited for: address and number.
	Call string `json:"call"`
	// FirstProduction is set once a production file has been confirmed.
	FirstProduction bool `json:"first_production"`
	// Reviews counts the reviews that were asked for, ReviewAsked is when the last
	// one was.
	Reviews     int       `json:"reviews,omitempty"`
	ReviewAsked time.Time `json:"review_asked,omitzero"`
	Second      Second    `json:"second,omitzero"`
	// Onboarded says that the onboarding is over: nobody waits for its files there.
	Onboarded bool `json:"onboarded,omitempty"`
	// Early is an approval that was kept until the review, EarlyBy who relayed it;
	// nil where none waits.
	Early   *registry.Approval `json:"early,omitempty"`
	EarlyBy registry.Actor     `json:"early_by,omitzero"`
	// Skip is a person's wish that one submission be left out; nil where none is.
	Skip *SkipFacts `json:"skip,omitempty"`
}

// SubmissionSkipped is the kind of the event that a submission was left out.
const SubmissionSkipped = db.SubmissionSkipped

// SkipFacts is such a wish: the first submission that begins at or after Due, on the
// wall clock, is left out, and Key keeps that it was.
type SkipFacts struct {
	Key string    `json:"key"`
	Due time.Time `json:"due"`
	By  string    `json:"by"`
}

// LoadPractice reads the facts about a practice. Kind Missing when there is no
// such practice.
func (a *Practices) LoadPractice(ctx context.Context, in LoadPracticeInput) (PracticeFacts, error) {
	facts, err := a.facts(ctx, in.Scope)
	return facts, fail(ctx, err)
}

// MovePhaseInput moves a practice along one arrow of the phase diagram.
type MovePhaseInput struct {
	Scope
	Event registry.PhaseEvent `json:"event"`
	By    registry.Actor      `json:"by"`
	// Key makes the move repeatable: workflow ID and a counter.
	Key string `json:"key"`
	// Approval goes with EventApproved: it is stored as evidence.
	Approval *registry.Approval `json:"approval,omitempty"`
	// Reason goes with withdrawn and changes-needed.
	Reason string `json:"reason,omitempty"`
	// Evidence is the registry's email in the file store, where it was given.
	Evidence string `json:"evidence,omitempty"`
}

// MovePhaseResult is the phase after the move.
type MovePhaseResult struct {
	Phase registry.Phase `json:"phase"`
}

// MovePhase moves the practice and writes the audit event in the same
// transaction. The same key again changes nothing and answers the same. Kind
// NotAllowed when the diagram has no such arrow from where the practice is.
func (a *Practices) MovePhase(ctx context.Context, in MovePhaseInput) (MovePhaseResult, error) {
	act := a.act(in.Scope, in.Key, in.By, in.Reason)
	act.Evidence = in.Evidence
	phase, err := a.DB.MovePhase(ctx, in.Practice, in.Event, act, in.Approval)
	if err != nil {
		return MovePhaseResult{}, fail(ctx, err)
	}
	return MovePhaseResult{Phase: phase}, nil
}

// RecordEvidenceInput adds what an approval left open.
type RecordEvidenceInput struct {
	Scope
	Approval registry.Approval `json:"approval"`
	By       registry.Actor    `json:"by"`
}

// RecordEvidence completes the stored approval. Repeating it changes nothing.
func (a *Practices) RecordEvidence(ctx context.Context, in RecordEvidenceInput) (Done, error) {
	if in.Approval.Practice != in.Practice {
		return Done{}, fail(ctx, registry.Errorf(registry.NotAllowed, "record evidence", "it names another practice"))
	}
	return Done{}, fail(ctx, a.DB.RecordEvidence(ctx, in.Approval, a.act(in.Scope, "", in.By, "")))
}

// Done is the result of activities that have nothing to tell.
type Done struct{}

// SetHistoryInput moves the state of the historical load.
type SetHistoryInput struct {
	Scope
	State registry.HistoryState `json:"state"`
	By    registry.Actor        `json:"by"`
	Key   string                `json:"key"`
	// Reason goes into the audit.
	Reason string `json:"reason,omitempty"`
	// Answer is the vendor's answer, where that is what moved it.
	Answer *HistoryAnswer `json:"answer,omitempty"`
}

// HistoryAnswer is what the EHR vendor said about a historical load.
type HistoryAnswer struct {
	// Can is whether the EHR can send one. "No" is an answer.
	Can bool `json:"can"`
	// Since is how far back it goes, YYYY-MM-DD; empty where Can is false.
	Since string `json:"since,omitempty"`
	// Form and Size are the vendor's words on what would come, free of patient
	// data: "zip of HL7 2.5.1, one a year", "about 40,000 records".
	Form string `json:"form,omitempty"`
	Size string `json:"size,omitempty"`
}

// SetHistory moves the state with its audit event, in one transaction. Kind
// NotAllowed where the state cannot follow: a closed load stays closed.
func (a *Practices) SetHistory(ctx context.Context, in SetHistoryInput) (Done, error) {
	var answer *db.HistoryAnswer
	if in.Answer != nil {
		answer = &db.HistoryAnswer{Can: in.Answer.Can, Since: in.Answer.Since}
		if err := checkAnswer(*in.Answer); err != nil {
			return Done{}, fail(ctx, err)
		}
	}
	return Done{}, fail(ctx, a.DB.SetHistory(ctx, in.Practice, in.State, answer, a.act(in.Scope, in.Key, in.By, in.Reason)))
}

// SetSubmissionInput switches ongoing submission.
type SetSubmissionInput struct {
	Scope
	State  registry.SubmissionState `json:"state"`
	By     registry.Actor           `json:"by"`
	Reason string                   `json:"reason,omitempty"`
	Key    string                   `json:"key"`
}

// SetSubmissionResult says how it was before. A repeated attempt may find it done.
type SetSubmissionResult struct {
	Was registry.SubmissionState `json:"was,omitempty"`
}

// SetSubmission switches ongoing submission with its audit event.
func (a *Practices) SetSubmission(ctx context.Context, in SetSubmissionInput) (SetSubmissionResult, error) {
	p, err := a.DB.Practice(ctx, in.Practice)
	if err != nil {
		return SetSubmissionResult{}, fail(ctx, err)
	}
	err = a.DB.SetSubmission(ctx, in.Practice, in.State, a.act(in.Scope, in.Key, in.By, in.Reason))
	return SetSubmissionResult{Was: p.Submission}, fail(ctx, err)
}

// Progress is a practice's line in `starter status` and the head of the
// current details in the Web UI: the same words in both.
type Progress struct {
	// Source is which workflow says it: "onboarding", "history", "watch".
	Source string `json:"source"`
	// Stage in words: "testing: 2 of 3 error-free files".
	Stage string `json:"stage"`
	// Next is the next action, Whose it is, and since when it is waited for.
	Next  string    `json:"next"`
	Whose string    `json:"whose"` // "you", "EHR vendor", "registry", "nobody"
	Since time.Time `json:"since"`
	// Move is the exact command or telephone call that moves it.
	Move string `json:"move"`
	// Attention is set while a person is needed.
	Attention bool `json:"attention"`
	// Due is when it becomes late; zero when never.
	Due time.Time `json:"due,omitzero"`
	// Ended says that the workflow has nothing more to say.
	Ended bool `json:"ended,omitempty"`
	// Wait is which of the policy's reminders it has.
	Wait registry.WaitKind `json:"wait,omitempty"`
}

// RecordProgressInput stores a practice's line.
type RecordProgressInput struct {
	Scope
	Progress Progress `json:"progress"`
}

// RecordProgress replaces the line that the same source wrote before.
func (a *Practices) RecordProgress(ctx context.Context, in RecordProgressInput) (Done, error) {
	p := in.Progress
	return Done{}, fail(ctx, a.DB.RecordProgress(ctx, db.Progress{
		Practice: in.Practice, Source: p.Source, Stage: p.Stage, Next: p.Next, Whose: p.Whose, Since: p.Since,
		Move: p.Move, Attention: p.Attention, Due: p.Due, Ended: p.Ended, Wait: p.Wait, At: in.date(a.Clock),
	}))
}

// OpenHoldInput records that a workflow waits for a person.
type OpenHoldInput struct {
	Scope
	// ID is unique: workflow ID and a counter. It is what resolve-hold names.
	ID         string `json:"id"`
	WorkflowID string `json:"workflow_id"`
	// Connection is set where a connection is what is held, Server ("host:port")
	// where a server is.
	Connection string              `json:"connection,omitempty"`
	Server     string              `json:"server,omitempty"`
	Reason     registry.HoldReason `json:"reason"`
	// What names the step and the thing: "upload of BURL6343_PROD_….HL7".
	What string `json:"what"`
	// Words are the machine's or the server's words; free of patient data.
	Words string `json:"words,omitempty"`
	// Actions are those that end it.
	Actions []registry.HoldAction `json:"actions,omitempty"`
}

// OpenHold records the hold. Repeating it changes nothing.
func (a *Practices) OpenHold(ctx context.Context, in OpenHoldInput) (Done, error) {
	return Done{}, fail(ctx, a.DB.OpenHold(ctx, db.Hold{
		ID: in.ID, Practice: in.Practice, Connection: in.Connection, Server: in.Server, WorkflowID: in.WorkflowID,
		Reason: in.Reason, What: in.What, Words: in.Words, OpenedAt: in.date(a.Clock), Actions: in.Actions,
	}))
}

// CloseHoldInput records how a hold ended.
type CloseHoldInput struct {
	Scope
	ID     string              `json:"id"`
	Action registry.HoldAction `json:"action"`
	By     registry.Actor      `json:"by"`
	Reason string              `json:"reason,omitempty"`
}

// CloseHold records who settled the hold, and how. Repeating it changes nothing.
func (a *Practices) CloseHold(ctx context.Context, in CloseHoldInput) (Done, error) {
	return Done{}, fail(ctx, a.DB.CloseHold(ctx, in.ID, in.Action, a.act(in.Scope, "", in.By, in.Reason)))
}

// RecordActInput writes an audit event for an act that changes nothing else:
// a refused signal, an attestation, a reminder.
type RecordActInput struct {
	Scope
	Kind   string         `json:"kind"` // "approval-refused", "attested-nothing-to-send", …
	By     registry.Actor `json:"by"`
	Reason string         `json:"reason,omitempty"`
	Key    string         `json:"key"`
	// Site narrows an attestation to one site; empty means all.
	Site string `json:"site,omitempty"`
	// Approval goes with ActApprovalEarly: it is found again from there.
	Approval *registry.Approval `json:"approval,omitempty"`
	// EHR goes with acts about an EHR of the historical load.
	EHR *HistoryEHR `json:"ehr,omitempty"`
}

// HistoryEHR is what is known of an EHR that a historical load comes from. Days
// are YYYY-MM-DD.
type HistoryEHR struct {
	EHR    string `json:"ehr,omitempty"`
	Vendor string `json:"vendor,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	// Contact is an email address, Files a pattern of names.
	Contact string         `json:"contact,omitempty"`
	Files   string         `json:"files,omitempty"`
	AskedAt time.Time      `json:"asked_at,omitzero"`
	Answer  *HistoryAnswer `json:"answer,omitempty"`
}

// stored is e with the answer that by relayed at a date.
func (e HistoryEHR) stored(by string, at time.Time) db.HistoryEHR {
	out := db.HistoryEHR{EHR: e.EHR, Vendor: e.Vendor, From: e.From, To: e.To, Contact: e.Contact, Files: e.Files}
	if !e.AskedAt.IsZero() {
		out.AskedAt = &e.AskedAt
	}
	if a := e.Answer; a != nil {
		out.Can, out.Form, out.Size, out.AnsweredBy, out.AnsweredAt = &a.Can, a.Form, a.Size, by, &at
		if a.Can {
			out.Since = a.Since
		}
	}
	return out
}

// ActApprovalEarly is the kind of act that keeps an approval until the review.
const ActApprovalEarly = db.KindApprovalEarly

// RecordAct appends the event once per key.
func (a *Practices) RecordAct(ctx context.Context, in RecordActInput) (Done, error) {
	act := a.act(in.Scope, in.Key, in.By, in.Reason)
	if in.Kind == ActApprovalEarly && in.Approval != nil {
		return Done{}, fail(ctx, a.DB.RecordEarly(ctx, in.Practice, *in.Approval, act))
	}
	if in.EHR != nil {
		return Done{}, fail(ctx, a.DB.RecordHistoryEHR(ctx, in.Practice, in.Kind, in.EHR.stored(in.By.Name, act.At), act))
	}
	return Done{}, fail(ctx, a.DB.RecordAct(ctx, in.Practice, in.Site, in.Kind, act))
}

// act is who does it and when by the calendar.
func (a *Practices) act(scope Scope, key string, by registry.Actor, reason string) db.Act {
	return db.Act{Key: key, By: by, Reason: reason, At: scope.date(a.Clock)}
}
