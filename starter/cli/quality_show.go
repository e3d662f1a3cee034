package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/registry/texas"
)

func (a *app) qualityCommand() *cobra.Command {
	var in qualityAsked
	cmd := &cobra.Command{
		Use:   "quality [PRACTICE]",
		Short: "See how much the registry takes, by week and month, and how right our check was",
		Args:  cobra.MaximumNArgs(1),
		Long: `Shows what the registry said of the messages that were delivered in each week and
month, and which codes it told most.

  accepted     taken as they were
  remarks      taken, with warnings or notices
  not obj.     not named by a report that lists bad records only
  refused      refused, in whole or in part
  unanswered   no report tells of them yet, or nobody understands what it says

The rate is how much of what was answered was taken. Codes that the catalogue
calls notices (duplicates and the like) neither lower it nor count as causes. The
Texas registry calls 90 % high quality; what is below is marked (the setting
policy.acceptance_percent). Too few answers give no rate. Doses that went more than 30
days after they were given (25 TAC 100.6) are counted by site; doses of the historical
load, and such as had been sent before, are not among them.`,
		Example: `  starter quality sunrise-plano
  starter quality sunrise-plano --site allen --weeks 4
  starter quality --vendor ehr.example.com
  starter quality --all -o csv > quality.csv`,
		Annotations: map[string]string{annotationOutputs: "text,json,csv"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				in.practice = args[0]
			}
			if !in.all && in.practice == "" && in.site == "" && in.vendor == "" {
				return misused("name a practice, --site, --vendor or --all; see: starter quality --help")
			}
			return a.quality(cmd.Context(), in)
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.site, "site", "", "one site only, of the practice or of all")
	f.StringVar(&in.vendor, "vendor", "", "practices of one EHR vendor, by address or name")
	f.BoolVar(&in.all, "all", false, "every practice")
	f.StringVar(&in.lane, "for", "", "test, production or historical (default: all true patient data)")
	f.IntVar(&in.weeks, "weeks", 12, "how many weeks back")
	f.IntVar(&in.months, "months", 12, "how many months back")
	cmd.MarkFlagsMutuallyExclusive("all", "vendor")
	cmd.AddCommand(a.predictionsCommand())
	return cmd
}

// qualityAsked are the flags of `quality`.
type qualityAsked struct {
	practice, site, vendor, lane string
	all                          bool
	weeks, months                int
}

// maxQualityCauses is how many causes of each week and month are told.
const maxQualityCauses = 5

// shownPeriod is a week or a month.
type shownPeriod struct {
	// Period is as people name it: 2026-W12 or 2026-03; Begins its first day.
	Period      string `json:"period"`
	Begins      string `json:"begins"`
	Sent        int    `json:"sent"`
	Accepted    int    `json:"accepted"`
	Remarks     int    `json:"accepted_with_remarks"`
	NotObjected int    `json:"not_objected_to"`
	Refused     int    `json:"refused"`
	Unanswered  int    `json:"unanswered"`
	// Acceptance is how much of what was answered was taken, in per cent, cut
	// after the first decimal; null where there is too little to tell.
	Acceptance *float64 `json:"acceptance_percent"`
	// Below says that it is under the registry's mark.
	Below  bool              `json:"below_mark"`
	Causes []db.QualityCause `json:"causes"`
}

// shownQuality is what `quality --output json` prints.
type shownQuality struct {
	Practice string `json:"practice,omitempty"`
	Site     string `json:"site,omitempty"`
	Vendor   string `json:"vendor,omitempty"`
	For      string `json:"for"`
	// Mark is the registry's own for high quality, in per cent; Fewest is how
	// many answers a rate needs.
	Mark   int           `json:"mark_percent"`
	Fewest int           `json:"fewest"`
	Weeks  []shownPeriod `json:"weeks"`
	Months []shownPeriod `json:"months"`
	// Late are the doses of the weeks that went more than 30 days after they were
	// given, by site.
	Late []db.LateDoses `json:"late_doses"`
}

func (a *app) quality(ctx context.Context, in qualityAsked) error {
	if in.weeks < 1 || in.weeks > 520 || in.months < 1 || in.months > 120 {
		return misused("--weeks from 1 to 520, --months from 1 to 120")
	}
	var lanes []registry.Lane
	switch l := registry.Lane(in.lane); l {
	case "":
	case registry.LaneTest, registry.LaneProduction, registry.LaneHistorical:
		lanes = append(lanes, l)
	default:
		return misused("--for %s: test, production or historical", in.lane)
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if in.practice != "" {
		if _, err := a.practice(ctx, store, in.practice); err != nil {
			return err
		}
	}
	loaded, err := a.loadProfile(in.practice)
	if err != nil {
		return err
	}
	shown := shownQuality{
		Practice: in.practice, Site: in.site, Vendor: in.vendor, For: in.lane,
		Mark: loaded.Profile.Policy.AcceptancePercent, Fewest: fewest,
	}
	if shown.For == "" {
		shown.For = "patients"
	}
	filter := db.QualityFilter{
		Practice: in.practice, Site: in.site, Vendor: in.vendor, Lanes: lanes, Zone: loaded.Profile.Zone,
		Harmless: harmlessCodes(loaded.Catalogue), Causes: maxQualityCauses,
	}
	today := a.now().In(loaded.Profile.BusinessDays().Location())
	if shown.Weeks, err = periods(ctx, store, filter, db.ByWeek, weekBegins(today).AddDate(0, 0, -7*(in.weeks-1)), shown.Mark); err != nil {
		return err
	}
	shown.Late = []db.LateDoses{}
	if in.lane == "" || in.lane == string(registry.LaneProduction) {
		if shown.Late, err = lateOnly(store.LateDoses(ctx, db.LateFilter{
			Practice: in.practice, Site: in.site, Vendor: in.vendor, From: weekBegins(today).AddDate(0, 0, -7*(in.weeks-1)),
		})); err != nil {
			return err
		}
	}
	month := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, today.Location())
	if shown.Months, err = periods(ctx, store, filter, db.ByMonth, month.AddDate(0, 1-in.months, 0), shown.Mark); err != nil {
		return err
	}
	if a.output == outputCSV {
		return a.qualityCSV(shown)
	}
	return a.show(shown, func(s *screen) { s.quality(shown, loaded.Catalogue, a.env.IsTerminal) })
}

func weekBegins(day time.Time) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d-(int(day.Weekday())+6)%7, 0, 0, 0, 0, day.Location())
}

func harmlessCodes(codes texas.Catalogue) []string {
	var out []string
	for _, code := range codes.Codes() {
		if codes[code].Harmless {
			out = append(out, code)
		}
	}
	return out
}

func periods(ctx context.Context, store *db.Store, f db.QualityFilter, by db.QualityBy, from time.Time, mark int) ([]shownPeriod, error) {
	f.From = from
	rows, err := store.Quality(ctx, f, by)
	if err != nil {
		return nil, err
	}
	out := make([]shownPeriod, len(rows))
	for i, q := range rows {
		out[i] = shownPeriod{
			Period: periodName(q.Label, by), Begins: q.Label, Sent: q.Sent, Accepted: q.Accepted, Remarks: q.Warned,
			NotObjected: q.NotObjected, Refused: q.Refused, Unanswered: q.Unanswered(),
			Causes: append([]db.QualityCause{}, q.Causes...),
		}
		if q.Answered() >= fewest {
			// Cut, not rounded: what is below the mark must not look like it.
			percent := math.Floor(1000*float64(q.Taken())/float64(q.Answered())) / 10
			out[i].Acceptance, out[i].Below = &percent, q.Below(mark)
		}
	}
	return out, nil
}

// periodName is 2026-W12 or 2026-03.
func periodName(begins string, by db.QualityBy) string {
	day, err := time.Parse(time.DateOnly, begins)
	if err != nil {
		return begins
	}
	if by == db.ByWeek {
		year, week := day.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	}
	return day.Format("2006-01")
}

func (s *screen) quality(q shownQuality, codes texas.Catalogue, terminal bool) {
	if len(q.Months) == 0 && len(q.Weeks) == 0 {
		s.line("No message of theirs was delivered in this time, so there is nothing to say. Next: starter status")
		return
	}
	s.periods("WEEK", q.Weeks, q.Mark, terminal)
	s.raw("")
	s.periods("MONTH", q.Months, q.Mark, terminal)
	s.raw("")
	unanswered, told := 0, map[string]bool{}
	for _, m := range q.Months {
		unanswered += m.Unanswered
	}
	if unanswered > 0 {
		s.line("%s not answered yet: the rates of those weeks and months may still change.", plural(unanswered, "message is", "messages are"))
	}
	if words := lateWords(q.Late); words != "" {
		s.line("In these weeks %s", words)
	}
	s.line("Taken of what was answered; at least %d answers are needed for a rate. ! is below the registry's mark of %d %%.", q.Fewest, q.Mark)
	var means [][2]string
	for _, p := range append(append([]shownPeriod{}, q.Weeks...), q.Months...) {
		for _, c := range shownCauses(p) {
			if !told[c.Code] {
				told[c.Code] = true
				means = append(means, [2]string{c.Code, orWord(codes[c.Code].Meaning, "new: starter errors classify "+c.Code)})
			}
		}
	}
	if len(means) > 0 {
		s.raw("")
		s.pairs(means...)
	}
}

func (s *screen) periods(head string, rows []shownPeriod, mark int, terminal bool) {
	if len(rows) == 0 {
		return
	}
	cells := make([][]string, len(rows))
	for i, p := range rows {
		var causes []string
		for _, c := range shownCauses(p) {
			causes = append(causes, c.Code+" ×"+strconv.Itoa(c.Messages))
		}
		cells[i] = []string{
			p.Period, strconv.Itoa(p.Sent), strconv.Itoa(p.Accepted), strconv.Itoa(p.Remarks), strconv.Itoa(p.NotObjected),
			strconv.Itoa(p.Refused), strconv.Itoa(p.Unanswered), acceptanceWords(p), strings.Join(causes, "\n"),
		}
	}
	if terminal {
		s.line("Acceptance, oldest first: %s", spark(rows, mark))
	}
	s.table([]string{head, "SENT", "ACCEPTED", "REMARKS", "NOT OBJ.", "REFUSED", "UNANSWERED", "RATE", "TOP CAUSES"}, cells)
}

// shownCauses are those that stand in the table.
func shownCauses(p shownPeriod) []db.QualityCause { return p.Causes[:min(len(p.Causes), 3)] }

func acceptanceWords(p shownPeriod) string {
	if p.Acceptance == nil {
		if p.Sent == p.Unanswered {
			return "none yet"
		}
		return "too few"
	}
	words := strconv.FormatFloat(*p.Acceptance, 'f', 1, 64) + " %"
	if p.Below {
		words += " !"
	}
	return words
}

// spark draws the rates from half the mark to all; a dot is no rate.
func spark(rows []shownPeriod, mark int) string {
	steps := []rune("▁▂▃▄▅▆▇█")
	low := float64(mark) / 2
	var b strings.Builder
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].Acceptance == nil {
			b.WriteRune('·')
			continue
		}
		at := int((*rows[i].Acceptance - low) / (100 - low) * float64(len(steps)))
		b.WriteRune(steps[max(0, min(len(steps)-1, at))])
	}
	return b.String()
}

func (a *app) qualityCSV(q shownQuality) error {
	w := csv.NewWriter(a.env.Stdout)
	rows := [][]string{{
		"by", "period", "begins", "sent", "accepted", "accepted_with_remarks", "not_objected_to", "refused", "unanswered",
		"acceptance_percent", "below_mark", "causes",
	}}
	for _, part := range []struct {
		by   string
		rows []shownPeriod
	}{{"week", q.Weeks}, {"month", q.Months}} {
		for _, p := range part.rows {
			percent := ""
			if p.Acceptance != nil {
				percent = strconv.FormatFloat(*p.Acceptance, 'f', 1, 64)
			}
			var causes []string
			for _, c := range p.Causes {
				causes = append(causes, plain(c.Code)+"="+strconv.Itoa(c.Messages))
			}
			rows = append(rows, []string{
				part.by, p.Period, p.Begins, strconv.Itoa(p.Sent), strconv.Itoa(p.Accepted), strconv.Itoa(p.Remarks),
				strconv.Itoa(p.NotObjected), strconv.Itoa(p.Refused), strconv.Itoa(p.Unanswered), percent,
				strconv.FormatBool(p.Below), strings.Join(causes, " "),
			})
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return couldNot("write: %w", err)
	}
	return nil
}
