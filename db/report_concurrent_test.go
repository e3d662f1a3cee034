package db_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// Two collections bring two reports on the same files at once, in the opposite
// order, and each of them twice.
func TestReportsAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	const each = 300
	for round := range 4 {
		var files []db.Delivery
		var first, second [][2]string
		for f := range 3 {
			name := fmt.Sprintf("%d%c", round, 'a'+f)
			msgs, pairs := controls(name, each)
			files = append(files, b.sent(t, p, registry.LaneProduction, name, day0, msgs...))
			for i, pair := range pairs {
				other := pair
				if i%10 == 0 {
					pair[1] = "IMR-111"
				}
				if i%10 == 5 {
					other[1] = "IMR-111"
				}
				if i%3 != 1 { // the second alone tells of the others
					first = append(first, pair)
				}
				if i%3 != 2 {
					second = append(second, other)
				}
			}
		}
		slices.Reverse(second)
		reports := []db.Report{b.report(t, fmt.Sprintf("%d1", round), "one"), b.report(t, fmt.Sprintf("%d2", round), "two")}
		lists := [][]registry.ReportItem{plainly(says(first...)), plainly(says(second...))}
		results := make([][2]db.Report, 2)
		done := make(chan error)
		for i, r := range reports {
			for again := range 2 {
				go func() {
					got, err := b.ImportReport(t.Context(), db.ReportImport{ReportID: r.ID, At: day0, Read: reads(lists[i], db.ReportNames{})})
					if err == nil {
						_, err = b.ReconcileReport(t.Context(), atOnce(r.ID))
					}
					results[i][again] = got
					done <- err
				}()
			}
		}
		for range 4 {
			require.NoError(t, <-done)
		}
		for i := range reports {
			require.Equal(t, len(lists[i]), results[i][0].Items)
			require.Equal(t, results[i][0].Items, results[i][1].Items)
			require.Equal(t, len(lists[i]), b.count(t, `select count(*) from told_items where report_id = $1`, reports[i].ID))
		}
		b.nothingLost(t, files)
	}
	require.Equal(t, b.count(t, `select count(*) from errors`), b.count(t, `select sum(errors)::int from error_counts`))
}

// plainly takes the words off acceptances.
func plainly(items []registry.ReportItem) []registry.ReportItem {
	for i := range items {
		if items[i].Code == "" {
			items[i].Text = ""
		}
	}
	return items
}

func atOnce(report string) db.ReportReconcile {
	return db.ReportReconcile{
		ReportID: report, At: day0, Catalogue: catalogue,
		Due: func(string, registry.CatalogueEntry) (time.Time, error) { return day0.AddDate(0, 0, 14), nil },
	}
}

// nothingLost: each message has one answer, of a report that tells of it, as it
// tells it; and the counters agree.
func (b *bundle) nothingLost(t *testing.T, files []db.Delivery) {
	t.Helper()
	var ids []string
	for _, d := range files {
		a := b.answer(t, d)
		require.Zero(t, a.Unanswered)
		require.Equal(t, a.Messages, a.Accepted+a.Rejected)
		require.Equal(t, a.Accepted, b.count(t, `select sum(messages)::int from answer_counts where file_id = $1 and answer = 'accepted'`, d.FileID))
		ids = append(ids, d.FileID)
	}
	require.Zero(t, b.count(t, `select count(*) from answered m where m.file_id = any($1) and not exists (
		select 1 from told_items i where i.file_id = m.file_id and i.message = m.ordinal and i.report_id = m.answer_report
		  and i.outcome = m.answer)`, ids))
	require.Zero(t, b.count(t, `select count(*) from (
		select file_id, ordinal from answered where file_id = any($1) group by 1, 2 having count(*) > 1) twice`, ids))
}
