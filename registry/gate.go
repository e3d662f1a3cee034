package registry

import "strings"

// GateRule says which error-free test files count towards the review.
type GateRule string

// The rules.
const (
	// GateTotal counts every error-free test file.
	GateTotal GateRule = "total"
	// GateStreak counts those after the last one that the registry found an error
	// in.
	GateStreak GateRule = "streak"
)

// GateRules lists every rule.
func GateRules() []GateRule { return []GateRule{GateTotal, GateStreak} }

// Words is the rule as a person reads it.
func (r GateRule) Words() string {
	if r == GateStreak {
		return "in a row: an error that the registry finds sets the count to nothing"
	}
	return "in total: one with an error takes nothing away from the others"
}

// Verdict is what the registry says of a whole file by email.
type Verdict string

// The verdicts.
const (
	VerdictClean  Verdict = "clean"  // without an error
	VerdictErrors Verdict = "errors" // something has to be mended
)

// SenderKnown reports whether address is one of known, or of a domain (or a part
// of one) in known. Case does not matter. It says nothing about forgery: whoever
// writes an email chooses its sender.
func SenderKnown(address string, known []string) bool {
	address = strings.ToLower(strings.TrimSpace(address))
	_, domain, ok := strings.Cut(address, "@")
	if !ok || domain == "" {
		return false
	}
	for _, k := range known {
		k = strings.ToLower(strings.TrimSpace(k))
		if k == "" {
			continue
		}
		if k == address || k == domain || !strings.Contains(k, "@") && strings.HasSuffix(domain, "."+k) {
			return true
		}
	}
	return false
}

// DecisionSenders are the addresses and domains from which a decision of the
// registry about practice may come.
func DecisionSenders(p *Profile, practice *Practice) []string {
	known := append([]string{p.DataExchangeEmail, p.SupportEmail}, p.Policy.ApprovalSenders...)
	if practice == nil {
		return known
	}
	for _, c := range practice.Contacts {
		if c.Role == ContactRegistry {
			known = append(known, c.Email)
		}
	}
	return known
}
