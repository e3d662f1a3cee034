package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// DueLetter is a letter whose day has come.
type DueLetter struct {
	Kind NoticeKind `json:"kind"`
	// Event is the practice with the week or the month: each is told once.
	Event string `json:"event"`
	// Period is the day (YYYY-MM-DD) before which the time ends that it tells of.
	Period string `json:"period"`
}

const (
	// digestBefore are the weeks with which a time is compared.
	digestBefore = 4
	// maxSites bounds the sites that a letter tells of.
	maxSites = 100
	// minRated is how many answers a rate needs where the policy names none.
	minRated = 20
)

var weekdays = map[string]time.Weekday{
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
	"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
}

// digests are the letters on the past week and month that were not written yet.
// A look that comes late, on the day after, finds them too. A practice that was
// not in production before the end of that time has nothing to hear.
func (a *Watches) digests(ctx context.Context, in LookInput, facts db.WatchFacts, date time.Time) ([]DueLetter, error) {
	on, ok := weekdays[in.Policy.DigestWeekday]
	if !ok || facts.Phase != registry.PhaseProduction {
		return nil, nil
	}
	y, m, d := date.Date()
	week := time.Date(y, m, d-(int(date.Weekday())-int(on)+7)%7, 0, 0, 0, 0, date.Location())
	month := time.Date(y, m, 1, 0, 0, 0, 0, date.Location())
	var due []DueLetter
	for _, l := range []DueLetter{
		{Kind: NoticeDigestWeek, Event: "digest/" + in.Practice + "/week/" + week.Format(time.DateOnly), Period: week.Format(time.DateOnly)},
		{Kind: NoticeDigestMonth, Event: "digest/" + in.Practice + "/month/" + month.Format("2006-01"), Period: month.Format(time.DateOnly)},
	} {
		end, err := time.ParseInLocation(time.DateOnly, l.Period, date.Location())
		if err != nil || !facts.ProductionSince.Before(end) {
			continue
		}
		_, written, err := a.DB.NoticeOf(ctx, l.Event)
		if err != nil {
			return nil, err
		}
		if !written {
			due = append(due, l)
		}
	}
	return due, nil
}

// digest tells of the registry's answers in a week or a month.
func (w *writer) digest(ctx context.Context) error {
	zone := w.profile.BusinessDays().Location()
	to, err := time.ParseInLocation(time.DateOnly, w.in.Period, zone)
	if err != nil { // typed by hand: what ends today
		y, m, d := w.date.In(zone).Date()
		to = time.Date(y, m, d, 0, 0, 0, 0, zone)
	}
	from := to.AddDate(0, 0, -7)
	if w.in.Kind == NoticeDigestMonth {
		from = to.AddDate(0, -1, 0)
	}
	out := &w.data.Digest
	out.From, out.To = from.Format(time.DateOnly), to.AddDate(0, 0, -1).Format(time.DateOnly)
	filter := db.QualityFilter{Practice: w.in.Practice, Zone: w.profile.Zone, From: from, To: to}
	now, err := w.sum(ctx, filter)
	if err != nil {
		return err
	}
	before, err := w.sum(ctx, db.QualityFilter{Practice: w.in.Practice, From: from.AddDate(0, 0, -7*digestBefore), To: from})
	if err != nil {
		return err
	}
	all, err := w.sum(ctx, db.QualityFilter{Practice: w.in.Practice, To: w.date})
	if err != nil {
		return err
	}
	out.Sent, out.Answered, out.Refused, out.Unanswered = now.Sent, now.Answered(), now.Refused, all.Unanswered()
	out.Rate, out.Before = w.rate(now), w.rate(before)
	late, err := w.DB.LateDoses(ctx, db.LateFilter{Practice: w.in.Practice, From: from, To: to})
	if err != nil {
		return err
	}
	for _, s := range late {
		out.Given, out.Late = out.Given+s.Given, out.Late+s.Late
	}
	work, err := w.DB.DigestErrors(ctx, w.in.Practice, from, to, w.date)
	if err != nil {
		return err
	}
	out.Settled, out.Open, out.Overdue, out.DueSoon = work.Settled, work.Open, work.Overdue, work.DueSoon
	out.AtRegistry = work.AtRegistry
	if err := w.digestCauses(ctx); err != nil || w.in.Kind != NoticeDigestMonth {
		return err
	}
	w.data.Commands = []string{"starter quality " + w.in.Practice, "starter errors worklist " + w.in.Practice + " -d lists/"}
	return w.digestSites(ctx, filter, late)
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

func (w *writer) digestCauses(ctx context.Context) error {
	groups, err := w.DB.GroupErrors(ctx, db.ErrorFilter{Practice: w.in.Practice, Limit: maxCauses})
	for _, g := range groups {
		c := w.cause(db.LetterCause{Rule: codeWords(g.Code), Count: g.Errors})
		c.Owner = strings.ReplaceAll(string(g.Owner), "-", " ")
		w.data.Causes = append(w.data.Causes, c)
	}
	return err
}

func (w *writer) digestSites(ctx context.Context, f db.QualityFilter, late []db.LateDoses) error {
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
	for _, s := range w.practice.Sites[:min(len(w.practice.Sites), maxSites)] {
		w.data.Digest.Sites = append(w.data.Digest.Sites, registry.LetterSite{
			ID: s.ID, Sent: sent[s.ID].Sent, Rate: w.rate(sent[s.ID]), Open: open[s.ID], Late: lateAt[s.ID],
		})
	}
	return nil
}
