package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// The registry answers files in any order, and so do collections that overlap.
func TestReportsInAnotherOrder(t *testing.T) {
	t.Parallel()
	next := day0.AddDate(0, 0, 2)

	t.Run("a complaint that comes after the proof of its correction is not left open", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.sent(t, p, registry.LaneProduction, "b", next, msg("9", "plano", "x"))
		proof, _ := b.imported(t, "2", next, says([2]string{"9", ""}))
		_, got := b.imported(t, "1", next, says([2]string{"1", "IMR-111"}))

		require.Equal(t, 1, got.Opened)
		require.Equal(t, 1, got.Verified)
		require.Equal(t, []db.PracticeOpen{{Practice: p, Open: 0}}, got.Open)
		done := b.errors(t, db.ErrorFilter{State: registry.ErrorVerified})
		require.Len(t, done, 1)
		require.Equal(t, proof.ID, done[0].VerifiedBy)
	})

	t.Run("what was taken before the refused file was sent proves nothing", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.imported(t, "1", day0, says([2]string{"1", ""}))
		b.sent(t, p, registry.LaneProduction, "b", next, msg("9", "plano", "x"))
		_, got := b.imported(t, "2", next, says([2]string{"9", "IMR-111"}))

		require.Equal(t, 1, got.Opened)
		require.Zero(t, got.Verified)
	})

	t.Run("another dose proves nothing", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.sent(t, p, registry.LaneProduction, "b", next, msg("9", "plano", "y"))
		b.imported(t, "2", next, says([2]string{"9", ""}))
		_, got := b.imported(t, "1", next, says([2]string{"1", "IMR-111"}))

		require.Zero(t, got.Verified)
	})
}
