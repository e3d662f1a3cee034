package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

const (
	// digestBefore are the weeks with which a time is compared.
	digestBefore = 4
	// maxDigests bounds the practices that a letter tells of, maxSites the sites over
	// all of them; the fewer practices, the more is told of each.
	maxDigests = 12
	maxSites   = 100
	leastSites = 5
	// leastCauses are told of each practice however many there are.
	leastCauses = 2
	// minRated is how many answers a rate needs where the policy names none.
	minRated = 20
)

var weekdays = map[string]time.Weekday{
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
	"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
}

// The times that a digest tells of.
const (
	digestWeek  = "week"
	digestMonth = "month"
)

// digested is a practice of whose answers a reader hears: each week, each month or
// both.
type digested struct {
	*db.WaitPractice
	weekday         time.Weekday
	zone            *time.Location // of the registry
	weekly, monthly bool
}

// digest is a time of a practice that a reader is told of now.
type digest struct {
	practice string
	period   string
	from, to time.Time // to is outside
}

// key names what a reader is told of with the digests of one time; with the end of
// it that is told once.
func (d digest) key() string { return "digest/" + d.period }

// digestReaders adds the people who hear of a practice's answers: each week its own
// contacts, each month its coordinators. Without a contact of its own the week is the
// coordinators' too.
func (a *Notices) digestReaders(by map[string]*reader, p *db.WaitPractice) error {
	if p.ProductionSince.IsZero() {
		return nil
	}
	i, err := a.item(db.Wait{Practice: p.ID}, p)
	if err != nil {
		return err
	}
	on, ok := weekdays[i.policy.DigestWeekday]
	if !ok {
		return nil
	}
	var contacts []registry.Contact
	for _, c := range p.People {
		if c.Role == registry.ContactPractice {
			contacts = append(contacts, c)
		}
	}
	coordinators := a.owners(i.Wait, p, nil)
	weekly := contacts
	if len(contacts) == 0 {
		weekly = coordinators
	}
	of := digested{WaitPractice: p, weekday: on, zone: i.business.Location()}
	for _, c := range slices.Concat(coordinators, contacts) {
		r, err := a.readerAt(by, c, p, i)
		if err != nil {
			return err
		}
		same := func(o registry.Contact) bool { return sameAddress(o, c) }
		of.weekly, of.monthly = slices.ContainsFunc(weekly, same), slices.ContainsFunc(coordinators, same)
		r.ours = r.ours || of.monthly
		if !slices.ContainsFunc(r.digested, func(d digested) bool { return d.ID == p.ID }) {
			r.digested = append(r.digested, of)
		}
	}
	return nil
}

// due are the times of the practice that have ended on a morning, of which r was not
// told; the month stands for the week that ends with it. A practice that was not in
// production before the end of that time has nothing to hear.
func (d digested) due(morning time.Time, told []db.Reminded) []digest {
	y, m, day := morning.In(d.zone).Date()
	today := time.Date(y, m, day, 0, 0, 0, 0, d.zone)
	var out []digest
	add := func(on bool, period string, from, to time.Time) {
		one := digest{practice: d.ID, period: period, from: from, to: to}
		before := func(t db.Reminded) bool { return t.Wait == one.key() && t.Since.Equal(to) }
		if on && d.ProductionSince.Before(to) && !slices.ContainsFunc(told, before) {
			out = append(out, one)
		}
	}
	month := time.Date(y, m, 1, 0, 0, 0, 0, d.zone)
	add(d.monthly, digestMonth, month.AddDate(0, -1, 0), month)
	week := today.AddDate(0, 0, -(int(today.Weekday())-int(d.weekday)+7)%7)
	add(d.weekly, digestWeek, week.AddDate(0, 0, -7), week)
	return out
}

// digests tells of the registry's answers: a section for each practice, the most
// urgent first, and a count of the rest. A practice of whose month is told has no
// section for its week.
func (w *writer) digests(ctx context.Context, due []digest) error {
	ranked, err := w.rank(ctx, due)
	if err != nil {
		return err
	}
	monthly := map[string]bool{}
	for _, r := range ranked {
		monthly[r.practice] = monthly[r.practice] || r.period == digestMonth
	}
	ranked = slices.DeleteFunc(ranked, func(r rankedDigest) bool { return r.period == digestWeek && monthly[r.practice] })
	named := min(len(ranked), maxDigests)
	for _, r := range ranked[:named] {
		section, err := w.section(ctx, r.digest, max(leastSites, maxSites/named), max(leastCauses, maxCauses/named))
		if err != nil {
			return err
		}
		w.data.Digests = append(w.data.Digests, section)
	}
	for _, r := range ranked[named:] {
		more := &w.data.MoreDigests
		more.Practices, more.Sent, more.Refused = more.Practices+1, more.Sent+r.Sent, more.Refused+r.Refused
		more.Open, more.Overdue = more.Open+r.Open, more.Overdue+r.Overdue
	}
	return nil
}

type rankedDigest struct {
	digest
	db.DigestRank
}

// rank puts the practices first of which most is overdue, then refused, then open.
func (w *writer) rank(ctx context.Context, due []digest) ([]rankedDigest, error) {
	spans, order := map[string][]digest{}, []string{}
	for _, d := range due {
		span := fmt.Sprint(d.from.Unix(), d.to.Unix())
		if len(spans[span]) == 0 {
			order = append(order, span)
		}
		spans[span] = append(spans[span], d)
	}
	var out []rankedDigest
	for _, span := range order {
		practices := make([]string, len(spans[span]))
		for i, d := range spans[span] {
			practices[i] = d.practice
		}
		ranks, err := w.DB.RankDigests(ctx, practices, spans[span][0].from, spans[span][0].to, w.date)
		if err != nil {
			return nil, err
		}
		for _, d := range spans[span] {
			at := slices.IndexFunc(ranks, func(r db.DigestRank) bool { return r.Practice == d.practice })
			out = append(out, rankedDigest{d, ranks[at]})
		}
	}
	slices.SortStableFunc(out, func(x, y rankedDigest) int {
		return cmp.Or(cmp.Compare(y.Overdue, x.Overdue), cmp.Compare(y.Refused, x.Refused), cmp.Compare(y.Open, x.Open),
			strings.Compare(x.practice, y.practice))
	})
	return out, nil
}

// section tells of one practice.
func (w *writer) section(ctx context.Context, d digest, sites, causes int) (registry.LetterDigest, error) {
	of := &writer{Notices: w.Notices, in: SendNoticeInput{Scope: Scope{Practice: d.practice}}, date: w.date}
	if err := of.begin(ctx); err != nil {
		return registry.LetterDigest{}, err
	}
	out := registry.LetterDigest{
		Practice: of.practice.ID, Name: of.practice.Name, Period: d.period, Coordinator: of.data.Coordinator,
		From: d.from.Format(time.DateOnly), To: d.to.AddDate(0, 0, -1).Format(time.DateOnly),
	}
	filter := db.QualityFilter{Practice: d.practice, Zone: of.profile.Zone, From: d.from, To: d.to}
	late, err := of.numbers(ctx, &out, filter)
	if err != nil {
		return out, err
	}
	if err := of.digestCauses(ctx, &out, causes); err != nil {
		return out, err
	}
	if d.period == digestMonth {
		err = of.digestSites(ctx, &out, filter, late, sites)
	}
	out.Move = "starter quality " + d.practice
	if out.Open > 0 {
		out.Move = "starter errors worklist " + d.practice + " -d lists/"
	}
	return out, err
}

// numbers of the time that filter bounds, and what is open now.
func (w *writer) numbers(ctx context.Context, out *registry.LetterDigest, filter db.QualityFilter) ([]db.LateDoses, error) {
	now, err := w.sum(ctx, filter)
	if err != nil {
		return nil, err
	}
	before, err := w.sum(ctx, db.QualityFilter{Practice: filter.Practice, From: filter.From.AddDate(0, 0, -7*digestBefore), To: filter.From})
	if err != nil {
		return nil, err
	}
	all, err := w.sum(ctx, db.QualityFilter{Practice: filter.Practice, To: w.date})
	if err != nil {
		return nil, err
	}
	out.Sent, out.Answered, out.Refused, out.Unanswered = now.Sent, now.Answered(), now.Refused, all.Unanswered()
	out.Rate, out.Before = w.rate(now), w.rate(before)
	late, err := w.DB.LateDoses(ctx, db.LateFilter{Practice: filter.Practice, From: filter.From, To: filter.To})
	if err != nil {
		return nil, err
	}
	for _, s := range late {
		out.Given, out.Late = out.Given+s.Given, out.Late+s.Late
	}
	work, err := w.DB.DigestErrors(ctx, filter.Practice, filter.From, filter.To, w.date)
	out.Settled, out.Open, out.Overdue, out.DueSoon = work.Settled, work.Open, work.Overdue, work.DueSoon
	out.AtRegistry = work.AtRegistry
	return late, err
}

func (w *writer) sum(ctx context.Context, f db.QualityFilter) (sum db.Quality, err error) {
	rows, err := w.DB.Quality(ctx, f, db.BySite)
	for _, r := range rows {
		sum.Add(r)
	}
	return sum, err
}

// rate is empty where too little was answered.
func (w *writer) rate(q db.Quality) string {
	enough := w.profile.Policy.AcceptanceMessages
	if enough <= 0 {
		enough = minRated
	}
	if q.Answered() < enough {
		return ""
	}
	words := percentWords(q.Taken(), q.Answered())
	if q.Below(w.profile.Policy.AcceptancePercent) {
		words += fmt.Sprintf(" (the registry's mark is %d %%)", w.profile.Policy.AcceptancePercent)
	}
	return words
}

func (w *writer) digestCauses(ctx context.Context, out *registry.LetterDigest, limit int) error {
	groups, err := w.DB.GroupErrors(ctx, db.ErrorFilter{Practice: w.in.Practice, Limit: limit})
	for _, g := range groups {
		c := w.cause(db.LetterCause{Rule: codeWords(g.Code), Count: g.Errors})
		c.Owner = strings.ReplaceAll(string(g.Owner), "-", " ")
		out.Causes = append(out.Causes, c)
	}
	return err
}

// digestSites tells of sites in the practice's order, or, where they are too many, of
// those with most open.
func (w *writer) digestSites(ctx context.Context, out *registry.LetterDigest, f db.QualityFilter, late []db.LateDoses, limit int) error {
	rows, err := w.DB.Quality(ctx, f, db.BySite)
	if err != nil {
		return err
	}
	open, err := w.DB.OpenBySite(ctx, w.in.Practice)
	if err != nil {
		return err
	}
	sent := map[string]db.Quality{}
	for _, q := range rows {
		sent[q.Label] = q
	}
	lateAt := map[string]int{}
	for _, s := range late {
		lateAt[s.Site] = s.Late
	}
	for _, s := range w.practice.Sites {
		out.Sites = append(out.Sites, registry.LetterSite{
			ID: s.ID, Sent: sent[s.ID].Sent, Rate: w.rate(sent[s.ID]), Open: open[s.ID], Late: lateAt[s.ID],
		})
	}
	if out.MoreSites = max(0, len(out.Sites)-limit); out.MoreSites > 0 {
		slices.SortStableFunc(out.Sites, func(x, y registry.LetterSite) int {
			return cmp.Or(cmp.Compare(y.Open, x.Open), cmp.Compare(y.Late, x.Late))
		})
		out.Sites = out.Sites[:limit]
	}
	return nil
}
