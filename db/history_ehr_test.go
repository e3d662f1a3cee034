package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestHistoryEHRs(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	yes, at := true, day0
	asked := db.HistoryEHR{
		EHR: "OldChart", Vendor: "OldChart Inc.", From: "2012-01-01", To: "2019-06-30",
		Contact: "support@oldchart.example", Files: "oldchart*", AskedAt: &at,
	}
	answered := asked
	answered.Can, answered.Since, answered.Form, answered.AnsweredBy, answered.AnsweredAt = &yes, "2012-01-01", "zip", "Ana", &at
	for range 2 { // again changes nothing
		require.NoError(t, b.RecordHistoryEHR(ctx, p, "history-asked", asked, act("asked")))
		require.NoError(t, b.RecordHistoryEHR(ctx, p, "history-answered", answered, act("answered")))
	}
	require.NoError(t, b.RecordHistoryEHR(ctx, p, "history-asked", asked, act("asked-2")), "an answer stays")
	require.NoError(t, b.RecordHistoryEHR(ctx, p, "history-asked", db.HistoryEHR{AskedAt: &at}, act("present")))

	all, err := b.HistoryEHRs(ctx, p)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Empty(t, all[0].EHR, "the present one first")
	require.Nil(t, all[0].Can)
	require.Equal(t, "support@oldchart.example", all[1].Contact)
	require.True(t, *all[1].Can)
	require.Equal(t, []string{"2012-01-01", "zip", "Ana"}, []string{all[1].Since, all[1].Form, all[1].AnsweredBy})
	known, err := b.Evidence(ctx, db.EvidenceFilter{Practice: p})
	require.NoError(t, err)
	require.Equal(t, all, known.EHRs, "it is evidence")

	t.Run("a control ID stands for one message of an EHR, and for another of another", func(t *testing.T) {
		one := b.checked(t, p, registry.LaneHistorical, "a", day0, sentMessage{control: "1"}, sentMessage{control: "2"})
		two := b.checked(t, p, registry.LaneHistorical, "b", day0, sentMessage{control: "2"}, sentMessage{control: "3"})
		three := b.checked(t, p, registry.LaneHistorical, "c", day0, sentMessage{control: "1"})
		_, err := b.sql.Exec(ctx, `update messages set content_key = sha256(convert_to(file_id, 'UTF8')) where control_id <> '3'`)
		require.NoError(t, err)
		counts, err := b.CountHistoryEHRs(ctx, ids(one, two, three), []string{"", "", "OldChart"})
		require.NoError(t, err)
		require.Equal(t, []db.EHRCount{{Files: 2, Messages: 4, Twice: 1}, {EHR: "OldChart", Files: 1, Messages: 1}}, counts)
	})
}
