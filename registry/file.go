package registry

// FileRef is a file as workflows know it: a reference, never its bytes.
type FileRef struct {
	// ID is minted by the database on first staging, such as "f-1042".
	ID string `json:"id"`
	// Digest is the hex SHA-256 of the bytes as they came.
	Digest string `json:"digest"`
	// Size is the length in bytes.
	Size int64 `json:"size"`
}

// FileState is what became of a file.
type FileState string

// The states of a file.
const (
	FileStaged    FileState = "staged"
	FileRefused   FileState = "refused"   // our checker did not let it go
	FileDelivered FileState = "delivered" // confirmed at the registry
	FileAnswered  FileState = "answered"  // every message of it is answered
	FileDropped   FileState = "dropped"   // given up by a person
)

// FileStates lists every state of a file.
func FileStates() []FileState {
	return []FileState{FileStaged, FileRefused, FileDelivered, FileAnswered, FileDropped}
}

// CanFollow reports whether a file in state s may come to next. A delivered
// file can only be answered, and an answered one stays so. Staying where it is
// is always allowed.
func (s FileState) CanFollow(next FileState) bool {
	switch {
	case s == next:
		return true
	case next == FileStaged, s == FileAnswered:
		return false
	case s == FileDelivered:
		return next == FileAnswered
	}
	return true
}

// Severity grades a finding in HL7's own letters (table HL70516, ERR-4).
type Severity string

// The severities.
const (
	SeverityError   Severity = "E"
	SeverityWarning Severity = "W"
	SeverityInfo    Severity = "I"
)

// Words is the severity as a person says it.
func (s Severity) Words() string {
	switch s {
	case SeverityError:
		return "error"
	case SeverityWarning:
		return "warning"
	case SeverityInfo:
		return "note"
	}
	return string(s)
}

// Outcome is what becomes of a file, a message or a dose: predicted by our
// checker, or told by the registry. The cascade is that of the CDC guide's
// table 3-1.
type Outcome string

// The outcomes.
const (
	OutcomeAccepted        Outcome = "accepted"
	OutcomeWarned          Outcome = "accepted-with-warnings"
	OutcomeDoseRejected    Outcome = "dose-rejected"
	OutcomePatientRejected Outcome = "patient-rejected"
	OutcomeMessageRejected Outcome = "message-rejected"
	OutcomeFileRejected    Outcome = "file-rejected"
	// OutcomeNotObjected is a message that a report covers but does not name,
	// where the registry lists only the bad ones.
	OutcomeNotObjected Outcome = "not-objected-to"
	// OutcomeUnknown is a message that no report has answered yet, or an answer
	// that nobody understands.
	OutcomeUnknown Outcome = "unknown"
)

// Bad reports whether something was kept out of the registry.
func (o Outcome) Bad() bool {
	switch o {
	case OutcomeDoseRejected, OutcomePatientRejected, OutcomeMessageRejected, OutcomeFileRejected:
		return true
	case OutcomeAccepted, OutcomeWarned, OutcomeNotObjected, OutcomeUnknown:
	}
	return false
}

// Place says where in a file something is, without saying what is there.
type Place struct {
	// Message is the ordinal of the message in the file, from 1; 0 is the file itself.
	Message int `json:"message"`
	// ControlID is MSH-10 of that message, where it has one.
	ControlID string `json:"control_id,omitempty"`
	// Path is segment, occurrence, field and component: "RXA[2]-5.1".
	Path string `json:"path"`
	// Offset is the byte offset of the segment in the original file.
	Offset int64 `json:"offset"`
	// Line is the line (segment) number in the original file, from 1.
	Line int `json:"line"`
}

// A Finding is one thing that is wrong or odd in a file. It names a place and
// a rule and never quotes a value.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Place
}

// RuleCount is how often a rule fired, exact even where findings were capped.
type RuleCount struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Count    int      `json:"count"`
}

// RuleGrade is a rule of the checker that a person graded anew.
type RuleGrade struct {
	// Rule is a rule's ID or a family: "P-06.future", "P-06".
	Rule string `json:"rule"`
	// Grade is off, info, warning or error.
	Grade string `json:"grade"`
	By    string `json:"by,omitempty"`
}

// CheckSummary is what a check of a file comes to; small enough for history.
type CheckSummary struct {
	// Outcome is the prediction for the file as a whole.
	Outcome Outcome `json:"outcome"`
	// ErrorFree is the job aide's word: no finding of severity E. Warnings do
	// not break it.
	ErrorFree bool `json:"error_free"`
	// HoldFile says that the whole file must not be sent in its lane; Held
	// messages only are left out of it.
	HoldFile bool `json:"hold_file"`
	Messages int  `json:"messages"`
	Doses    int  `json:"doses"`
	// Held counts messages that may not be sent in this lane (test patient,
	// wrong processing ID, unreadable, unknown site).
	Held     int `json:"held"`
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Infos    int `json:"infos"`
	// Top are the rules that fired most, at most ten.
	Top []RuleCount `json:"top,omitempty"`
	// RuleSet is the version of rules and code tables that judged.
	RuleSet string `json:"rule_set"`
	// Changed are the rules that persons had graded anew for the practice, at
	// most ten; ChangedRules is how many there were.
	Changed      []RuleGrade `json:"changed,omitempty"`
	ChangedRules int         `json:"changed_rules,omitempty"`
}

// Confirmation says how a delivery was seen at the registry.
type Confirmation string

// The ways of seeing a file on a connection other than the one that sent it.
const (
	ConfirmedByStat     Confirmation = "stat"
	ConfirmedByListing  Confirmation = "listing"
	ConfirmedByReadBack Confirmation = "read-back"
	// ConfirmedRenamed: listed under another name that the server made of ours,
	// as registries do that mark what they have taken.
	ConfirmedRenamed Confirmation = "listed-renamed"
	// ConfirmedSwept: our rename was acknowledged and the name is gone since;
	// the registry picked the file up.
	ConfirmedSwept Confirmation = "swept"
	// ConfirmedByPerson: a named person says that it arrived.
	ConfirmedByPerson Confirmation = "person"
	// ConfirmedByReport: nobody saw it there, and the registry's report speaks of it.
	ConfirmedByReport Confirmation = "report"
)

// Words is how a screen says it.
func (c Confirmation) Words() string {
	switch c {
	case ConfirmedByStat:
		return "seen at the registry with the right size"
	case ConfirmedByListing:
		return "listed at the registry with the right size"
	case ConfirmedByReadBack:
		return "read back from the registry, same digest"
	case ConfirmedRenamed:
		return "at the registry, under a name that its server gave it"
	case ConfirmedSwept:
		return "picked up by the registry"
	case ConfirmedByPerson:
		return "arrived, on a person's word"
	case ConfirmedByReport:
		return "the registry's report speaks of it"
	}
	return string(c)
}
