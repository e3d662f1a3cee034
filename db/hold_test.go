package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestHold(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.practice(t, "a", registry.PhaseProduction)
	h := db.Hold{
		ID: "h-1", Practice: "a", WorkflowID: "file/f-1", Reason: registry.HoldDeliveryUnknown,
		What: "upload of X.HL7", Words: "the server said so", OpenedAt: day0,
	}

	t.Run("opening it again changes nothing", func(t *testing.T) {
		require.NoError(t, b.OpenHold(ctx, h))
		again := h
		again.What = "something else"
		require.NoError(t, b.OpenHold(ctx, again))
		all, err := b.Holds(ctx, "a", true)
		require.NoError(t, err)
		require.Equal(t, []db.Hold{h}, all)
	})

	t.Run("another workflow's is not taken for it: nobody would be shown the second", func(t *testing.T) {
		other := h
		other.WorkflowID = "file/f-2"
		requireKind(t, registry.Invalid, b.OpenHold(ctx, other))
	})

	t.Run("it ends only as its reason allows", func(t *testing.T) {
		requireKind(t, registry.NotAllowed, b.CloseHold(ctx, "h-1", registry.ActionContinue, act("")))
		requireKind(t, registry.Missing, b.CloseHold(ctx, "h-9", registry.ActionRetry, act("")))
	})

	t.Run("the first decision stays", func(t *testing.T) {
		require.NoError(t, b.CloseHold(ctx, "h-1", registry.ActionArrived, act("")))
		require.NoError(t, b.CloseHold(ctx, "h-1", registry.ActionDrop, act("")))
		got, err := b.Hold(ctx, "h-1")
		require.NoError(t, err)
		require.Equal(t, registry.ActionArrived, got.Action)
		require.Equal(t, maria.Name, got.ClosedBy)
		open, err := b.Holds(ctx, "", true)
		require.NoError(t, err)
		require.Empty(t, open)
		events, err := b.Events(ctx, db.EventQuery{Kind: "hold-closed"})
		require.NoError(t, err)
		require.Len(t, events, 1)
	})

	t.Run("what a withdrawn practice waited for is not open any more, and still on record", func(t *testing.T) {
		b.practice(t, "gone", registry.PhaseTesting)
		require.NoError(t, b.OpenHold(ctx, db.Hold{ID: "h-3", Practice: "gone", WorkflowID: "onboarding/gone", Reason: registry.HoldSystem, OpenedAt: day0}))
		open, err := b.Holds(ctx, "gone", true)
		require.NoError(t, err)
		require.Len(t, open, 1)
		_, err = b.MovePhase(ctx, "gone", registry.EventWithdrawn, act("gone"), nil)
		require.NoError(t, err)
		open, err = b.Holds(ctx, "gone", true)
		require.NoError(t, err)
		require.Empty(t, open)
		all, err := b.Holds(ctx, "gone", false)
		require.NoError(t, err)
		require.Len(t, all, 1)
	})

	t.Run("a hold may concern no practice", func(t *testing.T) {
		require.NoError(t, b.OpenHold(ctx, db.Hold{ID: "h-2", WorkflowID: "reports/texas", Reason: registry.HoldReport, OpenedAt: day0}))
		open, err := b.Holds(ctx, "", true)
		require.NoError(t, err)
		require.Len(t, open, 1)
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.practice(t, "a", registry.PhaseTesting)
	line := db.Progress{
		Practice: "a", Source: "onboarding", Stage: "testing: 1 of 3", Next: "send", Whose: "EHR vendor",
		Since: day0, Move: "call", Attention: true, At: day0,
	}
	require.NoError(t, b.RecordProgress(ctx, line))

	t.Run("the same source replaces its line", func(t *testing.T) {
		line.Stage, line.Attention, line.Due, line.At = "testing: 2 of 3", false, day0.AddDate(0, 0, 3), day0.Add(time.Hour)
		require.NoError(t, b.RecordProgress(ctx, line))
		got, err := b.ProgressLines(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, []db.Progress{line}, got)
	})

	t.Run("a line that comes late does not overwrite a newer one", func(t *testing.T) {
		late := line
		late.Stage, late.At = "old news", day0
		require.NoError(t, b.RecordProgress(ctx, late))
		got, err := b.ProgressLines(ctx, "")
		require.NoError(t, err)
		require.Equal(t, []db.Progress{line}, got)
	})

	t.Run("another source has a line of its own, attention first", func(t *testing.T) {
		require.NoError(t, b.RecordProgress(ctx, db.Progress{Practice: "a", Source: "watch", Attention: true, At: day0}))
		got, err := b.ProgressLines(ctx, "a")
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.Equal(t, "watch", got[0].Source)
		require.Zero(t, got[0].Since)
	})
}

func TestRecordAct(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.practice(t, "a", registry.PhaseTesting)
	require.NoError(t, b.RecordAct(ctx, "a", "plano", "attested-nothing-to-send", act("k1")))
	require.NoError(t, b.RecordAct(ctx, "a", "plano", "attested-nothing-to-send", act("k1")))
	requireKind(t, registry.Invalid, b.RecordAct(ctx, "a", "", "something-else", act("k1")))

	events, err := b.Events(ctx, db.EventQuery{Practice: "a", Max: 2})
	require.NoError(t, err)
	require.Len(t, events, 2, "the act, and that the practice was added")
	require.Equal(t, "attested-nothing-to-send", events[0].Kind)
	require.Equal(t, "plano", events[0].Site)
	older, err := b.Events(ctx, db.EventQuery{Practice: "a", Before: events[0].ID})
	require.NoError(t, err)
	require.Equal(t, "practice-added", older[0].Kind)
}
