package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// The email came before the review: it opens nothing, and is not lost.
func TestEarlyApproval(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.practice(t, "a", registry.PhaseTesting)
	b.practice(t, "b", registry.PhaseTesting)
	first := registry.Approval{Practice: "a", ApprovedBy: "DSHS", EmailDate: "2026-03-31"}
	whole := first
	whole.MessageID, whole.EvidenceID = "<1@dshs.example>", "sha256/aa"

	t.Run("there is none before one is kept", func(t *testing.T) {
		_, ok, err := b.EarlyApproval(t.Context(), "a")
		require.NoError(t, err)
		require.False(t, ok)
	})
	t.Run("kept twice it is one event, and its evidence may follow", func(t *testing.T) {
		for range 2 {
			require.NoError(t, b.RecordEarly(t.Context(), "a", first, act("early/1")))
		}
		later := act("early/2")
		later.By = registry.Actor{Name: "Tess Mallow", Via: "cli"}
		require.NoError(t, b.RecordEarly(t.Context(), "a", whole, later))
		got, ok, err := b.EarlyApproval(t.Context(), "a")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, db.Early{Approval: whole, By: maria}, got, "whoever relayed it first did")
		events, err := b.Events(t.Context(), db.EventQuery{Kind: db.KindApprovalEarly})
		require.NoError(t, err)
		require.Len(t, events, 2)
	})
	t.Run("it is that practice's alone, and has opened nothing", func(t *testing.T) {
		_, ok, err := b.EarlyApproval(t.Context(), "b")
		require.NoError(t, err)
		require.False(t, ok)
		_, ok, err = b.Approval(t.Context(), "a")
		require.NoError(t, err)
		require.False(t, ok)
		requireKind(t, registry.Invalid, b.RecordEarly(t.Context(), "b", whole, act("early/3")))
		requireKind(t, registry.Invalid, b.RecordEarly(t.Context(), "a", whole, act("practice-added/a")))
	})
	t.Run("the evidence has it until it is applied, and then the approval", func(t *testing.T) {
		e, err := b.Evidence(t.Context(), db.EvidenceFilter{Practice: "a"})
		require.NoError(t, err)
		require.Nil(t, e.Approval)
		require.Equal(t, whole, e.Early.Approval)
		for i, event := range []registry.PhaseEvent{registry.EventReviewRequested, registry.EventApproved} {
			_, err := b.MovePhase(t.Context(), "a", event, act([]string{"asked", "approved"}[i]), &whole)
			require.NoError(t, err)
		}
		_, ok, err := b.EarlyApproval(t.Context(), "a")
		require.NoError(t, err)
		require.False(t, ok)
		e, err = b.Evidence(t.Context(), db.EvidenceFilter{Practice: "a"})
		require.NoError(t, err)
		require.Equal(t, &whole, e.Approval)
		require.Nil(t, e.Early)
	})
}
