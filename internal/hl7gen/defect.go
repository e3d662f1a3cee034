package hl7gen

// A Defect is one thing that is wrong in one message (or, for BrokenEnvelope,
// in the file).
type Defect string

// The defects. The comments name the rule of the checker that finds them, or
// the registry's code where only the registry can know.
const (
	// MissingBirthDate leaves PID-7 empty: rule P-06.
	MissingBirthDate Defect = "missing-birth-date"
	// MissingLot leaves RXA-15 of an administered dose empty: rule R-10.
	MissingLot Defect = "missing-lot"
	// DuplicateControlID repeats the MSH-10 of the message before: rule F-07.
	DuplicateControlID Defect = "duplicate-control-id"
	// FutureDose dates a dose a month after now: rule R-03.future.
	FutureDose Defect = "future-dose"
	// BadCVX sends a vaccine code that nobody assigned: rule R-05.code.
	BadCVX Defect = "bad-cvx"
	// TestPatient calls the patient TESTPATIENT: rule F-11, in production and
	// historical files only.
	TestPatient Defect = "test-patient"
	// WrongProcessingID sets MSH-11 to D: rule F-10.
	WrongProcessingID Defect = "wrong-processing-id"
	// UnknownFacility names a facility that no practice has: rule M-08.sender.
	UnknownFacility Defect = "unknown-facility"
	// BrokenEnvelope ends the file without BTS and FTS: rule F-06.
	BrokenEnvelope Defect = "broken-envelope"
	// NoConsent passes the checker, since no document says where a message
	// carries consent; the registry knows and answers CLR-100. The message is
	// marked by a chart number that ends in NoConsentMark.
	NoConsent Defect = "no-consent"
	// DuplicateDose passes the checker, since the dose is no duplicate within
	// the file; the registry has it already and answers IMR-109. The message is
	// marked by a chart number that ends in DuplicateDoseMark.
	DuplicateDose Defect = "duplicate-dose"
)

// Marks at the end of a chart number (PID-3.1). Other chart numbers end in a
// digit.
const (
	NoConsentMark     = "NC"
	DuplicateDoseMark = "DU"
)

// Defects lists every defect.
func Defects() []Defect {
	return []Defect{
		MissingBirthDate, MissingLot, DuplicateControlID, FutureDose, BadCVX, TestPatient,
		WrongProcessingID, UnknownFacility, BrokenEnvelope, NoConsent, DuplicateDose,
	}
}

// Rule is the ID of the checker's rule that finds the defect; "" where only the
// registry can.
func (d Defect) Rule() string {
	switch d {
	case MissingBirthDate:
		return "P-06"
	case MissingLot:
		return "R-10"
	case DuplicateControlID:
		return "F-07"
	case FutureDose:
		return "R-03.future"
	case BadCVX:
		return "R-05.code"
	case TestPatient:
		return "F-11"
	case WrongProcessingID:
		return "F-10"
	case UnknownFacility:
		return "M-08.sender"
	case BrokenEnvelope:
		return "F-06"
	case NoConsent, DuplicateDose:
	}
	return ""
}

// Code is the registry's answer to a defect that only the registry can know.
func (d Defect) Code() string {
	switch d {
	case NoConsent:
		return "CLR-100"
	case DuplicateDose:
		return "IMR-109"
	case MissingBirthDate, MissingLot, DuplicateControlID, FutureDose, BadCVX, TestPatient,
		WrongProcessingID, UnknownFacility, BrokenEnvelope:
	}
	return ""
}
