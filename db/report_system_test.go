package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// from makes a message of a sending system.
func from(app, facility, control, dose string) sentMessage {
	return sentMessage{control: control, site: "plano", doses: []string{dose}, app: app, facility: facility}
}

// addressed is an acknowledgement of a message, to a system.
func addressed(ordinal int, app, facility, control, code string) registry.ReportItem {
	item := registry.ReportItem{
		Ordinal: ordinal, ControlID: control, ToApp: app, ToFacility: facility, Code: code,
		Family: registry.FamilyOf(code), Outcome: registry.OutcomeAccepted,
	}
	if code != "" {
		item.Outcome = item.Family.Outcome()
	}
	return item
}

func TestTwoSystemsUseTheSameControlIDs(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	old := b.sent(t, p, registry.LaneProduction, "a", day0, from("EPIC", "PL1", "100", "x"), from("EPIC", "PL1", "101", "y"))
	young := b.sent(t, p, registry.LaneProduction, "b", day0.AddDate(0, 0, 1), from("ATHENA", "AL1", "100", "v"), from("ATHENA", "AL1", "101", "w"))
	answer := func(file string, message int) string {
		var out string
		require.NoError(t, b.sql.QueryRow(ctx, `select coalesce(answer, '') from answered where file_id = $1 and ordinal = $2`, file, message).Scan(&out))
		return out
	}

	t.Run("each answer goes to the system that it is addressed to", func(t *testing.T) {
		r, _ := b.imported(t, "1", day0, []registry.ReportItem{
			addressed(1, "EPIC", "PL1", "100", "IMR-111"), addressed(2, "ATHENA", "", "100", ""), addressed(3, "", "PL1", "101", ""),
		})
		require.Zero(t, r.Unmatched)
		require.Equal(t, "dose-rejected", answer(old.FileID, 1))
		require.Equal(t, "accepted", answer(young.FileID, 1))
		require.Equal(t, "accepted", answer(old.FileID, 2))
		require.Empty(t, answer(young.FileID, 2))
	})
	t.Run("without a system, or in words that no system of ours uses, the file that was sent last is answered", func(t *testing.T) {
		b.imported(t, "2", day0, []registry.ReportItem{addressed(1, "", "", "101", "IMR-111")})
		require.Equal(t, "dose-rejected", answer(young.FileID, 2))
		b.imported(t, "3", day0, []registry.ReportItem{addressed(1, "GATEWAY", "TEXIIS", "101", "")})
		require.Equal(t, "accepted", answer(young.FileID, 2))
		require.Equal(t, "accepted", answer(old.FileID, 2))
	})
	t.Run("the organization's own code names all of its systems", func(t *testing.T) {
		r, _ := b.imported(t, "4", day0, []registry.ReportItem{addressed(1, "", orgCode(p), "100", "MER-001")})
		require.Zero(t, r.Unmatched)
		require.Equal(t, "message-rejected", answer(young.FileID, 1))
	})
	t.Run("what is addressed to another organization is kept and shown as unmatched", func(t *testing.T) {
		q := b.live(t, "hill-country")
		r, got := b.imported(t, "5", day0, []registry.ReportItem{addressed(1, "EPIC", orgCode(q), "100", "MER-001")})
		require.Equal(t, 1, r.Unmatched)
		require.Zero(t, got.Opened)
		items, err := b.ReportItems(ctx, r.ID, 0, 10)
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.Empty(t, items[0].FileID)
		require.Equal(t, "EPIC", items[0].ToApp)
		require.Equal(t, orgCode(q), items[0].ToFacility)
	})
	t.Run("a control ID that one file has twice answers both of its messages", func(t *testing.T) {
		twin := b.sent(t, p, registry.LaneProduction, "c", day0, from("EPIC", "PL1", "7", "m"), from("EPIC", "PL1", "7", "n"), from("OTHER", "PL1", "7", "o"))
		r, _ := b.imported(t, "6", day0, []registry.ReportItem{addressed(1, "EPIC", "PL1", "7", "IMR-111")})
		require.Zero(t, r.Unmatched)
		require.Equal(t, "dose-rejected", answer(twin.FileID, 1))
		require.Equal(t, "dose-rejected", answer(twin.FileID, 2))
		require.Empty(t, answer(twin.FileID, 3))
		errs, err := b.ListErrors(ctx, db.ErrorFilter{FileID: twin.FileID})
		require.NoError(t, err)
		require.Len(t, errs, 1, "the report has one item")
	})
}
