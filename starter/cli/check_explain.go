package cli

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"immtrail/conformance"
	"immtrail/registry"
)

// explained is what `check --explain --output json` prints of a rule.
type explained struct {
	ID         string            `json:"id"`
	Where      string            `json:"where"`
	Says       string            `json:"says"`
	Remedy     string            `json:"remedy"`
	Severity   explainedSeverity `json:"severity"`
	Drops      string            `json:"drops"`
	HL70357    int               `json:"hl70357,omitempty"`
	HL70533    int               `json:"hl70533,omitempty"`
	Source     string            `json:"source"`
	Covers     []string          `json:"covers,omitempty"`
	SilencedBy []string          `json:"silenced_by,omitempty"`
	Table      string            `json:"table,omitempty"`
	RuleSet    string            `json:"rule_set"`
	GradedAs   string            `json:"graded_as,omitempty"`
	FamilyHead string            `json:"family"`
}

type explainedSeverity struct {
	Test       registry.Severity `json:"test"`
	Production registry.Severity `json:"production"`
	Historical registry.Severity `json:"historical"`
}

// hl70357 and hl70533 are what the numbers of an acknowledgement mean (ERR-3 and
// ERR-5).
var (
	hl70357 = map[int]string{
		100: "segment sequence error", 101: "required field missing", 102: "data type error",
		103: "table value not found", 200: "unsupported message type", 201: "unsupported event code",
		202: "unsupported processing ID", 203: "unsupported version", 204: "unknown key identifier",
		205: "duplicate key identifier", 206: "application record locked", 207: "application internal error",
	}
	hl70533 = map[int]string{
		1: "illogical date", 2: "invalid date", 3: "illogical value", 4: "invalid value",
		5: "table value not found", 6: "required observation missing",
	}
)

// explainRule prints one rule, or all rules of a family that is none itself.
func (a *app) explainRule(o checkOptions) error {
	if a.output != outputText && a.output != outputJSON {
		return misused("--explain prints text or json, not %s", a.output)
	}
	rules, near := findRules(o.explain)
	if len(rules) == 0 {
		return misused("there is no rule %s%s", visible(o.explain), nearWords(near))
	}
	profile, _, err := a.deskProfile(o)
	if err != nil {
		return err
	}
	all := make([]explained, len(rules))
	for i, r := range rules {
		all[i] = explainedOf(r, profile)
	}
	return a.show(all, func(s *screen) {
		for i, r := range rules {
			if i > 0 {
				s.raw("")
			}
			s.explained(r, all[i])
		}
		if others := siblings(rules); others != "" {
			s.raw("")
			s.line("Of the same family: %s", others)
		}
	})
}

func explainedOf(r conformance.Rule, p *registry.Profile) explained {
	e := explained{
		ID: r.ID, Where: r.Where, Says: r.Says, Remedy: r.Remedy, Drops: dropsWords(r.Drops),
		Severity: explainedSeverity(r.Severity), HL70357: r.Code, HL70533: r.Detail, Source: r.Source,
		Covers: r.Covers, SilencedBy: r.SilencedBy, Table: string(r.Table), RuleSet: conformance.Version(nil), FamilyHead: r.Family(),
	}
	if p != nil {
		e.GradedAs = cmp.Or(p.Rules.Grades[r.ID], p.Rules.Grades[r.Family()])
	}
	return e
}

func (s *screen) explained(r conformance.Rule, e explained) {
	s.title(r.ID + "  " + r.Where)
	numbers := "none"
	if r.Code != 0 {
		numbers = strconv.Itoa(r.Code) + " " + hl70357[r.Code] + " (table HL70357, ERR-3)"
	}
	if r.Detail != 0 {
		numbers += ", " + strconv.Itoa(r.Detail) + " " + hl70533[r.Detail] + " (table HL70533, ERR-5)"
	}
	graded := ""
	if e.GradedAs != "" {
		graded = e.GradedAs + ", in each of them"
	}
	s.pairs(
		[2]string{"What", r.Says}, [2]string{"What to do", r.Remedy},
		[2]string{"Severity", severityWords(r.Severity)}, [2]string{"Your profile", graded},
		[2]string{"It costs", e.Drops}, [2]string{"In an answer", numbers}, [2]string{"Source", r.Source},
		[2]string{"Code table", e.Table}, [2]string{"It says once", strings.Join(r.Covers, ", ")},
		[2]string{"Silent behind", strings.Join(r.SilencedBy, ", ")},
	)
}

func severityWords(l conformance.Lanes) string {
	word := func(s registry.Severity) string {
		if s == "" {
			return "not looked at"
		}
		return s.Words()
	}
	if l.Test == l.Production && l.Production == l.Historical {
		return word(l.Test) + ", whatever the file is for"
	}
	return "test: " + word(l.Test) + "; production: " + word(l.Production) + "; historical: " + word(l.Historical)
}

// dropsWords says what a registry keeps out where the rule is an error.
func dropsWords(d conformance.Drops) string {
	switch d {
	case conformance.DropsFile:
		return "the whole file"
	case conformance.DropsMessage:
		return "the message: patient and doses are refused"
	case conformance.DropsDose:
		return "the dose; the rest of the message is taken"
	case conformance.DropsNothing:
	}
	return "nothing but the field or segment itself"
}

// findRules finds a rule by its ID, however it is written ("p6.future"), or the
// rules of a family. Where there is none, near are those that come close.
func findRules(asked string) (rules, near []conformance.Rule) {
	want := loose(asked)
	all := conformance.Rules()
	for _, r := range all {
		if loose(r.ID) == want {
			return []conformance.Rule{r}, nil
		}
	}
	for _, r := range all {
		if loose(r.Family()) == want {
			rules = append(rules, r)
		}
	}
	if len(rules) > 0 {
		return rules, nil
	}
	word := strings.ToLower(strings.TrimSpace(asked))
	family, _, _ := strings.Cut(want, ".")
	for _, test := range []func(conformance.Rule) bool{
		func(r conformance.Rule) bool { return loose(r.Family()) == family },
		func(r conformance.Rule) bool { return strings.EqualFold(r.Where, word) },
		func(r conformance.Rule) bool {
			return len(word) > 2 && strings.Contains(strings.ToLower(r.Says+" "+r.ID), word)
		},
		func(r conformance.Rule) bool { return want != "" && loose(r.Family())[0] == want[0] },
	} {
		for _, r := range all {
			if test(r) {
				near = append(near, r)
			}
		}
		if len(near) > 0 {
			return nil, near
		}
	}
	return nil, nil
}

// loose is an ID without what people forget: case, hyphen, leading zeros.
func loose(id string) string {
	id = strings.ToLower(strings.TrimSpace(id))
	head, word, dotted := strings.Cut(id, ".")
	letters := strings.TrimRight(head, "0123456789")
	number := strings.TrimLeft(head[len(letters):], "0")
	out := strings.TrimRight(letters, "- ") + number
	if dotted {
		out += "." + word
	}
	return out
}

func nearWords(near []conformance.Rule) string {
	const shown = 8
	if len(near) == 0 {
		return "; docs/rules.md lists all of them"
	}
	var b strings.Builder
	b.WriteString(". Did you mean:")
	for _, r := range near[:min(shown, len(near))] {
		b.WriteString("\n  " + r.ID + "  " + short(r.Says, screenWidth-len(r.ID)-4))
	}
	if more := len(near) - shown; more > 0 {
		b.WriteString("\n  and " + strconv.Itoa(more) + " more")
	}
	return b.String()
}

// siblings are the other rules of a family.
func siblings(rules []conformance.Rule) string {
	if len(rules) != 1 {
		return ""
	}
	var ids []string
	for _, r := range conformance.Rules() {
		if r.Family() == rules[0].Family() && r.ID != rules[0].ID {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, ", ")
}
