package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestPracticeWatch(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	today := day0.AddDate(0, 0, 20)
	look := func(t *testing.T) db.WatchFacts {
		t.Helper()
		f, err := b.PracticeWatch(ctx, db.WatchAsk{Practice: p, Date: today, ReportsBefore: day0.AddDate(0, 0, 10)})
		require.NoError(t, err)
		return f
	}

	t.Run("a practice that sent nothing counts from the day it was added", func(t *testing.T) {
		f := look(t)
		require.Equal(t, registry.PhaseProduction, f.Phase)
		require.Equal(t, day0, f.ProductionSince.UTC())
		require.True(t, f.LastDelivery.IsZero())
		require.Len(t, f.Sites, 2)
		require.True(t, f.Sites[0].Last.IsZero())
		require.True(t, f.Sites[1].Active(today))
		require.False(t, f.Sites[1].Active(time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)), "it begins in 2026")
	})

	t.Run("production files count, per site; historical parts do not", func(t *testing.T) {
		d := b.sent(t, p, registry.LaneProduction, "a", day0.AddDate(0, 0, 2), msg("1", "plano", "x"),
			sentMessage{control: "2", site: "allen", held: true})
		b.sent(t, p, registry.LaneHistorical, "b", day0.AddDate(0, 0, 9), msg("h1", "allen", "y"))
		f := look(t)
		require.Equal(t, day0.AddDate(0, 0, 2), f.LastDelivery.UTC())
		require.Equal(t, d.RemoteName, f.LastName)
		require.Equal(t, day0.AddDate(0, 0, 2), f.Sites[0].Last.UTC())
		require.True(t, f.Sites[1].Last.IsZero(), "its one message was left out of the file")
		require.Equal(t, 2, f.MissingReports, "both were delivered before the date and are not answered")
		require.Equal(t, d.RemoteName, f.MissingFirst)
	})

	t.Run("errors are overdue after their date, attestations count", func(t *testing.T) {
		b.imported(t, "1", day0.AddDate(0, 0, 3), says([2]string{"1", "IMR-111"}))
		require.NoError(t, b.RecordAct(ctx, p, "allen", "attested-nothing-to-send", db.Act{Key: "k", By: maria, At: day0.AddDate(0, 0, 5), Reason: "closed"}))
		f := look(t)
		require.Equal(t, 1, f.OpenErrors)
		require.Equal(t, 1, f.OverdueErrors)
		require.Equal(t, 1, f.MissingReports)
		require.Equal(t, day0.AddDate(0, 0, 5), f.Sites[1].Attested.UTC())
		require.True(t, f.Attested.IsZero(), "it was of one site")
	})

	t.Run("a pause is dated", func(t *testing.T) {
		require.NoError(t, b.SetSubmission(ctx, p, registry.SubmissionPaused, db.Act{Key: "pause", By: maria, At: day0.AddDate(0, 0, 7), Reason: "move"}))
		require.Equal(t, day0.AddDate(0, 0, 7), look(t).PausedSince.UTC())
	})

	t.Run("a practice that nobody knows is missing", func(t *testing.T) {
		_, err := b.PracticeWatch(ctx, db.WatchAsk{Practice: "nobody", Date: today, ReportsBefore: today})
		requireKind(t, registry.Missing, err)
	})
}

func TestSettleIncidents(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	settle := func(t *testing.T, day int, wanted ...db.IncidentSeed) db.IncidentsSettled {
		t.Helper()
		date := day0.AddDate(0, 0, day)
		out, err := b.SettleIncidents(ctx, db.IncidentLook{
			Practice: p, Date: date, Looks: []string{date.Format(time.DateOnly)}, Wanted: wanted,
		})
		require.NoError(t, err)
		return out
	}
	warning := func(level int) db.IncidentSeed {
		return db.IncidentSeed{Kind: "floor-warning", Level: level, Words: "soon"}
	}
	floor := db.IncidentSeed{Kind: "floor", Level: 30, Replaces: []string{"floor-warning"}, Words: "late"}
	quiet := db.IncidentSeed{Kind: "quiet-site", Site: "allen", Words: "quiet"}

	t.Run("a condition opens one incident, told again by the same look only", func(t *testing.T) {
		first := settle(t, 20, warning(20), quiet)
		require.Len(t, first.Opened, 2)
		require.Equal(t, first, settle(t, 20, warning(20), quiet))
		next := settle(t, 21, warning(20), quiet)
		require.Empty(t, next.Opened)
		require.Len(t, next.Current, 2)
	})
	t.Run("a worse level is told anew, the lesser one ends without a word", func(t *testing.T) {
		out := settle(t, 25, warning(25), quiet)
		require.Len(t, out.Opened, 1)
		require.Empty(t, out.Closed)
		out = settle(t, 30, floor, quiet)
		require.Equal(t, "floor", out.Opened[0].Kind)
		require.Empty(t, out.Closed)
		require.Len(t, out.Current, 2)
	})
	t.Run("a condition that is gone closes it, once", func(t *testing.T) {
		out := settle(t, 31, quiet)
		require.Len(t, out.Closed, 1)
		require.Equal(t, "floor", out.Closed[0].Kind)
		require.Equal(t, out, settle(t, 31, quiet), "the same look tells it again")
		require.Empty(t, settle(t, 32, quiet).Closed)
	})
	t.Run("a silent look ends all without a word", func(t *testing.T) {
		date := day0.AddDate(0, 0, 33)
		out, err := b.SettleIncidents(ctx, db.IncidentLook{Practice: p, Date: date, Looks: []string{"33"}, Silent: true})
		require.NoError(t, err)
		require.Empty(t, out.Closed)
		require.Empty(t, out.Current)
	})
}

func TestSettleIncidentsAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	quiet := db.IncidentSeed{Kind: "quiet-site", Site: "allen", Words: "quiet"}

	t.Run("two at once open one", func(t *testing.T) {
		done := make(chan error, 4)
		for range cap(done) {
			go func() {
				_, err := b.SettleIncidents(ctx, db.IncidentLook{Practice: p, Date: day0.AddDate(0, 0, 40), Looks: []string{"40"}, Wanted: []db.IncidentSeed{quiet}})
				done <- err
			}()
		}
		for range cap(done) {
			require.NoError(t, <-done)
		}
		require.Equal(t, 1, b.count(t, `select count(*) from incidents where closed_at is null`))
	})
	t.Run("no practice, no incident", func(t *testing.T) {
		_, err := b.SettleIncidents(ctx, db.IncidentLook{Practice: "nobody", Date: day0, Looks: []string{"x"}})
		requireKind(t, registry.Missing, err)
	})
}

func TestNotices(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	n := db.Notice{
		Event: "review/1", Kind: registry.LetterReviewRequest, Practice: p, MessageID: "m1@example.org",
		Recipients: []string{"dx@example.org"}, Subject: "Please", Body: "review", PreparedAt: day0,
	}

	t.Run("the first words of an event stay", func(t *testing.T) {
		first, err := b.PrepareNotice(ctx, n)
		require.NoError(t, err)
		require.Equal(t, db.NoticePrepared, first.State)
		other := n
		other.Subject, other.MessageID = "Other words", "m2@example.org"
		again, err := b.PrepareNotice(ctx, other)
		require.NoError(t, err)
		require.Equal(t, first, again)
	})
	t.Run("an event is one letter to one practice", func(t *testing.T) {
		other := n
		other.Kind = registry.LetterHold
		_, err := b.PrepareNotice(ctx, other)
		requireKind(t, registry.Invalid, err)
	})
	t.Run("what was sent stays sent", func(t *testing.T) {
		now, err := b.SettleNotice(ctx, n.Event, true, day0)
		require.NoError(t, err)
		require.True(t, now)
		now, err = b.SettleNotice(ctx, n.Event, false, day0)
		require.NoError(t, err)
		require.False(t, now, "one call settles it")
		kept, ok, err := b.NoticeOf(ctx, n.Event)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, db.NoticeSent, kept.State)
		require.NotNil(t, kept.SentAt)
	})
	t.Run("a letter may concern no practice", func(t *testing.T) {
		free := n
		free.Event, free.Practice, free.MessageID = "hold/reports/1", "", "m3@example.org"
		_, err := b.PrepareNotice(ctx, free)
		require.NoError(t, err)
		_, err = b.SettleNotice(ctx, free.Event, false, day0)
		require.NoError(t, err)
	})
	t.Run("lists are filtered", func(t *testing.T) {
		for _, c := range []struct {
			f    db.NoticeFilter
			want int
		}{
			{db.NoticeFilter{}, 2},
			{db.NoticeFilter{Practice: p}, 1},
			{db.NoticeFilter{State: db.NoticeOff}, 1},
			{db.NoticeFilter{Kind: registry.LetterHold}, 0},
		} {
			list, err := b.ListNotices(ctx, c.f)
			require.NoError(t, err)
			require.Len(t, list, c.want)
		}
	})
}

func TestFirstNotice(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	keep := func(event, practice string, at time.Time) db.Notice {
		n, err := b.PrepareNotice(ctx, db.Notice{
			Event: event, Kind: registry.LetterHold, Practice: practice, MessageID: event + "@example.org",
			Recipients: []string{"a@example.org"}, Subject: "s", Body: "b", PreparedAt: at,
		})
		require.NoError(t, err)
		return n
	}
	p := b.live(t, "sunrise-plano")
	first := keep("incident/i-1", p, day0)
	other := keep("incident/i-12", p, day0)
	over := keep("incident/i-1/over", p, day0.Add(time.Hour))
	later := keep("incident/i-1/zzz", p, day0.Add(2*time.Hour))
	free := keep("expiry/texas/password/2026-04-01/30", "", day0)
	again := keep("expiry/texas/password/2026-04-01/7", "", day0.Add(time.Hour))
	for name, c := range map[string]struct {
		n      db.Notice
		matter string
		want   string
	}{
		"the first letter follows none":             {first, "incident/i-1", ""},
		"an all-clear follows its alert":            {over, "incident/i-1", first.MessageID},
		"the third follows the first":               {later, "incident/i-1", first.MessageID},
		"a name that begins alike is another":       {other, "incident/i-12", ""},
		"letters that concern no practice, too":     {again, "expiry/texas/password/2026-04-01", free.MessageID},
		"a matter of another practice is another's": {again, "incident/i-1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := b.FirstNotice(ctx, c.n, []string{"no-such-matter", c.matter})
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	t.Run("whatever becomes of the first", func(t *testing.T) {
		_, err := b.SettleNotice(ctx, first.Event, false, day0)
		require.NoError(t, err)
		got, err := b.FirstNotice(ctx, over, []string{"incident/i-1"})
		require.NoError(t, err)
		require.Equal(t, first.MessageID, got)
	})
}

func TestLetterFiles(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.practice(t, "sunrise-plano", registry.PhaseTesting).ID
	good := b.sent(t, p, registry.LaneTest, "a", day0, msg("1", "plano", "x"), msg("2", "plano", "y"))
	bad := b.sent(t, p, registry.LaneTest, "b", day0, msg("3", "plano", "z"))
	b.sent(t, p, registry.LaneTest, "c", day0, msg("4", "plano", "w"))
	b.imported(t, "1", day0.AddDate(0, 0, 1), says([2]string{"1", ""}, [2]string{"2", ""}, [2]string{"3", "IMR-111"}))

	t.Run("letters tell of files by the names that we gave them", func(t *testing.T) {
		files, err := b.LetterFiles(ctx, p, []string{good.FileID, "f-9999"})
		require.NoError(t, err)
		require.Len(t, files, 1)
		require.Equal(t, good.RemoteName, files[0].RemoteName)
		require.Equal(t, 2, files[0].Messages)
		require.Equal(t, day0.AddDate(0, 0, 1), files[0].Answered.UTC())
	})
	t.Run("causes name codes and places", func(t *testing.T) {
		causes, err := b.FileCauses(ctx, bad.FileID, 10)
		require.NoError(t, err)
		require.Equal(t, []db.LetterCause{{Rule: "IMR-111", Severity: "E", Count: 1, Message: 1}}, causes)
	})
	t.Run("another practice's file is not there", func(t *testing.T) {
		q := b.practice(t, "hill-country", registry.PhaseTesting).ID
		_, err := b.LetterFile(ctx, q, good.FileID)
		requireKind(t, registry.Missing, err)
		_, ok, err := b.FirstProductionFile(ctx, q)
		require.NoError(t, err)
		require.False(t, ok)
	})
	t.Run("moves are dated", func(t *testing.T) {
		at, err := b.LastMove(ctx, p, "phase", "production")
		require.NoError(t, err)
		require.True(t, at.IsZero())
	})
}
