package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestEvidence(t *testing.T) {
	t.Parallel()
	b := open(t)
	p, other := b.live(t, "sunrise-plano"), b.live(t, "lakeside")
	monday := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	msgs, pairs := controls("a", 4)
	pairs[1][1] = "IMR-111"
	d := b.sent(t, p, registry.LaneProduction, "a", monday, msgs...)
	b.sent(t, other, registry.LaneProduction, "d", monday, msg("d-0", "plano", "s"))
	r, _ := b.imported(t, "1", monday, says(pairs[:3]...))
	_, err := b.PrepareNotice(t.Context(), db.Notice{
		Event: "first-file/" + p, Kind: registry.LetterFirstFile, Practice: p, MessageID: "<1@clinic.test>",
		Recipients: []string{"a@clinic.test"}, Subject: "s", Body: "b", PreparedAt: monday,
	})
	require.NoError(t, err)
	_, err = b.sql.Exec(t.Context(), `insert into approvals (practice, approved_by, email_date, at) values ($1, 'R. Reviewer', '2026-02-27', $2)`, p, monday)
	require.NoError(t, err)
	read := func(t *testing.T, f db.EvidenceFilter) db.Evidence {
		t.Helper()
		got, err := b.Evidence(t.Context(), f)
		require.NoError(t, err)
		return got
	}

	t.Run("a file stands with its delivery, its answers and its reports", func(t *testing.T) {
		got := read(t, db.EvidenceFilter{Practice: p})
		require.Len(t, got.Files, 1, "another practice's file is not in it")
		f := got.Files[0]
		require.Equal(t, d.FileID, f.ID)
		require.Equal(t, d.RemoteName, f.RemoteName)
		require.NotNil(t, f.ConfirmedAt)
		require.Equal(t, []int{4, 2, 1}, []int{f.Messages, f.Accepted, f.Refused})
		require.Equal(t, []string{r.ID}, f.Reports)
	})
	t.Run("stages, letters, reports and errors are the practice's", func(t *testing.T) {
		got := read(t, db.EvidenceFilter{Practice: p})
		require.NotNil(t, got.Approval)
		require.NotEmpty(t, got.Moves)
		for _, e := range got.Moves {
			require.Equal(t, p, e.Practice)
		}
		require.Len(t, got.Notices, 1)
		require.Len(t, got.Reports, 1)
		require.Equal(t, []int{3, 1}, []int{got.Reports[0].Items, got.Reports[0].Refused})
		require.Len(t, got.Errors, 1)
		require.Equal(t, "IMR-111", got.Errors[0].Code)
		require.Equal(t, 1, got.Errors[0].Open())
		require.Empty(t, read(t, db.EvidenceFilter{Practice: other}).Reports, "no report spoke of it")
	})
	t.Run("what is outside the time is left out, but not the approval", func(t *testing.T) {
		got := read(t, db.EvidenceFilter{Practice: p, From: monday.AddDate(1, 0, 0)})
		require.Empty(t, got.Files)
		require.Empty(t, got.Moves)
		require.Empty(t, got.Notices)
		require.Empty(t, got.Errors)
		require.NotNil(t, got.Approval)
		require.Empty(t, read(t, db.EvidenceFilter{Practice: p, To: monday}).Notices, "the end is outside")
	})
	t.Run("a practice that is not there is missing", func(t *testing.T) {
		_, err := b.Evidence(t.Context(), db.EvidenceFilter{Practice: "nobody"})
		require.Equal(t, registry.Missing, registry.KindOf(err))
	})
}
