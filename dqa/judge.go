package dqa

import (
	"regexp"
	"strings"

	"immtrail/registry"
)

// claim is one thing that a report says about a record.
type claim struct {
	code     string
	severity registry.Severity
	// condition is ERR-3.1, a code of table HL70357.
	condition string
	location  string
	text      string
	// line is the whole row: it is kept where nobody understands the claim.
	line string
	// status is what the report's own status column says; it may be empty.
	status registry.Outcome
}

// rank orders outcomes from good to bad. An answer that nobody understands is
// worse than a warning and better than a refusal.
var rank = map[registry.Outcome]int{
	registry.OutcomeAccepted:        1,
	registry.OutcomeNotObjected:     2,
	registry.OutcomeWarned:          3,
	registry.OutcomeUnknown:         4,
	registry.OutcomeDoseRejected:    5,
	registry.OutcomePatientRejected: 6,
	registry.OutcomeMessageRejected: 7,
	registry.OutcomeFileRejected:    8,
}

// Worse returns the worse of two outcomes.
func Worse(a, b registry.Outcome) registry.Outcome {
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// rejecting reports whether MSA-1 alone says that a message was not taken:
// table HL70008, AR and its enhanced form CR.
func rejecting(ack string) bool { return ack == "AR" || ack == "CR" }

// bareAck is what an acknowledgement without any ERR says. AE alone says
// nothing: ImmTrac2 sends it for warnings too.
func bareAck(ack string) registry.Outcome {
	switch ack {
	case "AA", "CA":
		return registry.OutcomeAccepted
	case "AR", "CR":
		return registry.OutcomeMessageRejected
	}
	return registry.OutcomeUnknown
}

// judge says what a claim does to its record, and how grave it is. The order:
// the catalogue's harmless codes; the report's own status where it is bad; a
// family that rejects; words that reject; ERR-4.
func judge(catalogue map[string]registry.CatalogueEntry, c claim) (registry.Outcome, registry.Severity) {
	sev := c.severity
	if catalogue[c.code].Harmless && c.code != "" {
		return registry.OutcomeWarned, orSeverity(sev, registry.SeverityInfo)
	}
	if outage.MatchString(c.text) {
		return registry.OutcomeUnknown, sev
	}
	family := registry.FamilyOf(c.code)
	if out := family.Outcome(); out.Bad() {
		return out, orSeverity(sev, registry.SeverityError)
	}
	if out := rejectingWords(c.text); out != "" {
		return Worse(out, badOnly(c.status)), orSeverity(sev, registry.SeverityError)
	}
	if c.status.Bad() {
		return c.status, orSeverity(sev, registry.SeverityError)
	}
	sev = orSeverity(sev, severityOfText(c.text))
	switch {
	case sev == registry.SeverityError:
		return rejectedAt(c.location), sev
	case c.condition == "0" && c.code == "":
		return registry.OutcomeAccepted, sev
	case sev == registry.SeverityWarning || sev == registry.SeverityInfo:
		return registry.OutcomeWarned, sev
	case family == registry.FamilyInformation:
		return registry.OutcomeWarned, registry.SeverityWarning
	case c.code == "" && c.status != "":
		return c.status, sev
	}
	return registry.OutcomeUnknown, sev
}

func badOnly(o registry.Outcome) registry.Outcome {
	if o.Bad() {
		return o
	}
	return ""
}

func orSeverity(s, fallback registry.Severity) registry.Severity {
	if s == "" {
		return fallback
	}
	return s
}

// outage is an interface that was down: not an error of the data.
var outage = regexp.MustCompile(`(?i)failed due to connection error`)

var (
	ignoredPID = regexp.MustCompile(`(?i)\bPID\s*#\s*\d+\s+(?:was\s+)?IGNORED\b`)
	ignoredRXA = regexp.MustCompile(`(?i)\bRXA\s*#\s*\d+\s+(?:was\s+)?IGNORED\b`)
	rejected   = regexp.MustCompile(`(?i)(\w+)?\s*(?:\b(?:was|is|has been|have been|were)\s+)?\bREJECTED\b`)
)

// rejectingWords finds the words by which registries of this kind say that
// something was not taken, or returns "". "Ignored" counts with a whole
// segment only: an ignored field is a warning.
func rejectingWords(text string) registry.Outcome {
	if len(text) < len("REJECTED") && !strings.Contains(text, "#") {
		return ""
	}
	if ignoredPID.MatchString(text) {
		return registry.OutcomePatientRejected
	}
	if ignoredRXA.MatchString(text) {
		return registry.OutcomeDoseRejected
	}
	m := rejected.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	switch strings.ToLower(m[1]) {
	case "not", "never":
		return ""
	case "file", "batch":
		return registry.OutcomeFileRejected
	case "client", "patient":
		return registry.OutcomePatientRejected
	case "immunization", "immunizations", "vaccination", "dose", "rxa":
		return registry.OutcomeDoseRejected
	}
	return registry.OutcomeMessageRejected
}

// severityOfText reads the word that ImmTrac2 puts before its sentences:
// "Warning. …", "Informational Message. …".
func severityOfText(text string) registry.Severity {
	t := strings.ToLower(strings.TrimLeft(text, " :.-"))
	switch {
	case strings.HasPrefix(t, "warn"):
		return registry.SeverityWarning
	case strings.HasPrefix(t, "info"), strings.HasPrefix(t, "notice"):
		return registry.SeverityInfo
	case strings.HasPrefix(t, "error"), strings.HasPrefix(t, "fatal"):
		return registry.SeverityError
	}
	return ""
}

// severityWord reads a severity as ERR-4 and as columns of reports write it.
func severityWord(w string) registry.Severity {
	switch t := strings.ToLower(strings.TrimSpace(w)); {
	case t == "":
		return ""
	case t == "e", t == "f", strings.HasPrefix(t, "err"), strings.HasPrefix(t, "fatal"),
		strings.HasPrefix(t, "reject"), strings.HasPrefix(t, "critical"):
		return registry.SeverityError
	case t == "w", strings.HasPrefix(t, "warn"):
		return registry.SeverityWarning
	case t == "i", t == "n", strings.HasPrefix(t, "info"), strings.HasPrefix(t, "note"), strings.HasPrefix(t, "notice"):
		return registry.SeverityInfo
	}
	return ""
}

// rejectedAt is what an error of unknown meaning does, by where it is: the
// cascade of the CDC guide's table 3-1, from the segment up.
func rejectedAt(location string) registry.Outcome {
	if len(location) < 3 {
		return registry.OutcomeMessageRejected
	}
	switch location[:3] {
	case "ORC", "RXA", "RXR", "OBX", "TQ1", "TQ2":
		return registry.OutcomeDoseRejected
	case "PID", "PD1", "NK1":
		return registry.OutcomePatientRejected
	case "FHS", "BHS", "BTS", "FTS":
		return registry.OutcomeFileRejected
	}
	return registry.OutcomeMessageRejected
}

// statusWord reads the status column of a report. ok is false where it says
// nothing about acceptance.
func statusWord(w string) (o registry.Outcome, ok bool) {
	t := strings.ToLower(strings.TrimSpace(w))
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(t, p) {
				return true
			}
		}
		return false
	}
	switch {
	case t == "aa", t == "ca", t == "ok", t == "y", t == "yes", t == "pass", t == "passed",
		has("no error", "without error", "without warning", "error free", "error-free"):
		return registry.OutcomeAccepted, true
	case t == "ar", t == "cr", has("reject", "not accepted", "not loaded", "refused", "denied", "fail", "error"):
		return registry.OutcomeMessageRejected, true
	case has("warn"):
		return registry.OutcomeWarned, true
	case has("accept", "success", "loaded", "complete", "added", "updated", "inserted"):
		return registry.OutcomeAccepted, true
	}
	return "", false
}
