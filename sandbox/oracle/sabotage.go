package oracle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// Sabotage breaks one promise on purpose, from outside, in a way that [Judge]
// must find as exactly this one. It strikes when the journey is over and before
// it is judged.
type Sabotage struct {
	Name string
	// Invariant is the promise that it breaks.
	Invariant string
	Words     string
	// Break returns when the damage can be seen. It returns an error where the
	// world does not hold what it needs (a historical file, a refused record).
	Break func(ctx context.Context, w World) error
}

// Sabotages lists what can be broken.
func Sabotages() []Sabotage {
	return []Sabotage{
		{"send-twice", SentTwice, "sends a production file again, under another name", sendTwice(registry.LaneProduction)},
		{"history-twice", HistoryTwice, "sends a part of the historical load again", sendTwice(registry.LaneHistorical)},
		{"early-production", EarlyProduction, "sends a production file before the Production email", sendEarly},
		{"test-in-production", WrongProcessingID, "sends messages with processing ID T to production", sendNew("T", "")},
		{"test-patient", TestPatient, "sends a test patient to production", sendNew("P", hl7gen.TestPatient)},
		{"stranger", UnknownFile, "sends a production file that we know nothing of", sendNew("P", "")},
		{"false-confirm", FalseSuccess, "calls a delivery confirmed that never arrived", falseConfirm},
		{"lost-letter", FalseSuccess, "calls a letter sent that nobody got", lostLetter},
		{"import-twice", ReportOnce, "imports a report a second time", importTwice},
		{"error-for-warning", AckJudged, "opens an error for a mere warning", errorForWarning},
		{"illegal-move", LegalMoves, "writes a move into the audit that no diagram has", illegalMove},
		{"second-letter", OneLetter, "writes a review request again under another Message-ID", secondLetter},
		{"wrong-address", LetterRecipients, "sends a letter of ours to the registry", wrongAddress},
		{"name-in-log", ClearText, "writes a patient's name into a log", nameInLog},
		{"name-in-mail", ClearText, "writes a patient's name into a mail", nameInMail},
		{"name-in-database", ClearText, "writes a patient's name into the audit", nameInDatabase},
		{"name-in-history", ClearText, "starts a workflow with a patient's name", nameInHistory},
		{"dead-workflow", Stuck, "lets a workflow run out of time", deadWorkflow},
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
