package workflows

import (
	"time"

	"immtrail/activities"
	"immtrail/registry"
)

// Message is the name of a signal, an update or a query together with the type
// of what it carries, so that the two cannot drift apart. The names are listed
// in testdata/wire.golden and frozen: workflows live for months.
type Message[T any] struct{ Name string }

// Signals: facts in the past tense. Nobody waits for an answer; an early one is
// kept and applied on arrival; a repeated one changes nothing.
var (
	// SignalProductionApproved: the Production email came. To onboarding/<practice>.
	// It can be typed in the Web UI:
	// {"practice": "…", "approved_by": "…", "email_date": "2026-03-31"}.
	SignalProductionApproved = Message[registry.Approval]{"production-approved"}
	// SignalFileSettled: a file came to a stage. To the workflow that waits for
	// it: onboarding/<practice> or history/<practice>.
	SignalFileSettled = Message[FileSettled]{"file-settled"}
	// SignalReportImported: a report said something about a file. To file/<id>.
	SignalReportImported = Message[ReportImported]{"report-imported"}
	// SignalFileSentAnyway: a person sends a file in spite of our check. To
	// file/<id>, starting it where it has ended.
	SignalFileSentAnyway = Message[FileSentAnyway]{"file-sent-anyway"}
	// SignalCalendarMoved: a rehearsal was down and its calendar moved. To all.
	SignalCalendarMoved = Message[registry.Calendar]{"calendar-moved"}
	// SignalWithdrawn: the practice was withdrawn. To onboarding/ and history/.
	SignalWithdrawn = Message[Withdrawn]{"withdrawn"}
	// SignalHistoryEnded: the historical load is over. To watch/<practice>.
	SignalHistoryEnded = Message[HistoryEnded]{"history-ended"}
	// SignalPhaseMoved: the practice is in another phase. To watch/<practice>.
	SignalPhaseMoved = Message[PhaseMoved]{"phase-moved"}
	// SignalFileUploadedByHand: a person uploaded a file. To file/<id>.
	SignalFileUploadedByHand = Message[FileUploadedByHand]{activities.FileUploadedSignal}
	// SignalPermitAsked: somebody stands in line. To host/<host>.
	SignalPermitAsked = Message[activities.PermitAsked]{activities.PermitAskedSignal}
	// SignalPermitGranted: a workflow may log in. To whoever stood in line.
	SignalPermitGranted = Message[PermitGranted]{"permit-granted"}
	// SignalPermitReleased: a visit is over. To host/<host>.
	SignalPermitReleased = Message[PermitReleased]{"permit-released"}
)

// Updates: imperatives, answered at once: done, or refused because…
var (
	// To onboarding/<practice>.
	UpdateWaivePrerequisites = Message[Act]{"waive-prerequisites"}
	UpdateRequestReview      = Message[Act]{"request-review"}
	UpdateApproveProduction  = Message[ApproveProduction]{"approve-production"}
	UpdateRecordRevision     = Message[Act]{"record-revision"} // the registry wants changes
	// To history/<practice>.
	UpdateAskHistorical     = Message[AskHistorical]{"ask-historical"} // another EHR's vendor
	UpdateAnswerHistorical  = Message[AnswerHistorical]{"answer-historical"}
	UpdateApproveHistorical = Message[ApproveHistorical]{"approve-historical"}
	UpdateCloseHistorical   = Message[CloseHistorical]{"close-historical"}
	UpdatePlanHistorical    = Message[Act]{"plan-historical"} // look at the files now
	// To watch/<practice>, which lives as long as the practice; pause and resume to
	// history/<practice> too.
	UpdateAttestNothing = Message[Attest]{"attest-nothing-to-send"}
	UpdatePause         = Message[Act]{"pause"}
	UpdateResume        = Message[Act]{"resume"}
	UpdateWithdraw      = Message[Act]{"withdraw"}
	// To any workflow that may wait for a person.
	UpdateResolveHold = Message[ResolveHold]{"resolve-hold"}
	// To any long-lived workflow.
	UpdateSetPolicy = Message[SetPolicy]{"set-policy"}
)

// Queries: nouns.
var (
	QueryStatus          = Message[Status]{"status"}
	QueryHistoryProgress = Message[HistoryProgress]{"history-progress"}
)

// Act is a plain act of a named person, with a reason where one is due.
type Act struct {
	By     registry.Actor `json:"by"`
	Reason string         `json:"reason,omitempty"`
	// EvidenceID is the registry's email in the file store, where there is one.
	EvidenceID string `json:"evidence_id,omitempty"`
}

// Answer is what an update returns: one sentence, and the state it led to.
type Answer struct {
	Words string         `json:"words"`
	Phase registry.Phase `json:"phase,omitempty"`
	// Early says that it was kept and is applied when its time comes.
	Early bool `json:"early,omitempty"`
	// Again says that it had been done before; nothing changed.
	Again bool `json:"again,omitempty"`
}

// ApproveProduction relays the Production email.
type ApproveProduction struct {
	registry.Approval
	By registry.Actor `json:"by"`
}

// AskHistorical asks about the records of another EHR: practices change EHRs.
type AskHistorical struct {
	HistoryEHR
	By registry.Actor `json:"by"`
}

// HistoryEHR is an EHR that a load comes from, as persons call it. From and To
// bound its use (YYYY-MM-DD); empty where nobody knows or it is the present one.
type HistoryEHR struct {
	EHR    string `json:"ehr"`
	Vendor string `json:"vendor,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	// Contact is the email address that the questions go to; empty: the practice's
	// vendor contact. Files is the pattern of its files' names; empty: what no other
	// EHR has.
	Contact string `json:"contact,omitempty"`
	Files   string `json:"files,omitempty"`
}

// HistorySource is an EHR with the questions to its vendor and the answer. The
// first is the practice's present EHR and has no name.
type HistorySource struct {
	HistoryEHR
	AskedAt    time.Time                 `json:"asked_at,omitzero"`
	Answer     *activities.HistoryAnswer `json:"answer,omitempty"`
	AnsweredBy string                    `json:"answered_by,omitempty"`
	AnsweredAt time.Time                 `json:"answered_at,omitzero"`
	// Changed counts how often another answer was recorded afterwards.
	Changed int `json:"changed,omitempty"`
}

// AnswerHistorical is the EHR vendor's answer, relayed by a person. EHR is empty
// for the practice's present one.
type AnswerHistorical struct {
	EHR string `json:"ehr,omitempty"`
	activities.HistoryAnswer
	By registry.Actor `json:"by"`
}

// ApproveHistorical approves exactly one plan.
type ApproveHistorical struct {
	Digest string         `json:"digest"`
	By     registry.Actor `json:"by"`
}

// CloseHistorical closes the historical load for ever. Where messages of it did
// not get through, the reason says why it is closed all the same.
type CloseHistorical struct {
	By     registry.Actor `json:"by"`
	Reason string         `json:"reason,omitempty"`
}

// Attest says that there was nothing to send; the 30-day count starts anew.
type Attest struct {
	Act
	// Site narrows it to one site; empty means all.
	Site string `json:"site,omitempty"`
}

// ResolveHold ends a wait for a person.
type ResolveHold struct {
	HoldID string              `json:"hold_id"`
	Action registry.HoldAction `json:"action"`
	By     registry.Actor      `json:"by"`
	Reason string              `json:"reason,omitempty"`
}

// SetPolicy changes the policy of a running workflow in mid-wait.
type SetPolicy struct {
	Policy registry.Policy `json:"policy"`
	By     registry.Actor  `json:"by"`
}

// FileSettled tells the waiting workflow how far a file is.
type FileSettled struct {
	FileID string               `json:"file_id"`
	Lane   registry.Lane        `json:"lane"`
	State  activities.FileState `json:"state"`
	// First is set on the practice's first confirmed production file.
	First bool `json:"first,omitempty"`
	// ErrorFree is set with FileAnswered.
	ErrorFree bool `json:"error_free,omitempty"`
}

// ReportImported tells a file's workflow that a report named it.
type ReportImported struct {
	ReportID string `json:"report_id"`
}

// FileSentAnyway tells that a person sends a file in spite of our check; who and
// why is asked for by CheckFile.
type FileSentAnyway struct {
	FileID string `json:"file_id"`
}

// Withdrawn tells that the practice was withdrawn.
type Withdrawn struct {
	By registry.Actor `json:"by"`
}

// PhaseMoved tells in which phase a practice is now.
type PhaseMoved struct {
	Phase registry.Phase `json:"phase"`
}

// HistoryEnded tells how the historical load ended.
type HistoryEnded struct {
	State registry.HistoryState `json:"state"`
}

// PermitGranted lets a workflow log in at a registry's server.
type PermitGranted struct {
	Host       string `json:"host"`
	Connection string `json:"connection"`
	// Ask is the visit that it is for; Permit grows with every permit.
	Ask    int   `json:"ask"`
	Permit int64 `json:"permit"`
	// BytesPerSecond is the visit's share of the host's limit; 0 has none.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
}

// VisitOutcome is what a visit tells about its connection.
type VisitOutcome string

// The outcomes.
const (
	// VisitDone: the connection works.
	VisitDone VisitOutcome = "done"
	// VisitUnused: nothing was tried.
	VisitUnused VisitOutcome = "unused"
	// VisitFault: the connection does not work; the workflow stays in line.
	VisitFault VisitOutcome = "fault"
)

// PermitReleased ends a visit.
type PermitReleased struct {
	Workflow string       `json:"workflow"`
	Ask      int          `json:"ask"`
	Permit   int64        `json:"permit"`
	Outcome  VisitOutcome `json:"outcome"`
	// Kind and Words say what the connection's server did; Server ("host:port") is
	// set where it was met before the login.
	Kind   registry.Kind `json:"kind,omitempty"`
	Words  string        `json:"words,omitempty"`
	Server string        `json:"server,omitempty"`
}

// Hold is what a person sees of a wait.
type Hold struct {
	ID     string              `json:"id"`
	Reason registry.HoldReason `json:"reason"`
	// Connection is set where a connection is what is held, Server ("host:port")
	// where a server is.
	Connection string `json:"connection,omitempty"`
	Server     string `json:"server,omitempty"`

	What    string                `json:"what"`
	Words   string                `json:"words,omitempty"`
	Since   time.Time             `json:"since"`
	Actions []registry.HoldAction `json:"actions"`
}

// Status is the answer to the query "status".
type Status struct {
	Practice string              `json:"practice"`
	Phase    registry.Phase      `json:"phase,omitempty"`
	Progress activities.Progress `json:"progress"`
	Holds    []Hold              `json:"holds,omitempty"`
	// Refused is the last signal that was refused, in words.
	Refused string `json:"refused,omitempty"`
	// Gate is set while testing, with the rules by which it counts.
	Gate  *activities.GateResult `json:"gate,omitempty"`
	Rules *activities.GateRules  `json:"rules,omitempty"`
	// Early is set while an approval waits for the review.
	Early bool `json:"early_approval,omitempty"`
}

// HistoryProgress is the answer to the query "history-progress".
type HistoryProgress struct {
	State  registry.HistoryState    `json:"state"`
	Plan   activities.HistoryPlan   `json:"plan"`
	Counts activities.HistoryCounts `json:"counts"`
	// Sent and InFlight count parts.
	Sent     int `json:"sent"`
	InFlight int `json:"in_flight"`
	// Parts counts the parts of everything that was approved.
	Parts int `json:"parts,omitempty"`
	// Waiting is set while the plan waits for its approval.
	Waiting bool `json:"waiting,omitempty"`
	// Paused is set while a person keeps further parts from starting.
	Paused *HistoryPause `json:"paused,omitempty"`
	// Stopped says why the load has stopped itself; a person looks and ends the
	// hold.
	Stopped string `json:"stopped,omitempty"`
	// Aside says what lies in the outbox and was not taken, such as refused
	// archives.
	Aside string `json:"aside,omitempty"`
	// Sources are the EHRs that were asked.
	Sources []HistorySource `json:"sources,omitempty"`
}

// OnboardingInput starts a practice's onboarding.
type OnboardingInput struct {
	Version  int               `json:"version"`
	Practice string            `json:"practice"`
	Calendar registry.Calendar `json:"calendar"`
	// By is who starts it.
	By registry.Actor `json:"by"`
	// State is set where a run continues an earlier one.
	State *OnboardingState `json:"state,omitempty"`
}

// IDs of workflows.

// OnboardingID is the workflow ID of a practice's onboarding.
func OnboardingID(practice string) string { return "onboarding/" + practice }

// HistoryID is the workflow ID of a practice's historical load.
func HistoryID(practice string) string { return "history/" + practice }

// WatchID is the workflow ID of a practice's watch.
func WatchID(practice string) string { return "watch/" + practice }

// HostID is the workflow ID of a registry's server.
func HostID(host string) string { return activities.HostID(host) }

// FileID is the workflow ID of a file's submission.
func FileID(file string) string { return "file/" + file }

// OutboxQuestionID is the ID of the question about a file in an outbox, by the token
// that stands for it.
func OutboxQuestionID(practice, token string) string { return "outbox/" + practice + "/" + token }

// ReportQuestionID is the ID of the question about a report that nothing understands.
func ReportQuestionID(report string) string { return "report/" + report }
