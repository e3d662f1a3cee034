package docgen

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"immtrail/conformance"
	"immtrail/registry"
)

// groups are the rules by the letter that their IDs begin with.
var groups = []struct{ letter, title string }{
	{"F", "The file and its envelope"},
	{"M", "The message header (MSH)"},
	{"P", "The patient (PID)"},
	{"D", "Protection (PD1)"},
	{"C", "Consent"},
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

Three things are no rules, because they are what rules come to. What becomes of a
message (accepted, accepted with warnings, dose dropped, rejected) follows the CDC
guide's table 3-1: an error drops the smallest thing that cannot do without the bad
value. A test file counts towards the three to five only when it has no error. A
historical dose may say any source of NIP001 (R-08) and is not asked for the 30 days
(R-17) nor for the lot of a dose that somebody else gave (R-10).

Where a rule is "silent behind" others, it tells of a consequence: when one of these
fires in the same segment, and is on and weighs no less, it says nothing. Every rule
has a message in the tests that breaks it and no other, and one that just satisfies
it, but for those that conclude from others: M-08.file, F-07.everybody and F-11.file
from what they say of single messages, R-08.historic from R-10 and R-12, and
F-03.limit, behind which the rest of the file is missing.
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
			says := r.Says + " " + r.Remedy
			if len(r.SilencedBy) > 0 {
				says += " Silent behind " + strings.Join(r.SilencedBy, ", ") + "."
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.ID, cell(r.Where), severities(r.Severity),
				drops(r.Drops), cell(says), cell(r.Source))
			written++
		}
	}
	written += general(&b, rules)
	if written != len(rules) {
		return fmt.Errorf("%d of %d rules have no group in internal/docgen", len(rules)-written, len(rules))
	}
	traces(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// traces writes which rules keep NIST's numbered statements.
func traces(b *strings.Builder) {
	b.WriteString("\n## NIST's conformance statements and predicates\n\n| NIST | kept by |\n| --- | --- |\n")
	for _, t := range conformance.Traces() {
		rules := strings.Join(t.Rules[:min(4, len(t.Rules))], ", ")
		switch n := len(t.Rules); {
		case n == 0:
			rules = "no element of the profile has the data type"
		case n > 4:
			rules += fmt.Sprintf(" and %d more of the same data type", n-4)
		}
		fmt.Fprintf(b, "| %s | %s |\n", strings.TrimSpace(t.NIST+" "+t.Says), rules)
	}
}

const generalHead = `
## Everything else that the profile asks

Where no rule above looks after an element of profile Z22, a general one does. Its
ID is "Z-", the element and a word: ` + "`Z-PID-3.4.missing`" + `. They are made from
NIST's machine-readable profile; the source of each is the profile itself.

| word | what is wrong | HL70357 / HL70533 |
| --- | --- | --- |
| missing | required (R, or C where its condition holds) and not there | 101 |
| empty | to be sent where it is known (RE), and not there | 101 |
| extra | forbidden (X, or C where its condition does not hold) and there | 102 / 4 |
| repeat | more often than the profile has room for | 102 / 4 |
| length | longer (or shorter) than the profile says | 102 / 4 |
| type | not of its data type | 102 / 2 or 4 |
| code | not in its table | 103 / 5 |
| system | the code is right, the name of its table is not | 103 / 5 |
| value | breaks a numbered conformance statement | 102 / 4 |

Weights follow table 3-1 of the guide: **E** where the element is required at every
level, so that the segment counts as empty (in MSH and PID that costs the message, in
ORC and RXA the dose); **W** where the field then counts as empty, which it may be;
**I** for what a receiver ignores; **t** a note in the test lane only; **off** until a
profile switches it on. Where a rule above looks after the first repetition of a
field, the general one speaks of further ones. A length of a whole is not told beside
a fault of its parts, nor a value out of place beside the missing one that puts it
there: one cause, one finding. The parts of OBX-5 have one rule for each place and
word, whatever type OBX-2 gives. A profile may grade all
(` + "`Z`" + `), a segment (` + "`Z-PID`" + `), a field (` + "`Z-PID-3`" + `), a part (` + "`Z-PID-3.4`" + `) or one rule.

| element | called | words |
| --- | --- | --- |
`

// general writes the rules made from the profile, a line for each element.
func general(b *strings.Builder, rules []conformance.Rule) (written int) {
	b.WriteString(generalHead)
	var order []string
	words := map[string][]string{}
	for _, r := range rules {
		if !strings.HasPrefix(r.ID, "Z-") {
			continue
		}
		if words[r.Where] == nil {
			order = append(order, r.Where)
		}
		word := r.ID[strings.LastIndexByte(r.ID, '.')+1:]
		words[r.Where] = append(words[r.Where], word+" "+weight(r))
		written++
	}
	slices.SortStableFunc(order, byPath)
	for _, path := range order {
		fmt.Fprintf(b, "| %s | %s | %s |\n", path, cell(conformance.ElementName(path)), strings.Join(words[path], ", "))
	}
	return written
}

func weight(r conformance.Rule) string {
	switch r.Severity {
	case conformance.Lanes{}:
		return "off"
	case conformance.Lanes{Test: registry.SeverityInfo}:
		return "t"
	}
	if r.Drops != conformance.DropsNothing {
		return string(r.Severity.Production) + " (" + drops(r.Drops) + ")"
	}
	return string(r.Severity.Production)
}

// byPath orders PID-3 before PID-10.
func byPath(a, b string) int {
	split := func(r rune) bool { return r == '-' || r == '.' }
	as, bs := strings.FieldsFunc(a, split), strings.FieldsFunc(b, split)
	return slices.CompareFunc(as, bs, func(x, y string) int {
		n, errN := strconv.Atoi(x)
		m, errM := strconv.Atoi(y)
		if errN != nil || errM != nil {
			return strings.Compare(x, y)
		}
		return n - m
	})
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
