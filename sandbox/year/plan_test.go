package year_test

import (
	"math/rand/v2"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// deed is something that happens to a planted defect.
type deed string

const (
	again   deed = "the record is sent again, and the registry still objects"
	mended  deed = "the record is sent again, mended"
	inPart  deed = "the record is sent again with its first dose mended"
	waive   deed = "a person gives it up"
	byHand  deed = "a person mends it at the registry"
	tooLate deed = "the record is sent again, mended, and no report tells of it"
)

// fate is what becomes of a defect, a deed every few weeks, and how it must
// stand at the end.
type fate struct {
	name     string
	deeds    []deed
	end      registry.ErrorState
	reopened int
	// told is how often the registry says it.
	told int
}

var fates = []fate{
	{"left alone", nil, registry.ErrorOpen, 0, 1},
	{"mended", []deed{mended}, registry.ErrorVerified, 0, 1},
	{"wrongly corrected", []deed{again}, registry.ErrorOpen, 0, 2},
	{"wrongly corrected, then mended", []deed{again, mended}, registry.ErrorVerified, 0, 2},
	{"given up", []deed{waive}, registry.ErrorWaived, 0, 1},
	{"given up, and told again", []deed{waive, again}, registry.ErrorWaived, 0, 2},
	{"mended at the registry", []deed{byHand}, registry.ErrorCorrected, 0, 1},
	{"mended at the registry, and told again", []deed{byHand, again}, registry.ErrorOpen, 1, 2},
	{"mended at the registry, told again, mended", []deed{byHand, again, mended}, registry.ErrorVerified, 1, 2},
	{"mended, and comes back", []deed{mended, again}, registry.ErrorOpen, 1, 2},
	{"mended, comes back, mended", []deed{mended, again, mended}, registry.ErrorVerified, 1, 2},
	{"mended, comes back, given up", []deed{mended, again, waive}, registry.ErrorWaived, 1, 2},
}

// The fates of two objections to one message, of its first and second dose.
var fatesOfTwo = []fate{
	{"two doses, one of them mended", []deed{inPart}, registry.ErrorOpen, 0, 0},
	{"two doses, one mended, then both", []deed{inPart, mended}, registry.ErrorVerified, 0, 0},
}

// late is for the last week: what was corrected and not yet answered.
var late = fate{"mended too late for a report", []deed{tooLate}, registry.ErrorFixSent, 0, 1}

// What the registry objects with. The others open no error.
var (
	objections = []fakeregistry.Objection{
		{Code: "CLR-100"},
		{Code: "CLR-101"},
		{Code: "MER-950"},
		{Code: "IMR-111", Dose: 1},
		{Code: "IMR-132", Dose: 1},
		{Code: "IEE-977"}, // a warning that no catalogue knows
	}
	notices = []fakeregistry.Objection{
		{Code: "IMR-109", Dose: 1}, {Code: "IMR-110", Dose: 1}, {Code: "IEE-519"}, {Code: "IEE-200"}, {Code: "IEE-251"},
	}
)

// planted is one defect in the ledger: an objection to one record, known by
// file and place of its first coming.
type planted struct {
	week, ordinal int
	objection     fakeregistry.Objection
	fate          fate
	// at are the weeks of the fate's deeds.
	at []int
	// notice says that it must open nothing.
	notice bool
}

// plan plants defects into the messages of every week. doses says how many
// doses a message has.
func plan(rnd *rand.Rand, weeks, messages int, doses func(week, ordinal int) int) []*planted {
	var all []*planted
	next := 0
	for week := range weeks {
		free := rnd.Perm(messages)
		take := func() int {
			n := free[0] + 1
			free = free[1:]
			return n
		}
		for range 1 + rnd.IntN(3) {
			p := &planted{week: week, ordinal: take(), objection: objections[rnd.IntN(len(objections))]}
			p.fate = fates[next%len(fates)]
			next++
			if p.schedule(rnd, weeks) {
				all = append(all, p)
			}
		}
		if n := take(); week%3 == 0 && doses(week, n) >= 2 {
			all = append(all, planTwo(rnd, week, n, weeks)...)
		}
		all = append(all, &planted{week: week, ordinal: take(), objection: notices[rnd.IntN(len(notices))], notice: true})
		if week >= weeks-8 && week < weeks-4 {
			all = append(all, &planted{week: week, ordinal: take(), objection: objections[week%2], fate: late, at: []int{weeks - 1}})
		}
	}
	return all
}

func planTwo(rnd *rand.Rand, week, ordinal, weeks int) []*planted {
	first := &planted{week: week, ordinal: ordinal, objection: fakeregistry.Objection{Code: "IMR-111", Dose: 1}}
	first.fate = fatesOfTwo[rnd.IntN(len(fatesOfTwo))]
	if !first.schedule(rnd, weeks) {
		return nil
	}
	second := *first
	second.objection = fakeregistry.Objection{Code: "IMR-111", Dose: 2}
	if first.fate.end == registry.ErrorOpen {
		// The registry took the first dose and refused the message's other one:
		// what was sent for the first is not believed before all of it is taken.
		first.fate.end = registry.ErrorFixSent
	}
	return []*planted{first, &second}
}

// schedule gives the deeds their weeks; false where there are not enough left.
// The week of a report may be collected in the next one only, so deeds lie two
// weeks apart at least, and the last week is for what comes too late.
func (p *planted) schedule(rnd *rand.Rand, weeks int) bool {
	week := p.week
	for range p.fate.deeds {
		week += 2 + rnd.IntN(3)
		p.at = append(p.at, week)
	}
	return week < weeks-2
}

// does is what happens to the defect in a week; empty where nothing does.
func (p *planted) does(week int) deed {
	for i, w := range p.at {
		if w == week {
			return p.fate.deeds[i]
		}
	}
	return ""
}
