package conformance

import (
	"slices"
	"strconv"
	"strings"

	"immtrail/conformance/z22"
)

// A Trace says which rules keep one of NIST's numbered statements.
type Trace struct {
	// NIST is the ID that NIST's constraints file gives it: "IZ-23" for a
	// conformance statement, "[XTN_IZ]4" for a predicate.
	NIST string
	// Says is the predicate, such as "C(R/X): 2=NET"; empty for statements.
	Says string
	// Rules keep it, sorted; none where no element of the profile has the type.
	Rules []string
}

// predicateRules are the rules of each conditional element by owner and place.
var predicateRules map[string][]string

// Traces lists NIST's conformance statements and predicates for profile Z22
// with the rules that keep them, statements first, each sorted by ID.
func Traces() []Trace {
	var statements, predicates []Trace
	for line := range strings.Lines(constraintRules) {
		if w := strings.Fields(line); len(w) > 1 {
			t := Trace{NIST: w[0], Rules: w[1:]}
			if w[1] == "-" {
				t.Rules = nil
			}
			statements = append(statements, t)
		}
	}
	for id, rules := range predicateRules {
		says, _, _ := strings.Cut(id, " ")
		_, condition, _ := strings.Cut(id, " ")
		slices.Sort(rules)
		predicates = append(predicates, Trace{NIST: says, Says: condition, Rules: slices.Compact(rules)})
	}
	byID := func(a, b Trace) int { return strings.Compare(a.NIST, b.NIST) }
	slices.SortFunc(statements, byID)
	slices.SortFunc(predicates, byID)
	return append(statements, predicates...)
}

// trace notes which rules keep the predicate of a conditional element.
func (b *planner) trace(e z22.Element, c around) {
	owner := c.whole
	if c.level == 0 {
		owner, _, _ = strings.Cut(c.path, "-")
	}
	id := "[" + owner + "]" + strconv.Itoa(e.N) + " C(" + string(e.Then) + "/" + string(e.Else) + ")"
	for f, u := range map[facet]z22.Usage{facetMissing: z22.Required, facetEmpty: z22.MayBeEmpty, facetExtra: z22.Forbidden} {
		if e.Then != u && e.Else != u {
			continue
		}
		path := c.path
		if f == facetMissing && twins[c.whole+"."+strconv.Itoa(e.N)] {
			// The twin before it tells of both.
			path = strings.TrimSuffix(path, strconv.Itoa(e.N)) + strconv.Itoa(e.N-1)
		}
		if f == facetExtra && c.followsRequired(e) {
			// The sibling that is missing tells of both.
			path = strings.TrimSuffix(path, strconv.Itoa(e.N)) + strconv.Itoa(e.Condition[0].Field)
			f = facetMissing
		}
		switch by, covered := b.covers[path+"."+f.word()]; {
		case covered:
			b.traces[id] = append(b.traces[id], by.rule)
		case c.lenient == nil || c.lenient.skip&f == 0:
			b.traces[id] = append(b.traces[id], "Z-"+path+"."+f.word())
		}
	}
}
