package docgen

import (
	"fmt"
	"io"
	"strings"

	"immtrail/conformance"
	"immtrail/registry"
)

// groups are the rules by the letter that their IDs begin with.
var groups = []struct{ letter, title string }{
	{"F", "The file and its envelope"},
	{"M", "The message header (MSH)"},
	{"P", "The patient (PID)"},
	{"D", "Protection and consent (PD1)"},
	{"N", "Responsible persons (NK1)"},
	{"O", "The order (ORC)"},
	{"R", "The vaccination (RXA)"},
	{"X", "Route and site (RXR)"},
	{"B", "Observations (OBX)"},
}

const rulesHead = `# Rules of the checker

Made from package conformance by internal/docgen; do not edit by hand.
Rule set %s, %d rules.

` + "`starter check FILE`" + ` names these rules, and so do letters to EHR vendors. A rule is
an **error** (E), a **warning** (W) or a **note** (I), each for test, production
and historical files; "-" means that it does not apply there. An error **drops**
what cannot do without the bad value: nothing, the dose, the message or the
file. A test file with an error is not sent. In production and historical files
only the messages of held rules stay behind (setting ` + "`rules.held`" + `); whatever
else is wrong is sent and shown, because the registry judges by record.

A profile may re-grade any rule (` + "`rules.grades`" + `). Sources: "IZ-nn" are conformance
statements of the CDC implementation guide r1.5 (HL7 2.5.1, profile Z22); "Z22
PID-7 R" is a usage of that profile; "NIST-nn" and "CDC X.nn" are checks of the
NIST validation suite and CDC's data quality rules; "Texas IEE-nnn" is a message
that ImmTrac2 is known to answer with.
`

// Rules writes docs/rules.md: every rule that the checker knows. It returns an
// error for a rule whose letter has no title.
func Rules(w io.Writer) error {
	rules := conformance.Rules()
	var b strings.Builder
	fmt.Fprintf(&b, rulesHead, conformance.Version(nil), len(rules))
	written := 0
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| rule | where | test / production / historical | drops | what is wrong, and what to do | source |\n| --- | --- | --- | --- | --- | --- |\n", g.title)
		for _, r := range rules {
			if !strings.HasPrefix(r.ID, g.letter+"-") {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s %s | %s |\n", r.ID, cell(r.Where), severities(r.Severity),
				drops(r.Drops), cell(r.Says), cell(r.Remedy), cell(r.Source))
			written++
		}
	}
	if written != len(rules) {
		return fmt.Errorf("%d of %d rules have no group in internal/docgen", len(rules)-written, len(rules))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell keeps a text from ending its cell or being taken for markup.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "*", `\*`, "^", `\^`, "~", `\~`, "<", "&lt;").Replace(text)
}

func severities(l conformance.Lanes) string {
	word := func(s registry.Severity) string {
		if s == "" {
			return "-"
		}
		return string(s)
	}
	if l.Test == l.Production && l.Production == l.Historical {
		return word(l.Test)
	}
	return word(l.Test) + " / " + word(l.Production) + " / " + word(l.Historical)
}

func drops(d conformance.Drops) string {
	switch d {
	case conformance.DropsDose:
		return "dose"
	case conformance.DropsMessage:
		return "message"
	case conformance.DropsFile:
		return "file"
	case conformance.DropsNothing:
	}
	return "nothing"
}
