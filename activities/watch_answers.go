package activities

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

const (
	// jumpWeeks are the weeks before, whose mean a week is compared with.
	jumpWeeks = 4
	// lateWeeks is how far back the week lies at most that is compared: answers
	// come late, and an unanswered week says nothing.
	lateWeeks = 2
	// maxTold bounds the codes that a sentence names.
	maxTold = 3
)

// answerLook judges what the registry's answers say of a practice.
type answerLook struct {
	practice string
	policy   registry.Policy
	date     time.Time
	facts    db.AnswerFacts
	// sites are those of the judged weeks, unknown the codes that are in no
	// catalogue.
	sites   []db.Quality
	unknown []string
	// open is what was told of already; low says that the alarm of low acceptance
	// is among it.
	open []db.Incident
	low  bool
}

// answers reads what the registry's answers say. Weeks begin where the registry
// is.
func (a *Watches) answers(ctx context.Context, in LookInput, profile *registry.Profile, date time.Time) (answerLook, error) {
	look := answerLook{practice: in.Practice, policy: in.Policy, date: date.In(profile.BusinessDays().Location())}
	var codes map[string]registry.CatalogueEntry
	if a.Known != nil {
		known, err := a.Known()
		if err != nil {
			return look, err
		}
		codes = known.Catalogue
	}
	open, err := a.DB.OpenIncidents(ctx, in.Practice)
	if err != nil {
		return look, err
	}
	look.open = open
	look.low = slices.ContainsFunc(open, func(i db.Incident) bool { return i.Kind == IncidentAcceptanceLow })
	weeks := max(in.Policy.AcceptanceWeeks+in.Policy.AcceptanceClearWeeks, lateWeeks+1+jumpWeeks)
	filter := db.QualityFilter{
		Practice: in.Practice, Zone: profile.Zone, From: look.week(1 - weeks), Harmless: harmless(codes), Causes: maxTold,
	}
	old := date.AddDate(0, 0, -in.Policy.ErrorOldDays)
	if in.Policy.ErrorOldDays <= 0 {
		old = time.Time{}
	}
	if look.facts, err = a.DB.PracticeAnswers(ctx, filter, old); err != nil {
		return look, err
	}
	if codes != nil {
		look.unknown = slices.DeleteFunc(slices.Clone(look.facts.Codes), func(code string) bool {
			_, known := codes[code]
			return known
		})
	}
	if _, low := look.stillLow(); low {
		filter.From, filter.Causes = look.week(1-in.Policy.AcceptanceWeeks), 0
		look.sites, err = a.DB.Quality(ctx, filter, db.BySite)
	}
	return look, err
}

func harmless(codes map[string]registry.CatalogueEntry) []string {
	var out []string
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		if codes[code].Harmless {
			out = append(out, code)
		}
	}
	return out
}

// week is the Monday n weeks after the one of the date.
func (l answerLook) week(n int) time.Time {
	y, m, d := l.date.Date()
	return time.Date(y, m, d-(int(l.date.Weekday())+6)%7+7*n, 0, 0, 0, 0, l.date.Location())
}

// weeks adds up n weeks from the Monday of week first on.
func (l answerLook) weeks(first, n int) db.Quality {
	from, to := l.week(first).Format(time.DateOnly), l.week(first+n).Format(time.DateOnly)
	sum := db.Quality{Label: from}
	causes := map[string]int{}
	for _, w := range l.facts.Weeks {
		if w.Label < from || w.Label >= to {
			continue
		}
		sum.Add(w)
		for _, c := range w.Causes {
			causes[c.Code] += c.Refused
		}
	}
	for code, refused := range causes {
		if refused > 0 {
			sum.Causes = append(sum.Causes, db.QualityCause{Code: code, Refused: refused})
		}
	}
	slices.SortFunc(sum.Causes, func(x, y db.QualityCause) int {
		if x.Refused != y.Refused {
			return y.Refused - x.Refused
		}
		return strings.Compare(x.Code, y.Code)
	})
	return sum
}

// accepted is what is judged by the registry's mark, as it was so many weeks
// before; empty where too little was answered to judge.
func (l answerLook) accepted(before int) db.Quality {
	sum := l.weeks(1-l.policy.AcceptanceWeeks-before, l.policy.AcceptanceWeeks)
	if sum.Answered() < max(1, l.policy.AcceptanceMessages) {
		return db.Quality{}
	}
	return sum
}

// stillLow reports whether acceptance is low: below the mark; or, once the alarm
// was raised, neither at the share that ends it nor for some weeks back to the
// mark. Where nothing can be judged the alarm stays as it is.
func (l answerLook) stillLow() (now db.Quality, low bool) {
	now = l.accepted(0)
	if now.Answered() == 0 || !l.low || now.Below(l.policy.AcceptancePercent) {
		return now, now.Answered() > 0 && now.Below(l.policy.AcceptancePercent) || now.Answered() == 0 && l.low
	}
	if !now.Below(l.policy.AcceptanceClearPercent) {
		return now, false
	}
	for before := 1; before <= l.policy.AcceptanceClearWeeks; before++ {
		if then := l.accepted(before); then.Answered() == 0 || then.Below(l.policy.AcceptancePercent) {
			return now, true
		}
	}
	return now, false
}

// incidents adds what is wrong to seeds. Old errors take the place of overdue
// ones: somebody is told once of both.
func (l answerLook) incidents(seeds []db.IncidentSeed) []db.IncidentSeed {
	if s, wrong := l.oldErrors(); wrong {
		seeds = slices.DeleteFunc(seeds, func(s db.IncidentSeed) bool { return s.Kind == IncidentErrorsOverdue })
		seeds = append(seeds, s)
	}
	for _, judge := range []func() (db.IncidentSeed, bool){l.acceptanceLow, l.newCodes, l.rateJumped} {
		if s, wrong := judge(); wrong {
			seeds = append(seeds, s)
		}
	}
	return seeds
}

func (l answerLook) oldErrors() (s db.IncidentSeed, wrong bool) {
	n := l.facts.OldErrors
	return db.IncidentSeed{
		Kind: IncidentErrorsOld, Replaces: []string{IncidentErrorsOverdue},
		Words: fmt.Sprintf("%s older than %s; the oldest was opened on %s. Settle them, or say why they are given up: starter errors list --practice %s --overdue",
			amount(n, "open error is", "open errors are"), amount(l.policy.ErrorOldDays, "day", "days"),
			l.facts.OldSince.Format(time.DateOnly), l.practice),
	}, n > 0
}

func (l answerLook) acceptanceLow() (s db.IncidentSeed, wrong bool) {
	sum, low := l.stillLow()
	if !low {
		return s, false
	}
	if sum.Answered() == 0 {
		return db.IncidentSeed{Kind: IncidentAcceptanceLow, Words: fmt.Sprintf(
			"The registry's share of taken messages was low, and too little was answered in the last %s to judge it anew: starter quality %s",
			amount(l.policy.AcceptanceWeeks, "week", "weeks"), l.practice)}, true
	}
	ends := ""
	if !sum.Below(l.policy.AcceptancePercent) {
		ends = fmt.Sprintf(" The alarm ends at %d %%, or after %s at the mark.",
			l.policy.AcceptanceClearPercent, amount(l.policy.AcceptanceClearWeeks, "week", "weeks"))
	}
	worst := ""
	least := 101.0
	for _, site := range l.sites {
		if share := percent(site.Taken(), site.Answered()); len(l.sites) > 1 && site.Answered() >= l.policy.AcceptanceMessages && share < least {
			least, worst = share, fmt.Sprintf(" Least at site %s: %s.", site.Label, percentWords(site.Taken(), site.Answered()))
		}
	}
	return db.IncidentSeed{
		Kind: IncidentAcceptanceLow,
		Words: fmt.Sprintf("The registry took %s of the %d messages that it answered of the last %s; its mark is %d %%.%s%s%s Mend the largest cause first: starter quality %s",
			percentWords(sum.Taken(), sum.Answered()), sum.Answered(), amount(l.policy.AcceptanceWeeks, "week", "weeks"),
			l.policy.AcceptancePercent, ends, causeWords(sum.Causes), worst, l.practice),
	}, true
}

func (l answerLook) newCodes() (s db.IncidentSeed, wrong bool) {
	n := len(l.unknown)
	if n == 0 {
		return s, false
	}
	return db.IncidentSeed{
		Kind: IncidentNewCode, Level: n,
		Words: fmt.Sprintf("The registry's reports use %s that nobody here has met: %s. Ask the registry what it means, then: starter errors classify %s --help",
			amount(n, "code", "codes"), codeList(l.unknown), codeWords(l.unknown[0])),
	}, true
}

// rateJumped compares the newest week that was answered enough with the mean of
// the four before it.
func (l answerLook) rateJumped() (s db.IncidentSeed, wrong bool) {
	p := l.policy
	if p.JumpPercent <= 0 {
		return s, false
	}
	enough := max(1, p.AcceptanceMessages)
	for back := 0; back <= lateWeeks; back++ {
		now := l.weeks(-back, 1)
		if now.Answered() < enough {
			continue
		}
		before := l.weeks(-back-jumpWeeks, jumpWeeks)
		if before.Answered() < enough || now.Refused < p.JumpRefused ||
			100*now.Refused*before.Answered() < p.JumpPercent*before.Refused*now.Answered() {
			return s, false
		}
		return db.IncidentSeed{
			Kind: IncidentErrorRate,
			Words: fmt.Sprintf("Of what was sent in the week of %s, the registry refused %s; in the four weeks before it was %s.%s Ask what has changed in the EHR since: starter quality %s",
				now.Label, percentWords(now.Refused, now.Answered()), percentWords(before.Refused, before.Answered()),
				causeWords(now.Causes), l.practice),
		}, true
	}
	return s, false
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// percentWords cuts after the first decimal, so that nothing looks better than
// it is.
func percentWords(part, whole int) string {
	if whole == 0 {
		return "nothing"
	}
	tenths := 1000 * part / whole
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}

func causeWords(causes []db.QualityCause) string {
	var told []string
	for _, c := range causes[:min(len(causes), maxTold)] {
		told = append(told, fmt.Sprintf("%s (%s)", codeWords(c.Code), amount(c.Refused, "message", "messages")))
	}
	if len(told) == 0 {
		return ""
	}
	return " Most for " + strings.Join(told, ", ") + "."
}

func codeList(codes []string) string {
	var told []string
	for _, c := range codes[:min(len(codes), maxTold)] {
		told = append(told, codeWords(c))
	}
	if more := len(codes) - len(told); more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(told, ", ")
}

var codeForm = regexp.MustCompile(`^[A-Z0-9]{1,8}(-[A-Z0-9]{1,8})?$`)

// codeWords is a code that may stand in a letter: a layout that was read wrongly
// could put anything into the column of codes.
func codeWords(code string) string {
	if code == "" {
		return "no code"
	}
	if !codeForm.MatchString(code) {
		return "a code of another form"
	}
	return code
}
