package oracle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// Moment is when a sabotage has to strike.
type Moment string

// The moments.
const (
	// BeforeApproval: while at least one practice is not in production yet.
	BeforeApproval Moment = "before-approval"
	// AtEnd: when the journey is over and before it is judged.
	AtEnd Moment = "at-end"
)

// Sabotage breaks one promise on purpose, from outside, in a way that [Judge]
// must find as exactly this one.
type Sabotage struct {
	Name string
	// Invariant is the promise that it breaks.
	Invariant string
	Words     string
	Moment    Moment
	// Break returns when the damage can be seen. It returns an error where the
	// world does not hold what it needs (a historical file, a refused record).
	Break func(ctx context.Context, w World) error
}

// Sabotages lists what can be broken.
func Sabotages() []Sabotage {
	return []Sabotage{
		{"send-twice", SentTwice, "sends a production file again, under another name", AtEnd, sendTwice(registry.LaneProduction)},
		{"history-twice", HistoryTwice, "sends a part of the historical load again", AtEnd, sendTwice(registry.LaneHistorical)},
		{"early-production", EarlyProduction, "sends a production file before the Production email", BeforeApproval, sendEarly},
		{"test-in-production", WrongProcessingID, "sends messages with processing ID T to production", AtEnd, sendNew("T", "")},
		{"test-patient", TestPatient, "sends a test patient to production", AtEnd, sendNew("P", hl7gen.TestPatient)},
		{"stranger", UnknownFile, "sends a production file that we know nothing of", AtEnd, sendNew("P", "")},
		{"false-confirm", FalseSuccess, "calls a delivery confirmed that never arrived", AtEnd, falseConfirm},
		{"lost-letter", FalseSuccess, "calls a letter sent that nobody got", AtEnd, lostLetter},
		{"import-twice", ReportOnce, "imports a report a second time", AtEnd, importTwice},
		{"error-for-warning", AckJudged, "opens an error for a mere warning", AtEnd, errorForWarning},
		{"illegal-move", LegalMoves, "writes a move into the audit that no diagram has", AtEnd, illegalMove},
		{"second-letter", OneLetter, "writes a review request again under another Message-ID", AtEnd, secondLetter},
		{"wrong-address", LetterRecipients, "sends a letter of ours to the registry", AtEnd, wrongAddress},
		{"name-in-log", ClearText, "writes a patient's name into a log", AtEnd, nameInLog},
		{"name-in-mail", ClearText, "writes a patient's name into a mail", AtEnd, nameInMail},
		{"name-in-database", ClearText, "writes a patient's name into the audit", AtEnd, nameInDatabase},
		{"name-in-history", ClearText, "starts a workflow with a patient's name", AtEnd, nameInHistory},
		{"dead-workflow", Stuck, "lets a workflow run out of time", AtEnd, deadWorkflow},
	}
}

// FindSabotage finds one by its name.
func FindSabotage(name string) (Sabotage, bool) {
	all := Sabotages()
	i := slices.IndexFunc(all, func(s Sabotage) bool { return s.Name == name })
	if i < 0 {
		return Sabotage{}, false
	}
	return all[i], true
}

var errNothing = errors.New("the rehearsal holds nothing to do it with")

func cannot(what string) error { return fmt.Errorf("sabotage: %s: %w", what, errNothing) }

// somebody is a patient whose name can be told.
func somebody(w *World) (hl7gen.Patient, error) {
	for _, p := range w.Patients {
		if unmistakable.MatchString(p.Family) && p.Family != "TESTPATIENT" {
			return p, nil
		}
	}
	return hl7gen.Patient{}, cannot("a patient's name")
}
