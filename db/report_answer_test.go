package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// answered imports a report under terms and returns it.
func (b *bundle) answered(t *testing.T, r db.Report, items []registry.ReportItem, terms ...db.ReportTerms) db.Report {
	t.Helper()
	got, err := b.ImportReport(t.Context(), db.ReportImport{
		ReportID: r.ID, At: day0, Terms: terms, Read: reads(items, db.ReportNames{}),
	})
	require.NoError(t, err)
	return got
}

// answer is what the registry has said about a file.
func (b *bundle) answer(t *testing.T, d db.Delivery) db.Answer {
	t.Helper()
	a, err := b.FileAnswer(t.Context(), d.Practice, d.FileID)
	require.NoError(t, err)
	return a
}

func TestReportsOfADay(t *testing.T) {
	t.Parallel()
	b := open(t)
	p, other := b.live(t, "sunrise-plano"), b.live(t, "lakeside")
	msgs, pairs := controls("a", 3)
	today := b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
	more, _ := controls("b", 2)
	tomorrow := b.sent(t, p, registry.LaneProduction, "b", day0.AddDate(0, 0, 1), more...)
	others, _ := controls("c", 1)
	elsewhere := b.sent(t, other, registry.LaneProduction, "c", day0, others...)
	from := day0.Truncate(24 * time.Hour)
	terms := db.ReportTerms{Practice: p, BadOnly: true, From: from, To: from.AddDate(0, 0, 1)}

	t.Run("what they do not name of that day's files is not objected to", func(t *testing.T) {
		b.answered(t, b.report(t, "1", "bad.txt"), says([2]string{pairs[0][0], "IMR-111"}, [2]string{"b-0", "IMR-111"}), terms)
		require.Equal(t, db.Answer{Messages: 3, Rejected: 1, NotObjected: 2}, b.answer(t, today))
	})
	t.Run("of another day's file, only what they name is answered", func(t *testing.T) {
		require.Equal(t, db.Answer{Messages: 2, Rejected: 1, Unanswered: 1}, b.answer(t, tomorrow))
	})
	t.Run("a practice with other terms is not answered by them", func(t *testing.T) {
		require.Equal(t, 1, b.answer(t, elsewhere).Unanswered)
	})
}

func TestEmptyListsOfTwoDaysAreTwoReports(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	first := b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
	second := b.sent(t, p, registry.LaneProduction, "b", day0.AddDate(0, 0, 1), msg("2", "plano", "y"))
	add := func(name string, day time.Time) db.Report {
		r, err := b.AddReport(t.Context(), db.FetchedReport{
			Connection: "texas-sftp", File: db.RemoteFile{Name: name, Size: 7, ModTime: day}, Digest: digest("1"),
			VaultKey: "sha256/1", At: day, Dated: day,
		})
		require.NoError(t, err)
		return r
	}
	day := day0.Truncate(24 * time.Hour)
	terms := func(n int) db.ReportTerms {
		return db.ReportTerms{Practice: p, BadOnly: true, From: day.AddDate(0, 0, n), To: day.AddDate(0, 0, n+1)}
	}
	one := add("bad-1.txt", day)
	b.answered(t, one, nil, terms(0))
	require.Equal(t, 1, b.answer(t, first).NotObjected)
	require.Equal(t, 1, b.answer(t, second).Unanswered, "no report covers it yet")
	require.Equal(t, one.ID, add("bad-1.txt", day).ID, "the same list again")
	two := add("bad-2.txt", day.AddDate(0, 0, 1))
	require.NotEqual(t, one.ID, two.ID)
	b.answered(t, two, nil, terms(1))
	require.Equal(t, 1, b.answer(t, second).NotObjected)

	t.Run("also where each has a title, which nobody understands", func(t *testing.T) {
		third := b.sent(t, p, registry.LaneProduction, "c", day0.AddDate(0, 0, 2), msg("3", "plano", "z"))
		title := []registry.ReportItem{{Ordinal: 1, Line: true, Outcome: registry.OutcomeUnknown, Text: "Bad records"}}
		add := func(name string, day time.Time) db.Report {
			r, err := b.AddReport(t.Context(), db.FetchedReport{
				Connection: "texas-sftp", File: db.RemoteFile{Name: name, Size: 9, ModTime: day}, Digest: digest("2"),
				VaultKey: "sha256/2", At: day, Dated: day,
			})
			require.NoError(t, err)
			return r
		}
		yesterday := add("titled-1.txt", day.AddDate(0, 0, 1))
		b.answered(t, yesterday, title, terms(1))
		today := add("titled-2.txt", day.AddDate(0, 0, 2))
		require.NotEqual(t, yesterday.ID, today.ID)
		b.answered(t, today, title, terms(2))
		require.Equal(t, 1, b.answer(t, third).NotObjected)
	})
}

func TestItemsAreMatchedByFileAndPosition(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	d := b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"),
		sentMessage{control: "2", site: "plano", held: true}, msg("3", "plano", "z"))
	at := func(file string, position int) registry.ReportItem {
		return registry.ReportItem{File: file, Position: position, Code: "IMR-111", Outcome: registry.OutcomeDoseRejected}
	}
	items := []registry.ReportItem{at(d.RemoteName, 2), at(d.RemoteName, 3), at("ELSEWHERE.HL7", 1), at("", 1)}
	for i := range items {
		items[i].Ordinal = i + 1
	}
	r := b.answered(t, b.report(t, "1", "dqa.txt"), items, db.ReportTerms{Practice: p})
	require.Equal(t, 3, r.Unmatched, "only two messages were sent, and other files are not ours")
	kept, err := b.ReportItems(t.Context(), r.ID, 0, 10)
	require.NoError(t, err)
	require.Equal(t, 3, kept[0].Message, "positions count what was sent; the held message was not")
	require.Equal(t, db.Answer{Messages: 2, Rejected: 1, Unanswered: 1}, b.answer(t, d))
	require.Equal(t, 1, b.reconcile(t, r.ID, day0).Opened)
}

func TestCountsThatDoNotAgreeAreItems(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	msgs, pairs := controls("a", 5)
	d := b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
	t.Run("a list of all records that lacks some of a file it names", func(t *testing.T) {
		r := b.answered(t, b.report(t, "1", d.RemoteName+".txt"), says(pairs[:3]...), db.ReportTerms{Practice: p})
		require.Equal(t, 1, r.Differences)
		require.Equal(t, 3, r.Items, "they are told apart from answers")
		kept, err := b.ReportItems(t.Context(), r.ID, 3, 10)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Equal(t, d.ID, kept[0].DeliveryID)
		require.Equal(t, []int{5, 3}, []int{kept[0].Expected, kept[0].Found})
		require.Zero(t, b.reconcile(t, r.ID, day0).Opened, "nobody can mend a record that was not named")
	})
	t.Run("a whole list has none", func(t *testing.T) {
		require.Zero(t, b.answered(t, b.report(t, "2", d.RemoteName+".2.txt"), says(pairs...), db.ReportTerms{Practice: p}).Differences)
	})
	t.Run("neither has a list of bad records", func(t *testing.T) {
		r := b.answered(t, b.report(t, "3", d.RemoteName+".3.txt"), says(pairs[0]), db.ReportTerms{Practice: p, BadOnly: true})
		require.Zero(t, r.Differences)
	})
}

func TestHowAReportWasReadIsKept(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.live(t, "sunrise-plano")
	r := b.report(t, "1", "dqa.txt")
	line := registry.ReportItem{Ordinal: 1, Line: true, Outcome: registry.OutcomeUnknown, Text: "Grace Hopper called"}
	_, err := b.ImportReport(t.Context(), db.ReportImport{
		ReportID: r.ID, At: day0,
		Read: reads([]registry.ReportItem{line}, db.ReportNames{
			Format: "PDF", Mapping: "by sections", Records: 7, Faults: []string{"the end is missing"},
		}),
	})
	require.NoError(t, err)
	r, err = b.Report(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, "by sections", r.Mapping)
	require.Equal(t, "PDF", r.Format)
	require.Equal(t, 7, r.Records)
	require.Equal(t, 1, r.NotUnderstood)
	require.Equal(t, []string{"the end is missing"}, r.Faults)
}
