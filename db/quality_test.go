package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func (b *bundle) quality(t *testing.T, f db.QualityFilter, by db.QualityBy) []db.Quality {
	t.Helper()
	rows, err := b.Quality(t.Context(), f, by)
	require.NoError(t, err)
	return rows
}

func TestQuality(t *testing.T) {
	t.Parallel()
	b := open(t)
	p, other := b.live(t, "sunrise-plano"), b.live(t, "lakeside")
	monday := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	msgs, pairs := controls("a", 6)
	msgs[5].site = "allen"
	pairs[1][1], pairs[2][1], pairs[3][1] = "IMR-111", "IMR-111", "IEE-519"
	b.sent(t, p, registry.LaneProduction, "a", monday, append(msgs, sentMessage{control: "h", site: "plano", held: true})...)
	b.sent(t, p, registry.LaneProduction, "b", monday.AddDate(0, 0, 7), msg("b-0", "plano", "q"))
	b.practice(t, "newcomer", registry.PhaseTesting)
	b.sent(t, "newcomer", registry.LaneTest, "c", monday, msg("c-0", "plano", "r"))
	b.sent(t, other, registry.LaneProduction, "d", monday, msg("d-0", "plano", "s"))
	items := says(pairs[:5]...)
	items[3].Outcome = registry.OutcomeWarned
	b.imported(t, "1", monday, items)
	first := db.Quality{
		Label: "2026-03-02", Sent: 6, Accepted: 2, Warned: 1, Refused: 2,
		Causes: []db.QualityCause{{Code: "IMR-111", Messages: 2, Refused: 2}, {Code: "IEE-519", Messages: 1}},
	}

	t.Run("weeks come newest first, with what was not answered", func(t *testing.T) {
		got := b.quality(t, db.QualityFilter{Practice: p, Causes: 3}, db.ByWeek)
		require.Equal(t, []db.Quality{{Label: "2026-03-09", Sent: 1}, first}, got)
		require.Equal(t, 5, got[1].Answered())
		require.Equal(t, 1, got[1].Unanswered())
		require.True(t, got[1].Below(90))
		require.False(t, got[0].Below(90), "nothing is answered, so nothing is bad")
	})
	t.Run("months add them up", func(t *testing.T) {
		got := b.quality(t, db.QualityFilter{Practice: p}, db.ByMonth)
		require.Len(t, got, 1)
		require.Equal(t, "2026-03-01", got[0].Label)
		require.Equal(t, 7, got[0].Sent)
	})
	t.Run("sites have their own", func(t *testing.T) {
		got := b.quality(t, db.QualityFilter{Practice: p}, db.BySite)
		require.Equal(t, []string{"allen", "plano"}, []string{got[0].Label, got[1].Label})
		require.Equal(t, 1, got[0].Sent)
		require.Equal(t, 1, b.quality(t, db.QualityFilter{Practice: p, Site: "allen"}, db.ByMonth)[0].Sent)
	})
	t.Run("a notice is no cause", func(t *testing.T) {
		got := b.quality(t, db.QualityFilter{Practice: p, Causes: 3, Harmless: []string{"IMR-111"}}, db.ByWeek)
		require.Equal(t, []db.QualityCause{{Code: "IEE-519", Messages: 1}}, got[1].Causes)
	})
	t.Run("all practices, test files, and a time are asked for", func(t *testing.T) {
		require.Equal(t, 8, b.quality(t, db.QualityFilter{}, db.ByMonth)[0].Sent)
		require.Equal(t, 1, b.quality(t, db.QualityFilter{Lanes: []registry.Lane{registry.LaneTest}}, db.ByMonth)[0].Sent)
		require.Len(t, b.quality(t, db.QualityFilter{From: monday.AddDate(0, 0, 1)}, db.ByWeek), 1)
		require.Len(t, b.quality(t, db.QualityFilter{To: monday.AddDate(0, 0, 1)}, db.ByWeek), 1)
	})
	t.Run("a later answer takes the place of the earlier one, and its cause", func(t *testing.T) {
		b.imported(t, "2", monday, says([2]string{pairs[1][0], ""}))
		got := b.quality(t, db.QualityFilter{Practice: p, Causes: 3}, db.ByWeek)[1]
		require.Equal(t, 1, got.Refused)
		require.Equal(t, 3, got.Accepted)
		require.Equal(t, db.QualityCause{Code: "IMR-111", Messages: 1, Refused: 1}, got.Causes[0])
	})
	t.Run("what cannot be counted by is refused", func(t *testing.T) {
		_, err := b.Quality(t.Context(), db.QualityFilter{}, "year")
		requireKind(t, registry.Invalid, err)
	})
}

func TestQualityOfAVendor(t *testing.T) {
	t.Parallel()
	b := open(t)
	p, other := b.live(t, "sunrise-plano"), b.live(t, "lakeside")
	for _, sql := range []string{
		`delete from contacts where role = 'ehr-vendor'`,
		`insert into contacts (practice, ordinal, role, name, email) values ('sunrise-plano', 99, 'ehr-vendor', 'Desk', 'Help@ehr.example')`,
	} {
		_, err := b.sql.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
	b.sent(t, other, registry.LaneProduction, "b", day0, msg("2", "plano", "y"))
	for _, v := range []string{"help@EHR.example", "ehr.example", "desk"} {
		require.Equal(t, 1, b.quality(t, db.QualityFilter{Vendor: v}, db.ByMonth)[0].Sent, v)
	}
	require.Empty(t, b.quality(t, db.QualityFilter{Vendor: "nobody"}, db.ByMonth))
}
