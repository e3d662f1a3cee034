package db_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// lost is a file of which nobody can tell whether it arrived.
func (b *bundle) lost(t *testing.T, practice, c, name string, msgs ...sentMessage) db.Delivery {
	t.Helper()
	n := newDelivery(practice, b.checked(t, practice, registry.LaneProduction, c, day0, msgs...), registry.LaneProduction, 1, c)
	n.Messages = len(msgs)
	if name != "" {
		n.Name = func(int64) (string, error) { return name, nil }
	}
	d := b.brought(t, n, db.DeliveryUploaded)
	require.NoError(t, b.DeliveryLost(t.Context(), practice, d.ID))
	return d
}

func TestReportsProveDeliveries(t *testing.T) {
	t.Parallel()
	day := day0.AddDate(0, 0, 3)
	// proof is the report that proves the delivery, asked for twice.
	proof := func(t *testing.T, b *bundle, d db.Delivery) string {
		t.Helper()
		got, first, err := b.ConfirmByReports(t.Context(), d.Practice, d.ID, day)
		require.NoError(t, err)
		again, second, err := b.ConfirmByReports(t.Context(), d.Practice, d.ID, day.AddDate(0, 0, 1))
		require.NoError(t, err)
		require.Equal(t, first, second)
		require.Equal(t, got, again)
		now, err := b.Delivery(t.Context(), d.Practice, d.ID)
		require.NoError(t, err)
		if first == "" {
			require.Equal(t, db.DeliveryUnknown, now.State)
			return ""
		}
		require.Equal(t, db.DeliveryConfirmed, now.State)
		require.Equal(t, registry.ConfirmedByReport, now.ConfirmedHow)
		require.Equal(t, day, now.ConfirmedAt.UTC())
		evidence, err := b.DeliveryEvidence(t.Context(), d.Practice, d.ID)
		require.NoError(t, err)
		want, err := json.Marshal(map[string]string{"report": first})
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(evidence))
		return first
	}

	t.Run("an answer to a message that went in no other file", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		msgs, pairs := controls("a", 2)
		d := b.lost(t, p, "a", "", msgs...)
		require.Empty(t, proof(t, b, d), "nothing was said yet")
		r := b.answered(t, b.report(t, "1", "dqa.txt"), says(pairs[1]))
		require.Equal(t, r.ID, proof(t, b, d))
		first, err := b.FirstProduction(t.Context(), p)
		require.NoError(t, err)
		require.True(t, first)
	})
	t.Run("not an answer that another file may have had", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		msgs, pairs := controls("a", 2)
		b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
		d := b.lost(t, p, "b", "", msgs...) // the same messages, mended, sent again
		b.answered(t, b.report(t, "1", "dqa.txt"), says(pairs...))
		require.Empty(t, proof(t, b, d))
	})
	t.Run("not that a report of its day does not object to it", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		msgs, _ := controls("a", 2)
		d := b.lost(t, p, "a", "", msgs...)
		b.answered(t, b.report(t, "1", "bad.txt"), nil, db.ReportTerms{Practice: p, BadOnly: true, From: day0.AddDate(0, 0, -1), To: day})
		require.Equal(t, 2, b.answer(t, d).NotObjected)
		require.Empty(t, proof(t, b, d))
	})
	for name, is := range map[string]bool{
		"SUNR_000012_DQA.txt": true, "DQA SUNR_000012.HL7.txt": true, "SUNR_000012.txt": true,
		"SUNR_0000123_DQA.txt": false,
	} {
		t.Run("a report called "+name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			p := b.live(t, "sunrise-plano")
			msgs, _ := controls("a", 2)
			d := b.lost(t, p, "a", "SUNR_000012.HL7", msgs...)
			r := b.answered(t, b.report(t, "1", name), nil)
			if is {
				require.Equal(t, r.ID, proof(t, b, d))
			} else {
				require.Empty(t, proof(t, b, d))
			}
		})
	}
	t.Run("a line that names the file", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		msgs, _ := controls("a", 2)
		b.sent(t, p, registry.LaneProduction, "b", day0, msgs...)
		d := b.lost(t, p, "a", "SUNR_000012.HL7", msgs...)
		r := b.answered(t, b.report(t, "1", "dqa.txt"), []registry.ReportItem{{
			Ordinal: 1, File: d.RemoteName, Position: 2, Code: "IMR-111", Outcome: registry.OutcomeDoseRejected,
		}}, db.ReportTerms{Practice: p})
		require.Equal(t, r.ID, proof(t, b, d))
	})
}
