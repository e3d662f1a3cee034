package db_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// plainWorld is a registry's view of a few files whose control IDs are partly
// the same, held or addressed to one of two systems; and between them are those
// of a file that was never sent.
func plainWorld(t *testing.T, between int) (b *bundle, practices []string, ids []string) {
	t.Helper()
	b = open(t)
	practices = []string{b.live(t, "sunrise-plano"), b.live(t, "lakeside")}
	for f := range 5 {
		var msgs []sentMessage
		for m := range 30 {
			id := fmt.Sprintf("%d-%d", f, m)
			if m%7 == 0 {
				id = fmt.Sprintf("shared-%d", m)
			}
			if m == 29 {
				id = fmt.Sprintf("%d-%d", f, 28) // twice in the file
			}
			ids = append(ids, id)
			msgs = append(msgs, sentMessage{
				control: id, site: []string{"plano", "allen"}[m%2], doses: []string{fmt.Sprintf("%d", (f*30+m)%100)}, held: m%11 == 5,
				who: fmt.Sprintf("%d", m), app: "EPIC", facility: "PL1",
			})
		}
		b.sent(t, practices[f%2], registry.LaneProduction, fmt.Sprintf("%c", 'a'+f), day0.AddDate(0, 0, f), msgs...)
	}
	never := b.checked(t, practices[0], registry.LaneProduction, "f", day0, msg("0-1", "plano", "z"))
	_, err := b.sql.Exec(t.Context(), `insert into messages (file_id, ordinal, control_id, sending_app, sending_facility, site, outcome, held,
		byte_offset, byte_length) select $1, n, '2-0' || n, '', '', 'plano', 'accepted', false, 0, 1 from generate_series(2, $2::int) n`,
		never.ID, between)
	require.NoError(t, err)
	return b, practices, append(ids, "nobody", "")
}

// plainReport is a report of any shape on the files of plainWorld.
func plainReport(r *rand.Rand, practices, ids []string) ([]registry.ReportItem, db.ReportNames, []db.ReportTerms) {
	var items []registry.ReportItem
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	for n := range r.IntN(120) {
		item := registry.ReportItem{Ordinal: n + 1, ControlID: pick(ids...), Outcome: registry.OutcomeAccepted}
		switch r.IntN(12) {
		case 0, 1:
			item.Code = pick("IMR-111", "CLR-100", "MER-001", "IEE-519", "IMR-999")
			item.Family = registry.FamilyOf(item.Code)
			item.Outcome, item.Location = registry.OutcomeDoseRejected, "RXA-5"
		case 2:
			item.Outcome = registry.OutcomeUnknown
		case 3:
			item.Outcome = registry.OutcomeWarned
		case 4:
			item.ToApp, item.ToFacility = pick("EPIC", "ATHENA"), pick("", "PL1", "GATEWAY", orgCode(practices[0]), orgCode(practices[1]))
		case 5:
			item.File, item.Position = "nobody.hl7", r.IntN(3)
		}
		items = append(items, item)
	}
	var terms []db.ReportTerms
	for _, p := range practices {
		t := db.ReportTerms{Practice: p, BadOnly: r.IntN(3) == 0}
		if r.IntN(2) == 0 {
			t.From = day0.AddDate(0, 0, r.IntN(4))
			t.To = t.From.AddDate(0, 0, 2)
		}
		terms = append(terms, t)
	}
	names := db.ReportNames{Rejected: map[string]int{}}
	if n := r.IntN(8); n < 5 {
		names.Files = append(names.Files, fmt.Sprintf("f-%d-1", n+1))
		if n == 0 && len(items) > 0 {
			names.Rejected[names.Files[0]] = 1
		}
	}
	return items, names, terms
}

// stands is all that reports have left in the database, row by row.
func (b *bundle) stands(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for what, sql := range map[string]string{
		"items": `select row(report_id, ordinal, control_id, ack, code, severity, location, outcome, file_id, message, delivery_id,
			kind, told_file, position, expected, found, to_app, to_facility)::text from told_items order by report_id, ordinal`,
		"answers":  `select row(file_id, ordinal, answer, answer_report, answered_at)::text from answered order by file_id, ordinal`,
		"covers":   `select c::text from report_covers c order by 1`,
		"counts":   `select c::text from answer_counts c order by 1`,
		"causes":   `select c::text from cause_counts c order by 1`,
		"foretold": `select row(file_id, message, kind, code, place, report_id)::text from predictions order by 1`,
		"reports": `select row(id, state, items, unmatched, not_understood, differences, opened, verified, new_codes)::text
			from reports order by id`,
		"errors": `select row(practice, site, code, state, times, first_report, first_item, last_report, last_item, file_id, message, dose,
			verified_by, reopened)::text from errors order by 1`,
	} {
		rows, err := b.sql.Query(t.Context(), sql)
		require.NoError(t, err, what)
		for rows.Next() {
			var row string
			require.NoError(t, rows.Scan(&row))
			out[what] = append(out[what], row)
		}
		require.NoError(t, rows.Err())
	}
	return out
}

// A plain acceptance is kept another way than one that says something beside.
// Whoever looks must not see the difference.
func TestPlainAcceptancesAreLikeOthers(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]int{"control IDs close together": 1, "control IDs far apart": 13_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, practices, ids := plainWorld(t, between)
			wordy, _, _ := plainWorld(t, between)
			wordy.SettleAll()
			r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a fixed seed
			for round := range 16 {
				items, names, terms := plainReport(r, practices, ids)
				plain.both(t, round, items, names, terms)
				for i := range items {
					items[i].Text = "words"
				}
				wordy.both(t, round, items, names, terms)
				want := wordy.stands(t)
				for what, got := range plain.stands(t) {
					require.Equal(t, want[what], got, "%s after report %d", what, round)
				}
			}
			require.Greater(t, plain.count(t, `select count(*) from plain_items`), 200)
			require.Zero(t, wordy.count(t, `select count(*) from plain_items`))
		})
	}
}

// both imports a report and settles its errors.
func (b *bundle) both(t *testing.T, round int, items []registry.ReportItem, names db.ReportNames, terms []db.ReportTerms) {
	t.Helper()
	report := b.report(t, fmt.Sprintf("r%d", round), fmt.Sprintf("dqa-%d.txt", round))
	at := day0.AddDate(0, 1, round)
	_, err := b.ImportReport(t.Context(), db.ReportImport{ReportID: report.ID, At: at, Terms: terms, Read: reads(items, names)})
	require.NoError(t, err)
	b.reconcile(t, report.ID, at)
	listed, err := b.ReportItems(t.Context(), report.ID, 0, 1000)
	require.NoError(t, err)
	for i := range items {
		require.Equal(t, i+1, listed[i].Ordinal)
		require.Equal(t, items[i].ControlID, listed[i].ControlID)
	}
}

func TestPlainItemsAreListedInPages(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	msgs, pairs := controls("a", 60)
	b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
	for i := range pairs {
		if i%9 == 3 {
			pairs[i][1] = "IMR-111"
		}
	}
	items := says(pairs...)
	for i := range items {
		if items[i].Code == "" {
			items[i].Text = ""
		}
	}
	items = items[:50] // a difference comes after them
	r := b.answered(t, b.report(t, "1", "all.txt"), items, db.ReportTerms{
		Practice: p, From: day0.AddDate(0, 0, -1), To: day0.AddDate(0, 0, 1),
	})
	require.Equal(t, []int{50, 1}, []int{r.Items, r.Differences})
	var got []int
	for after := 0; ; after = got[len(got)-1] {
		page, err := b.ReportItems(t.Context(), r.ID, after, 7)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, i := range page {
			got = append(got, i.Ordinal)
			if i.Expected == 0 {
				require.Equal(t, pairs[i.Ordinal-1][0], i.ControlID)
				require.Equal(t, i.Ordinal, i.Message)
			}
		}
	}
	want := make([]int, 51)
	for i := range want {
		want[i] = i + 1
	}
	require.Equal(t, want, got)
}

// Items whose ordinals leave a gap are kept one by one: pages rely on it.
func TestPlainItemsAfterAGap(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	msgs, pairs := controls("a", 5)
	b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
	items := says(pairs...)
	for i := range items {
		items[i].Text = ""
		if i > 1 {
			items[i].Ordinal += 100
		}
	}
	r := b.answered(t, b.report(t, "1", "all.txt"), items)
	require.Equal(t, 5, r.Items)
	require.Equal(t, 2, b.count(t, `select count(*) from plain_items`))
	page, err := b.ReportItems(t.Context(), r.ID, 1, 2)
	require.NoError(t, err)
	require.Equal(t, []int{2, 103}, []int{page[0].Ordinal, page[1].Ordinal})
}

// When a file is checked again and a message is gone, so is what was said of it.
func TestPlainAnswerGoesWithItsMessage(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	msgs, pairs := controls("a", 3)
	d := b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
	items := says(pairs...)
	for i := range items {
		items[i].Text = ""
	}
	b.answered(t, b.report(t, "1", "all.txt"), items)
	require.Equal(t, db.Answer{Messages: 3, Accepted: 3}, b.answer(t, d))
	_, err := b.sql.Exec(t.Context(), `delete from messages where file_id = $1 and ordinal = 2`, d.FileID)
	require.NoError(t, err)
	require.Equal(t, 2, b.count(t, `select bit_count(messages)::int from answer_pages`))
}

// What a report that nobody understands has said before its end is not kept.
func TestPlainItemsOfAnUnreadableReport(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	msgs, pairs := controls("a", 9000)
	d := b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
	items := says(pairs...)
	r := b.report(t, "1", "half.txt")
	got, err := b.ImportReport(t.Context(), db.ReportImport{
		ReportID: r.ID, At: day0, Read: func(emit func(registry.ReportItem) error) (db.ReportNames, error) {
			for _, i := range items {
				i.Text = ""
				if err := emit(i); err != nil {
					return db.ReportNames{}, err
				}
			}
			return db.ReportNames{}, registry.Errorf(registry.Invalid, "report", "the end is missing")
		},
	})
	require.NoError(t, err)
	require.True(t, got.Unreadable())
	require.Zero(t, b.count(t, `select count(*) from accepted_items`))
	require.Equal(t, 9000, b.answer(t, d).Unanswered)

	again := b.report(t, "2", "whole.txt")
	_, err = b.ImportReport(t.Context(), db.ReportImport{
		ReportID: again.ID, At: day0.Add(time.Hour), Read: func(emit func(registry.ReportItem) error) (db.ReportNames, error) {
			for _, i := range items {
				i.Text = ""
				if err := emit(i); err != nil {
					return db.ReportNames{}, err
				}
			}
			return db.ReportNames{}, nil
		},
	})
	require.NoError(t, err)
	require.Equal(t, 9000, b.answer(t, d).Accepted)
}
