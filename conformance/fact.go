package conformance

import (
	"fmt"
	"io"
	"log/slog"

	"immtrail/registry"
)

// MessageFact is what the checker learned of one message. It owns its memory
// and may be kept after the callback returned.
type MessageFact struct {
	// Ordinal counts the messages of the file from 1.
	Ordinal   int
	ControlID string
	// SendingApp, SendingFacility, ReceivingApp and ReceivingFacility are
	// MSH-3 to MSH-6, SendingOrganization is MSH-22.
	SendingApp, SendingFacility     string
	ReceivingApp, ReceivingFacility string
	SendingOrganization             string
	// Sent is the date of MSH-7, YYYYMMDD.
	Sent string
	// Site is the ID of the practice's site that the message comes from; empty
	// where nothing in it tells.
	Site    string
	Outcome registry.Outcome
	// Held messages are left out of the file in this lane.
	Held bool
	// Errors and Warnings are the message's own.
	Errors, Warnings int
	// Offset and Length are where the message lies in the file, byte for byte;
	// Line is its first line, from 1.
	Offset, Length int64
	Line           int
	// Content is the digest of what the message says ([Options.Contents]). It is
	// made of patient data: only a keyed digest of it may be kept.
	Content [32]byte `json:"-"`
	// Says is the same without the control ID: of messages of two exports.
	Says    [32]byte `json:"-"`
	Doses   []DoseFact
	Patient PatientRef
}

// DoseFact is one order group (ORC, RXA and what belongs to them).
type DoseFact struct {
	// Ordinal counts the doses of the message from 1.
	Ordinal int
	// CVX is the vaccine, also where RXA-5 carries an NDC that the table knows.
	CVX string
	// Date is RXA-3 as YYYYMMDD; empty where it is no date.
	Date string
	// Completion is RXA-20, Action is RXA-21.
	Completion, Action string
	// Administered doses were given by the sender now (RXA-9 = 00, complete or
	// partial); others are history, refusals or not given.
	Administered bool
	// Late doses were administered more than 30 days before the check (25 TAC
	// 100.6(b)) and are reported as new (RXA-21 neither D nor U).
	Late    bool
	Outcome registry.Outcome
	// RecordKey tells records apart: patient (name, birth date and sex), vaccine
	// and date. The caller turns it into a keyed digest and keeps only that.
	RecordKey Private
	// Details are what staff need to find the dose; to be sealed by the caller.
	Details DoseRef
}

// DoseRef is what staff need to find a dose in their EHR. Like [PatientRef] it
// exists only to be sealed and prints as [patient].
type DoseRef struct {
	// Vaccine is the text of RXA-5, or its code.
	Vaccine string `json:"vaccine"`
	CVX     string `json:"cvx"`
	Date    string `json:"date"` // YYYYMMDD
	Lot     string `json:"lot"`
	// Provider is who gave it (RXA-10), Clinic where (RXA-11.4).
	Provider string `json:"provider"`
	Clinic   string `json:"clinic"`
}

// Format implements [fmt.Formatter], so that no verb prints the dose.
func (DoseRef) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements [slog.LogValuer].
func (DoseRef) LogValue() slog.Value { return slog.StringValue(hidden) }

// PatientRef is what staff need to find a patient. It exists only to be sealed
// in the database by the caller. It prints as [patient].
type PatientRef struct {
	Family         string `json:"family"`
	Given          string `json:"given"`
	BirthDate      string `json:"birth_date"`
	Sex            string `json:"sex"`
	ChartNumber    string `json:"chart_number"`
	ChartAuthority string `json:"chart_authority"`
}

const hidden = "[patient]"

// Format implements [fmt.Formatter], so that no verb prints the patient.
func (PatientRef) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements [slog.LogValuer].
func (PatientRef) LogValue() slog.Value { return slog.StringValue(hidden) }

// Private is text about a patient. It prints as [patient]; string(p) is the
// text itself.
type Private string

// Format implements [fmt.Formatter].
func (Private) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements [slog.LogValuer].
func (Private) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON keeps the text out of anything that is written as JSON.
func (Private) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
