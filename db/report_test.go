package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestImportReport(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	d := b.sent(t, p, registry.LaneProduction, "a", day0, msg("m1", "plano", "x"), msg("m2", "plano", "y"), msg("m3", "allen", "z"))
	r := b.report(t, "1", "dqa-1.txt")
	items := says([2]string{"m1", ""}, [2]string{"m2", "IMR-111"}, [2]string{"m2", "IEE-519"}, [2]string{"nobody", "CLR-100"})
	items[1].Location, items[2].Location = "RXA^1^17", "Hopper, Grace"
	read := reads(items, db.ReportNames{})

	t.Run("links items to the messages they answer and counts them", func(t *testing.T) {
		got, err := b.ImportReport(ctx, db.ReportImport{ReportID: r.ID, At: day0, Read: read})
		require.NoError(t, err)
		require.Equal(t, "imported", got.State)
		require.Equal(t, 4, got.Items)
		require.Equal(t, 1, got.Unmatched)

		answer, err := b.FileAnswer(ctx, p, d.FileID)
		require.NoError(t, err)
		require.Equal(t, db.Answer{Messages: 3, Accepted: 1, Rejected: 1, Unanswered: 1}, answer)
		files, err := b.AnsweredFiles(ctx, r.ID, "", 10)
		require.NoError(t, err)
		require.Equal(t, []db.AnsweredFile{{FileID: d.FileID, Practice: p}}, files)
	})

	t.Run("importing again changes nothing and answers the same", func(t *testing.T) {
		before, err := b.Report(ctx, r.ID)
		require.NoError(t, err)
		again, err := b.ImportReport(ctx, db.ReportImport{
			ReportID: r.ID, At: day0.AddDate(0, 0, 1),
			Read: func(func(registry.ReportItem) error) (db.ReportNames, error) {
				t.Error("it was read again")
				return db.ReportNames{}, nil
			},
		})
		require.NoError(t, err)
		require.Equal(t, before, again)
		require.Equal(t, 4, b.count(t, `select count(*) from report_items`))
	})

	t.Run("nothing of a patient stands in clear", func(t *testing.T) {
		require.Zero(t, b.count(t, `select count(*) from report_items i where i::text like '%Hopper%'`))
		kept, err := b.ReportItems(ctx, r.ID, 0, 10)
		require.NoError(t, err)
		require.Equal(t, "Grace Hopper was looked at", kept[0].Text, "staff can read it")
		require.Equal(t, "RXA^1^17", kept[1].Location)
		require.Empty(t, kept[2].Location, "what is no place is not kept as one")
	})

	t.Run("the same bytes under another name are the same report", func(t *testing.T) {
		require.Equal(t, r.ID, b.report(t, "1", "dqa-1-copy.txt").ID)
	})

	t.Run("a report that nobody knows is missing", func(t *testing.T) {
		_, err := b.ImportReport(ctx, db.ReportImport{ReportID: "r-99999", At: day0, Read: read})
		requireKind(t, registry.Missing, err)
	})
}

func TestImportReportAllOrNothing(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	d := b.sent(t, p, registry.LaneProduction, "a", day0, msg("m1", "plano", "x"))

	breaks := func(err error) func(func(registry.ReportItem) error) (db.ReportNames, error) {
		return func(emit func(registry.ReportItem) error) (db.ReportNames, error) {
			if err := emit(says([2]string{"m1", ""})[0]); err != nil {
				return db.ReportNames{}, err
			}
			return db.ReportNames{}, err
		}
	}

	t.Run("a reader that breaks off leaves nothing, and the next try does all", func(t *testing.T) {
		r := b.report(t, "1", "dqa-1.txt")
		_, err := b.ImportReport(ctx, db.ReportImport{ReportID: r.ID, At: day0, Read: breaks(registry.Errorf(registry.Corrupt, "vault", "%w", errTorn))})
		requireKind(t, registry.Corrupt, err)
		require.ErrorIs(t, err, errTorn)
		require.Zero(t, b.count(t, `select count(*) from report_items`))
		require.Zero(t, b.count(t, `select count(*) from answered where answer is not null`))

		_, err = b.ImportReport(ctx, db.ReportImport{ReportID: r.ID, At: day0, Read: breaks(nil)})
		require.NoError(t, err)
		answer, err := b.FileAnswer(ctx, p, d.FileID)
		require.NoError(t, err)
		require.Equal(t, 1, answer.Accepted)
	})

	t.Run("one that nothing understands is quarantined whole, once", func(t *testing.T) {
		r := b.report(t, "2", "dqa-2.pdf")
		in := db.ReportImport{ReportID: r.ID, At: day0, Read: breaks(registry.Errorf(registry.Invalid, "report", "the report is a PDF document"))}
		for range 2 {
			got, err := b.ImportReport(ctx, in)
			require.NoError(t, err)
			require.True(t, got.Unreadable())
			require.Zero(t, got.Items)
			require.Contains(t, got.Reason, "PDF")
		}
		require.Zero(t, b.count(t, `select count(*) from report_items where report_id = $1`, r.ID))
		require.Zero(t, b.reconcile(t, r.ID, day0).Opened)
	})
}

func TestImportReportMatching(t *testing.T) {
	t.Parallel()
	later := day0.AddDate(0, 0, 1)

	t.Run("a control ID that two files have belongs to the later one", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		old := b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		young := b.sent(t, p, registry.LaneProduction, "b", later, msg("1", "plano", "y"))
		b.imported(t, "1", later, says([2]string{"1", ""}))
		require.Zero(t, b.count(t, `select count(*) from answered where file_id = $1 and answer is not null`, old.FileID))
		require.Equal(t, 1, b.count(t, `select count(*) from answered where file_id = $1 and answer is not null`, young.FileID))
	})

	t.Run("unless the report names the earlier one", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		old := b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.sent(t, p, registry.LaneProduction, "b", later, msg("1", "plano", "y"))
		r := b.report(t, "1", "ack_"+old.RemoteName[:len(old.RemoteName)-4]+".txt")
		_, err := b.ImportReport(t.Context(), db.ReportImport{ReportID: r.ID, At: later, Read: reads(says([2]string{"1", ""}), db.ReportNames{})})
		require.NoError(t, err)
		require.Equal(t, 1, b.count(t, `select count(*) from answered where file_id = $1 and answer is not null`, old.FileID))
	})

	t.Run("a file that was never sent, or held messages, are answered by nothing", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.checked(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.sent(t, p, registry.LaneProduction, "b", day0, msg("2", "plano", "y"), sentMessage{control: "3", site: "plano", held: true})
		r, _ := b.imported(t, "1", day0, says([2]string{"1", ""}, [2]string{"3", ""}))
		require.Equal(t, 2, r.Unmatched)
	})
}

func TestImportReportAnswers(t *testing.T) {
	t.Parallel()
	later := day0.AddDate(0, 0, 1)

	t.Run("the worst item is the answer, and a later report replaces it", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		d := b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.imported(t, "1", day0, says([2]string{"1", ""}, [2]string{"1", "CLR-100"}, [2]string{"1", "IMR-111"}))
		require.Equal(t, 1, b.count(t, `select count(*) from answered where answer = 'patient-rejected' and answer_item = 2`))
		unknown := says([2]string{"1", ""})
		unknown[0].Outcome = registry.OutcomeUnknown
		b.imported(t, "2", later, unknown)
		require.Equal(t, 1, b.count(t, `select count(*) from answered where answer = 'patient-rejected'`), "what nobody understands replaces nothing")
		b.imported(t, "3", later, says([2]string{"1", ""}))
		answer, err := b.FileAnswer(t.Context(), p, d.FileID)
		require.NoError(t, err)
		require.Equal(t, 1, answer.Accepted)
	})

	t.Run("a refused file refuses its messages", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		d := b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"), msg("2", "plano", "y"))
		r := b.report(t, "1", "answers.txt")
		items := says([2]string{"", "FIR-001"})
		got, err := b.ImportReport(t.Context(), db.ReportImport{
			ReportID: r.ID, At: day0,
			Read: reads(items, db.ReportNames{Files: []string{d.RemoteName}, Rejected: map[string]int{d.RemoteName: 1}}),
		})
		require.NoError(t, err)
		require.Zero(t, got.Unmatched)
		require.Equal(t, 2, b.count(t, `select count(*) from answered where answer = 'file-rejected'`))
		require.Equal(t, 1, b.reconcile(t, r.ID, day0).Opened, "one error for the file, not one per message")
	})
}

func TestImportReportOfBadRecordsOnly(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	msgs, pairs := controls("a", 3)
	first := b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
	others, _ := controls("b", 2)
	second := b.sent(t, p, registry.LaneProduction, "b", day0, others...)
	r := b.report(t, "1", "bad.txt")
	_, err := b.ImportReport(t.Context(), db.ReportImport{
		ReportID: r.ID, At: day0, Terms: []db.ReportTerms{{Practice: p, BadOnly: true}},
		Read: reads(says([2]string{pairs[0][0], "IMR-111"}), db.ReportNames{}),
	})
	require.NoError(t, err)

	t.Run("what the report does not name of a file it speaks of is not objected to", func(t *testing.T) {
		answer, err := b.FileAnswer(t.Context(), p, first.FileID)
		require.NoError(t, err)
		require.Equal(t, db.Answer{Messages: 3, Rejected: 1, NotObjected: 2}, answer)
	})
	t.Run("a file that it does not speak of stays unanswered", func(t *testing.T) {
		answer, err := b.FileAnswer(t.Context(), p, second.FileID)
		require.NoError(t, err)
		require.Equal(t, 2, answer.Unanswered)
	})
	t.Run("an empty report that carries the file's name answers all of it", func(t *testing.T) {
		clean := b.report(t, "2", second.RemoteName+".dqa")
		_, err := b.ImportReport(t.Context(), db.ReportImport{
			ReportID: clean.ID, At: day0, Terms: []db.ReportTerms{{Practice: p, BadOnly: true}}, Read: reads(nil, db.ReportNames{}),
		})
		require.NoError(t, err)
		answer, err := b.FileAnswer(t.Context(), p, second.FileID)
		require.NoError(t, err)
		require.Equal(t, 2, answer.NotObjected)
	})
}

func TestNewReportFiles(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.live(t, "sunrise-plano")
	listing := []db.RemoteFile{{Name: "dqa-1.txt", Size: 7, ModTime: day0}, {Name: "dqa-2.txt", Size: 9, ModTime: day0}}

	t.Run("a report that was fetched and not taken in is listed again", func(t *testing.T) {
		b.report(t, "1", "dqa-1.txt")
		fresh, err := b.NewReportFiles(ctx, "texas-sftp", listing)
		require.NoError(t, err)
		require.Equal(t, listing, fresh)
	})
	t.Run("one that was taken in is not, until it changes", func(t *testing.T) {
		r, _ := b.imported(t, "1", day0, nil)
		require.Equal(t, "imported", r.State)
		fresh, err := b.NewReportFiles(ctx, "texas-sftp", listing)
		require.NoError(t, err)
		require.Equal(t, listing[1:], fresh)

		listing[0].ModTime = day0.Add(time.Hour)
		fresh, err = b.NewReportFiles(ctx, "texas-sftp", listing)
		require.NoError(t, err)
		require.Equal(t, listing, fresh)
	})
	t.Run("lists are filtered", func(t *testing.T) {
		all, err := b.ListReports(ctx, db.ReportFilter{Connection: "texas-sftp", State: "imported"})
		require.NoError(t, err)
		require.Len(t, all, 1)
		none, err := b.ListReports(ctx, db.ReportFilter{Practice: "sunrise-plano"})
		require.NoError(t, err)
		require.Empty(t, none, "it speaks of no file")
	})
}
