package conformance

import (
	"maps"
	"slices"
	"strings"

	"immtrail/registry"
)

// Grades are the words by which a rule is re-graded.
func Grades() []string { return []string{"off", "info", "warning", "error"} }

// Regrade lays what persons changed over a profile's grades and returns the
// grades in force; neither is changed. A change of a family lies above the
// profile's grades of its rules, one of a single rule above both.
func Regrade(grades map[string]string, changed []registry.RuleGrade) map[string]string {
	out := maps.Clone(grades)
	if out == nil {
		out = map[string]string{}
	}
	families, single := []registry.RuleGrade{}, []registry.RuleGrade{}
	for _, c := range changed {
		if _, one := byID()[c.Rule]; one && strings.Contains(c.Rule, ".") {
			single = append(single, c)
		} else {
			families = append(families, c)
		}
	}
	// The widest first: a change of Z-PID-3 lies above one of Z-PID.
	slices.SortStableFunc(families, func(a, b registry.RuleGrade) int { return len(a.Rule) - len(b.Rule) })
	for _, c := range families {
		maps.DeleteFunc(out, func(id, _ string) bool { return inFamily(id, c.Rule) })
		out[c.Rule] = c.Grade
	}
	for _, c := range single {
		out[c.Rule] = c.Grade
	}
	return out
}

// Graded is what each rule weighs in a lane, by ID, after the grades; "" where
// it is off or does not apply.
func Graded(lane registry.Lane, grades map[string]string) map[string]registry.Severity {
	out := make(map[string]registry.Severity, len(declared))
	for i, weight := range severities(lane, grades) {
		out[declared[i].ID] = weight
	}
	return out
}

// HeldRules lists the rules that id (a rule or a family) stands for and whose
// messages stay behind in production, of those that ids name ([registry.RuleSettings.Held]).
func HeldRules(id string, ids []string) []string {
	var out []string
	for i, marked := range held(registry.LaneProduction, ids) {
		if r := declared[i]; marked && (r.ID == id || inFamily(r.ID, id)) {
			out = append(out, r.ID)
		}
	}
	slices.Sort(out)
	return out
}

// Matching lists the rules that id (a rule or a family) stands for, sorted by
// ID. None: there is no such rule.
func Matching(id string) []Rule {
	var out []Rule
	for _, r := range Rules() {
		if r.ID == id || inFamily(r.ID, id) {
			out = append(out, r)
		}
	}
	return out
}

// NearRules are at most n IDs that somebody who wrote id may have meant: those
// of the same family however it was written (p-6 for P-06), otherwise the
// families of the same letter, otherwise nothing.
func NearRules(id string, n int) []string {
	letter, rest, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(id)), "-")
	number, _, _ := strings.Cut(rest, ".")
	if len(number) == 1 {
		number = "0" + number
	}
	var family, families []string
	for _, r := range Rules() {
		head, _, _ := strings.Cut(r.ID, "-")
		switch {
		case r.Family() == letter+"-"+number:
			family = append(family, r.ID)
		case head == letter && !slices.Contains(families, r.Family()):
			families = append(families, r.Family())
		}
	}
	if len(family) > 0 {
		return family[:min(n, len(family))]
	}
	return families[:min(n, len(families))]
}
