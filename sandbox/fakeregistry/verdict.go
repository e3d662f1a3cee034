package fakeregistry

import (
	"slices"

	"immtrail/registry"
)

// complaint is one thing that the registry says about a file or a message.
type complaint struct {
	Code     string
	Severity registry.Severity
	// Segment, Occurrence and Field are the place, as ERR-2 names it.
	Segment    string
	Occurrence int
	Field      int
	// Missing tells ERR-3 101 (required field missing) from 102 (wrong data).
	Missing bool
	Text    string
}

func (c complaint) family() registry.Family { return registry.FamilyOf(c.Code) }

// harmless are the codes that keep a dose out because it is there already.
var harmless = []string{"IMR-109", "IMR-110"}

func (c complaint) harmless() bool { return slices.Contains(harmless, c.Code) }

// verdict is what becomes of one message, or of the file (Ordinal 0).
type verdict struct {
	Ordinal    int
	ControlID  string
	Processing string
	Complaints []complaint
	// Patient is for the columns and texts of reports, which name patients as
	// real ones do. It goes nowhere else.
	Patient patient
}

// outcome is the worst thing that happened. A dose that was there already
// counts as a warning: nothing is missing in the registry.
func (v *verdict) outcome() registry.Outcome {
	worst := registry.OutcomeAccepted
	for _, c := range v.Complaints {
		o := c.family().Outcome()
		if c.harmless() {
			o = registry.OutcomeWarned
		}
		if badness(o) > badness(worst) {
			worst = o
		}
	}
	return worst
}

func badness(o registry.Outcome) int {
	return slices.Index([]registry.Outcome{
		registry.OutcomeAccepted, registry.OutcomeWarned, registry.OutcomeDoseRejected,
		registry.OutcomePatientRejected, registry.OutcomeMessageRejected, registry.OutcomeFileRejected,
	}, o)
}

// ack is MSA-1 as ImmTrac2 writes it: AE as soon as there is anything to say.
func (v *verdict) ack() string {
	if badness(v.outcome()) >= badness(registry.OutcomeMessageRejected) {
		return "AR"
	}
	if len(v.Complaints) > 0 {
		return "AE"
	}
	return "AA"
}

func (v *verdict) codes() []string {
	var codes []string
	for _, c := range v.Complaints {
		codes = append(codes, c.Code)
	}
	return codes
}

// patient is what reports say of a patient.
type patient struct {
	Chart, Last, First, Born string
}

func (p patient) full() string { return p.Last + ", " + p.First }
