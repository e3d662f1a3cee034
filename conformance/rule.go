package conformance

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"immtrail/conformance/codes"
	"immtrail/registry"
)

// RuleSet is the version of the rules. It changes whenever a file could be
// judged differently with the same code tables.
const RuleSet = "2026.11.23.3"

// Version is the version of rules and code tables together, as verdicts carry
// it. Nil: the tables that this build carries.
func Version(t *codes.Tables) string {
	if t == nil {
		t = codes.Embedded()
	}
	return RuleSet + " " + t.Version()
}

// Drops says what a registry keeps out when a rule is broken as an error.
type Drops uint8

// What is dropped (CDC guide, table 3-1).
const (
	DropsNothing Drops = iota
	DropsDose
	DropsMessage
	DropsFile
)

// Lanes is a rule's severity in each lane; empty means that the rule does not
// apply there.
type Lanes struct{ Test, Production, Historical registry.Severity }

func (l Lanes) in(lane registry.Lane) registry.Severity {
	switch lane {
	case registry.LaneTest:
		return l.Test
	case registry.LaneProduction:
		return l.Production
	case registry.LaneHistorical:
		return l.Historical
	}
	return ""
}

const (
	errorGrade   = registry.SeverityError
	warningGrade = registry.SeverityWarning
	infoGrade    = registry.SeverityInfo
)

var (
	isError   = Lanes{errorGrade, errorGrade, errorGrade}
	isWarning = Lanes{warningGrade, warningGrade, warningGrade}
	isInfo    = Lanes{infoGrade, infoGrade, infoGrade}
	// isErrorNow rules judge by tables that know the past in part only.
	isErrorNow = Lanes{errorGrade, errorGrade, warningGrade}
	// live rules look after real patients and are silent while testing.
	isLiveError   = Lanes{"", errorGrade, errorGrade}
	isLiveWarning = Lanes{"", warningGrade, ""}
)

// A Rule is one thing that can be wrong. The zero values of Code and Detail
// mean that no acknowledgement has a number for it.
type Rule struct {
	// ID is "P-06" or "P-06.future".
	ID string
	// Where is the place that it looks at, as findings write it without
	// occurrences: "PID-7".
	Where    string
	Severity Lanes
	Drops    Drops
	// Code is the number of table HL70357 (ERR-3), Detail of HL70533 (ERR-5).
	Code, Detail int
	// Says is what is wrong, Remedy what to do, each in one sentence for a
	// person who does not know HL7.
	Says, Remedy string
	// Source is where the rule comes from.
	Source string
	// Covers are rules that say of single messages what this one says of the
	// whole file; their findings need not be read one by one. See
	// [Summary.Covered].
	Covers []string
	// SilencedBy are rules that name the cause where both are broken in the same
	// segment: one cause, one finding. A rule is never silenced by one that is off
	// or that weighs less.
	SilencedBy []string
	// Table is the code table that the rule judges by; empty where it needs none.
	Table codes.Kind

	n        int    // position in declared
	silences bool   // is in another's SilencedBy
	about    *about // of a general rule, whose sentences are written on demand
}

// Sentence is Says, with the age of the table that judged: a code may be newer
// than the table. Nil: the tables that this build carries.
func (r *Rule) Sentence(t *codes.Tables) string {
	if r.Table == "" {
		return r.Says
	}
	if t == nil {
		t = codes.Embedded()
	}
	return r.Says + " (Table of " + codes.Day(t.Table(r.Table).Edition) + ".)"
}

// Family is the ID without the word after the dot. The general rules, whose
// IDs begin with "Z-", have one for each level: see [Rule.Families].
func (r *Rule) Family() string {
	families := r.Families()
	return families[len(families)-1]
}

// Families are the names, from the widest to the narrowest, under which a
// profile may grade the rule with others: "R-03" for R-03.future; "Z", "Z-PID",
// "Z-PID-3" and "Z-PID-3.4" for Z-PID-3.4.missing.
func (r *Rule) Families() []string {
	if r.about == nil {
		family, _, _ := strings.Cut(r.ID, ".")
		return []string{family}
	}
	families := []string{"Z"}
	path := r.about.path
	for i, c := range path {
		if c == '-' || c == '.' {
			families = append(families, "Z-"+path[:i])
		}
	}
	return append(families, "Z-"+path)
}

// inFamily reports whether a rule or family belongs to another family.
func inFamily(id, family string) bool {
	return strings.HasPrefix(id, family+".") || (strings.HasPrefix(family, "Z") && strings.HasPrefix(id, family+"-"))
}

// declared are all rules, in the order of their files.
var declared []*Rule

func declare(r Rule) *Rule {
	r.n = len(declared)
	declared = append(declared, &r)
	return &r
}

// declareLike declares the rule of another place of the same kind as base's:
// what r leaves empty is as in base.
func declareLike(base *Rule, r Rule) *Rule {
	if r.Severity == (Lanes{}) {
		r.Severity = base.Severity
	}
	r.Drops = base.Drops
	if r.Code == 0 {
		r.Code, r.Detail = base.Code, base.Detail
	}
	r.Remedy, r.Source = cmp.Or(r.Remedy, base.Remedy), cmp.Or(r.Source, base.Source)
	return declare(r)
}

// Rules lists every rule, sorted by ID.
func Rules() []Rule {
	all := make([]Rule, 0, len(declared))
	for _, r := range declared {
		all = append(all, r.spoken())
	}
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return all
}

var byID = sync.OnceValue(func() map[string]*Rule {
	m := make(map[string]*Rule, len(declared))
	for _, r := range declared {
		m[r.ID] = r
	}
	return m
})

// Lookup finds a rule by its ID; ok is false for one that this version does
// not know (an old finding of a rule that is gone).
func Lookup(id string) (rule Rule, ok bool) {
	r, ok := byID()[id]
	if !ok {
		return Rule{}, false
	}
	return r.spoken(), true
}

// spoken is the rule with its sentences.
func (r *Rule) spoken() Rule {
	full := *r
	if r.about != nil {
		full.Says, full.Remedy, full.Source = r.about.speak()
	}
	return full
}

// UnknownRules returns those of ids (rule IDs or families) that no rule bears,
// so that a profile with a misspelt rule is refused instead of ignored.
func UnknownRules(ids []string) []string {
	known := map[string]bool{}
	for _, r := range declared {
		known[r.ID] = true
		for _, family := range r.Families() {
			known[family] = true
		}
	}
	var unknown []string
	for _, id := range ids {
		if !known[id] {
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// severities is what each rule weighs in a lane, after the profile's grades.
func severities(lane registry.Lane, grades map[string]string) []registry.Severity {
	weigh := make([]registry.Severity, len(declared))
	for i, r := range declared {
		weigh[i] = r.Severity.in(lane)
		if len(grades) == 0 {
			continue
		}
		// Of the general rules those that are off wait for their own name: who
		// wants all lengths as errors does not want every middle name.
		if r.about == nil || weigh[i] != "" {
			for _, id := range r.Families() {
				weigh[i] = regrade(weigh[i], grades[id])
			}
		}
		weigh[i] = regrade(weigh[i], grades[r.ID])
	}
	return weigh
}

func regrade(was registry.Severity, grade string) registry.Severity {
	switch grade {
	case "off":
		return ""
	case "info":
		return infoGrade
	case "warning":
		return warningGrade
	case "error":
		return errorGrade
	}
	return was
}

// held marks the rules whose messages stay behind in lane: those that the
// profile lists. A family stands for those of its rules that cost the message;
// one that costs less (a segment out of order) is held by its own ID only. In
// the test lane the file as a whole is the unit.
func held(lane registry.Lane, ids []string) []bool {
	marks := make([]bool, len(declared))
	if lane == registry.LaneTest {
		return marks
	}
	for i, r := range declared {
		marks[i] = slices.Contains(ids, r.ID)
		if r.Drops != DropsMessage {
			continue
		}
		for _, family := range r.Families() {
			marks[i] = marks[i] || slices.Contains(ids, family)
		}
	}
	return marks
}

// policy marks those of the held rules that are warnings by themselves: nothing
// is wrong with the message, and it stays behind all the same (D-02). Who grades
// such a rule, to whatever but an error, lets its messages go.
func policy(lane registry.Lane, holds []bool, grades map[string]string) []bool {
	marks := make([]bool, len(declared))
	for i, r := range declared {
		marks[i] = holds[i] && r.Severity.in(lane) == warningGrade && grades[r.ID] == ""
		for _, family := range r.Families() {
			marks[i] = marks[i] && grades[family] == ""
		}
	}
	return marks
}

// heldByDefault is used where no profile is given: what must never reach a
// production system whatever the registry.
var heldByDefault = []string{"F-03.line", "F-10", "F-11", "M-01", "M-02", "M-08.sender", "D-02"}
