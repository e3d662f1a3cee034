package registry

import (
	"strings"
	"time"
)

// Family is the prefix of an ImmTrac2 message code: what was refused.
type Family string

// The families of ImmTrac2's codes.
const (
	FamilyFile         Family = "FIR" // file rejected
	FamilyMessage      Family = "MER" // message rejected
	FamilyClient       Family = "CLR" // client (patient) rejected
	FamilyImmunization Family = "IMR" // immunization rejected
	FamilyInformation  Family = "IEE" // informational or warning; the record is kept
)

// FamilyOf returns the family of a code such as "CLR-100", or "" when it
// belongs to none.
func FamilyOf(code string) Family {
	head, _, ok := strings.Cut(code, "-")
	if !ok {
		return ""
	}
	switch f := Family(head); f {
	case FamilyFile, FamilyMessage, FamilyClient, FamilyImmunization, FamilyInformation:
		return f
	}
	return ""
}

// Outcome is what a code of family f does to a record when nothing else is
// known about it.
func (f Family) Outcome() Outcome {
	switch f {
	case FamilyFile:
		return OutcomeFileRejected
	case FamilyMessage:
		return OutcomeMessageRejected
	case FamilyClient:
		return OutcomePatientRejected
	case FamilyImmunization:
		return OutcomeDoseRejected
	case FamilyInformation:
		return OutcomeWarned
	}
	return OutcomeUnknown
}

// Owner is who can put an error right.
type Owner string

// The owners.
const (
	OwnerPractice Owner = "practice"
	OwnerVendor   Owner = "ehr-vendor"
	OwnerDataTeam Owner = "data-team"
	OwnerRegistry Owner = "registry"
	OwnerNobody   Owner = "nobody" // known to be harmless: duplicates, notices
)

// CatalogueEntry is what is known of one code.
type CatalogueEntry struct {
	Code string `json:"code" yaml:"code"`
	// Meaning is one sentence for practice staff.
	Meaning string `json:"meaning" yaml:"meaning"`
	// Remedy is what to do about it.
	Remedy string `json:"remedy" yaml:"remedy"`
	Owner  Owner  `json:"owner" yaml:"owner"`
	// Harmless codes (duplicates, notices) open no error, whatever their family.
	Harmless bool `json:"harmless" yaml:"harmless"`
	// PerPatient codes are one error per patient, not one per dose.
	PerPatient bool `json:"per_patient,omitempty" yaml:"per_patient,omitempty"`
	// Severity says how much is lost as long as nobody mends it, and so by when
	// that is due. It is not the grade of an item (ERR-4).
	Severity CodeSeverity `json:"severity,omitempty" yaml:"severity,omitempty"`
	// Scope is what the code is about.
	Scope Scope `json:"scope,omitempty" yaml:"scope,omitempty"`
	// Foretold says which rules of our checker foretell it, by their IDs; with
	// [ForetoldOwnData] among them only where the practice's own data are known,
	// and [ForetoldNever] alone where no file can show it or no rule looks.
	Foretold []string `json:"foretold,omitempty" yaml:"foretold,omitempty"`
	// Confidence is how sure the meaning is: high (an answer of the registry or a
	// document of DSHS shows it), medium (others who work with it say so), low (a
	// guess).
	Confidence string `json:"confidence,omitempty" yaml:"confidence,omitempty"`
	// Page is the section of docs/runbook.md that says more.
	Page string `json:"page,omitempty" yaml:"page,omitempty"`
	// Source says where the entry comes from.
	Source string `json:"source,omitempty" yaml:"source,omitempty"`
}

// CodeSeverity is how much an error of a code weighs.
type CodeSeverity string

// The severities of codes.
const (
	CodeHigh   CodeSeverity = "high"   // the registry has nothing of a patient, a message or a file
	CodeNormal CodeSeverity = "normal" // it has the patient without a dose
	CodeLow    CodeSeverity = "low"    // it has the record, or nothing is wrong
)

// Severity of a code with a scope when nothing else is known about it.
func (s Scope) Severity() CodeSeverity {
	if s == ScopeDose {
		return CodeNormal
	}
	return CodeHigh
}

// Scope is what a code of the registry is about.
type Scope string

// The scopes.
const (
	ScopeFile    Scope = "file"
	ScopeMessage Scope = "message"
	ScopePatient Scope = "patient"
	ScopeDose    Scope = "dose"
)

// Words of [CatalogueEntry.Foretold] that are no rules.
const (
	ForetoldOwnData = "own-data"
	ForetoldNever   = "never"
)

// PageUnknown is the section for codes of which little is known.
const PageUnknown = "unknown-codes"

// Scope of a code of family f when nothing else is known about it.
func (f Family) Scope() Scope {
	switch f {
	case FamilyFile:
		return ScopeFile
	case FamilyMessage, FamilyInformation:
		return ScopeMessage
	case FamilyClient:
		return ScopePatient
	case FamilyImmunization:
		return ScopeDose
	}
	return ScopeMessage
}

// Foretold says which rule of our checker foretells what the registry says.
type Foretold struct {
	// Key is a code ("IEE-519") or, for what comes without one, segment and
	// field ("OBX-14").
	Key string `json:"key"`
	// Rule is a rule's ID or a family; empty for what no file can show, such as
	// a consent that is on file at the registry or not.
	Rule   string `json:"rule,omitempty"`
	Source string `json:"source,omitempty"`
}

// ReportItem is one thing that a report says about one record.
type ReportItem struct {
	// Ordinal is the position in the report, from 1.
	Ordinal int `json:"ordinal"`
	// ControlID is the MSH-10 that the item answers; empty where the report
	// does not tell.
	ControlID string `json:"control_id,omitempty"`
	// File is the name of our file as the report tells it, Position the message
	// of it from 1; they serve where there is no control ID.
	File     string `json:"file,omitempty"`
	Position int    `json:"position,omitempty"`
	// ToApp and ToFacility are the sending system that is answered (MSH-5 and
	// MSH-6 of an acknowledgement); empty where the report does not tell. Two
	// systems may use the same control ID.
	ToApp      string `json:"to_app,omitempty"`
	ToFacility string `json:"to_facility,omitempty"`
	// Ack is MSA-1 where the report is made of acknowledgements. Never judged by.
	Ack string `json:"ack,omitempty"`
	// Code is such as "CLR-100"; empty where the item is an acceptance.
	Code   string `json:"code,omitempty"`
	Family Family `json:"family,omitempty"`
	// Severity is ERR-4, or what the family implies.
	Severity Severity `json:"severity,omitempty"`
	// Location is ERR-2 or the report's own word for the place.
	Location string `json:"location,omitempty"`
	// Outcome is what became of the record.
	Outcome Outcome `json:"outcome"`
	// Line says that the item is a line that nobody understands.
	Line bool `json:"line,omitempty"`
	// Text is the registry's sentence. It may name a patient, so it is kept
	// sealed and never leaves the database in clear.
	Text string `json:"-"`
}

// ErrorState is the life of an error that the registry reported.
type ErrorState string

// The states of an error. It ends by proof, or by a person's word with a
// reason; the three ends are counted apart.
const (
	ErrorOpen     ErrorState = "open"
	ErrorAssigned ErrorState = "assigned" // somebody has it in hand
	// ErrorFixSent: a later file holds the record. That is a claim until a report
	// proves it.
	ErrorFixSent ErrorState = "fix-sent"
	// ErrorVerified: a later report shows the record accepted, or no longer
	// objects to it. No person can say so.
	ErrorVerified ErrorState = "verified"
	// ErrorCorrected: a person mended it in the registry itself.
	ErrorCorrected ErrorState = "corrected"
	ErrorWaived    ErrorState = "waived" // given up
)

// Settled reports whether nothing more has to be done.
func (s ErrorState) Settled() bool {
	return s == ErrorVerified || s == ErrorCorrected || s == ErrorWaived
}

// Approval is the Production email as the process needs it: who approved, the
// date of the email, and, now or later, which email it was.
type Approval struct {
	// Practice is the practice's ID; an approval for another one is refused.
	Practice string `json:"practice"`
	// ApprovedBy is who at the registry approved, or who here relays it.
	ApprovedBy string `json:"approved_by"`
	// EmailDate is the date of the Production email, YYYY-MM-DD.
	EmailDate string `json:"email_date"`
	// MessageID is the email's Message-ID; it may follow later.
	MessageID string `json:"message_id,omitempty"`
	// EvidenceID is the email in the file store; it may follow later.
	EvidenceID string `json:"evidence_id,omitempty"`
	// From is the address of the email's sender; it may follow with the email.
	From string `json:"from,omitempty"`
	// OverrideBy is the person who accepts the email although it is older than the
	// review request or its sender is not known, OverrideReason why.
	OverrideBy     string `json:"override_by,omitempty"`
	OverrideReason string `json:"override_reason,omitempty"`
}

// Fault says in a sentence why the approval cannot be used for practice, or
// returns "".
func (a Approval) Fault(practice string) string {
	switch {
	case a.Practice != practice:
		return "it names another practice"
	case strings.TrimSpace(a.ApprovedBy) == "":
		return "approved_by is missing: who approved?"
	case a.EmailDate == "":
		return "email_date is missing: the date of the Production email, as YYYY-MM-DD"
	case (strings.TrimSpace(a.OverrideBy) == "") != (strings.TrimSpace(a.OverrideReason) == ""):
		return "override_by and override_reason go together: who accepts it, and why"
	}
	if _, err := time.Parse(time.DateOnly, a.EmailDate); err != nil {
		return "email_date is not a date such as 2026-03-31"
	}
	return ""
}

// Same reports whether b tells the same approval as a; what one of them leaves
// open does not count as a difference.
func (a Approval) Same(b Approval) bool {
	open := func(x, y string) bool { return x == "" || y == "" || x == y }
	return a.Practice == b.Practice && a.ApprovedBy == b.ApprovedBy && a.EmailDate == b.EmailDate &&
		open(a.MessageID, b.MessageID) && open(a.EvidenceID, b.EvidenceID) && open(strings.ToLower(a.From), strings.ToLower(b.From))
}

// Merge fills what a leaves open from b.
func (a Approval) Merge(b Approval) Approval {
	if a.MessageID == "" {
		a.MessageID = b.MessageID
	}
	if a.EvidenceID == "" {
		a.EvidenceID = b.EvidenceID
	}
	if a.From == "" {
		a.From = b.From
	}
	if a.OverrideBy == "" {
		a.OverrideBy, a.OverrideReason = b.OverrideBy, b.OverrideReason
	}
	return a
}
