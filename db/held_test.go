package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// left is a message that was left out.
func left(control string, doses ...string) sentMessage {
	m := msg(control, "plano", doses...)
	m.held = true
	return m
}

func TestAHeldTestPatientIsReplacedByTheOneWithAName(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	held := func(control, chart string) sentMessage {
		return sentMessage{control: control, chart: chart, doses: []string{"test patient " + control}, held: true}
	}
	d := b.sent(t, p, registry.LaneProduction, "a", day0, msg("m-0", "plano", "x"), held("m-1", "4711"), held("m-2", "4712"))
	// Under their names they have other records. m-2 is another child by now.
	b.sent(t, p, registry.LaneProduction, "b", day0,
		sentMessage{control: "m-1", chart: "4711", doses: []string{"Ann"}}, sentMessage{control: "m-2", chart: "4799", doses: []string{"Bob"}})
	open, err := b.HeldMessages(t.Context(), db.HeldFilter{File: d.FileID})
	require.NoError(t, err)
	require.Len(t, open, 1)
	require.Equal(t, 3, open[0].Message, "a control ID that stands for somebody else replaces nobody")
}

func TestHeldMessages(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	d := b.sent(t, p, registry.LaneProduction, "a", day0,
		msg("m-1", "plano", "x1"), left("m-2", "x2"), left("m-3", "x3"), left("m-4", "x4", "x4b"), left("m-5"), left("m-6", "x6"))
	file := d.FileID
	because := func(key string) db.Act {
		a := act(key)
		a.Reason = "the practice says so"
		return a
	}
	states := func() map[int]db.HeldState {
		found, err := b.HeldMessages(ctx, db.HeldFilter{File: file, Ended: true})
		require.NoError(t, err)
		out := map[int]db.HeldState{}
		for _, h := range found {
			out[h.Message] = h.State
		}
		return out
	}
	released := func(c string) db.NewFile {
		return db.NewFile{Digest: digest(c), Size: 10, VaultKey: "sha256/" + c, At: day0}
	}

	t.Run("each that was left out waits, what was sent does not", func(t *testing.T) {
		found, err := b.HeldMessages(ctx, db.HeldFilter{File: file})
		require.NoError(t, err)
		require.Len(t, found, 5)
		require.Equal(t, "plano", found[0].Site)
		require.Equal(t, 2, found[0].Message)
		require.True(t, found[0].Since.Equal(day0))
	})
	t.Run("dropping takes a person, a reason and a message that is held", func(t *testing.T) {
		_, err := b.DropHeld(ctx, file, []int{2}, act("d0"))
		requireKind(t, registry.Invalid, err)
		_, err = b.DropHeld(ctx, file, []int{1}, because("d1"))
		requireKind(t, registry.Missing, err)
		_, err = b.DropHeld(ctx, "f-99", []int{1}, because("d2"))
		requireKind(t, registry.Missing, err)
	})
	t.Run("dropping twice drops once, with one event", func(t *testing.T) {
		for i, want := range []int{1, 0} {
			n, err := b.DropHeld(ctx, file, []int{2}, because("drop"+string(rune('a'+i))))
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		events, err := b.Events(ctx, db.EventQuery{Practice: p, Kind: "held-dropped"})
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, "Maria Ortega", events[0].By.Name)
		require.Equal(t, "the practice says so", events[0].Reason)
	})
	t.Run("releasing twice gives one file, with one event", func(t *testing.T) {
		ref, again, err := b.ReleaseHeld(ctx, file, []int{3}, released("rr"), because("r1"))
		require.NoError(t, err)
		require.False(t, again)
		same, again, err := b.ReleaseHeld(ctx, file, []int{3}, released("rr"), because("r2"))
		require.NoError(t, err)
		require.True(t, again)
		require.Equal(t, ref, same)
		got, err := b.File(ctx, ref.ID)
		require.NoError(t, err)
		require.Equal(t, registry.LaneProduction, got.Lane)
		is, err := b.ReleasedInto(ctx, ref.ID)
		require.NoError(t, err)
		require.True(t, is)
		events, err := b.Events(ctx, db.EventQuery{Practice: p, Kind: "held-released"})
		require.NoError(t, err)
		require.Len(t, events, 1)
	})
	t.Run("what ended one way does not end another", func(t *testing.T) {
		_, _, err := b.ReleaseHeld(ctx, file, []int{2}, released("r2"), because("r3"))
		requireKind(t, registry.NotAllowed, err)
		_, err = b.DropHeld(ctx, file, []int{3}, because("d5"))
		requireKind(t, registry.NotAllowed, err)
		_, _, err = b.ReleaseHeld(ctx, file, []int{3, 6}, released("r36"), because("r4"))
		requireKind(t, registry.NotAllowed, err)
		_, err = b.sql.Exec(ctx, `update held_ends set reason = 'another'`)
		require.Error(t, err, "a decision is kept as it was")
	})
	t.Run("a later message with every dose of it replaces it, one with some does not", func(t *testing.T) {
		later := day0.Add(24 * time.Hour)
		b.checked(t, p, registry.LaneProduction, "nn", later, msg("n-1", "plano", "x6")) // on its way only
		b.sent(t, p, registry.LaneProduction, "b", later, msg("b-1", "plano", "x4"), left("b-2", "x6"))
		require.Equal(t, db.HeldOpen, states()[4])
		require.Equal(t, db.HeldOpen, states()[6], "neither what was not sent nor what was left out again is a correction")
		b.sent(t, p, registry.LaneProduction, "c", later, msg("c-1", "plano", "x4", "x4b"), msg("c-2", "plano", "x2"))
		require.Equal(t, db.HeldReplaced, states()[4])
		require.Equal(t, db.HeldDropped, states()[2], "a person's word stays")
		require.Equal(t, db.HeldOpen, states()[5], "without a dose nothing can be found")
		_, _, err := b.ReleaseHeld(ctx, file, []int{4}, released("r4"), because("r5"))
		requireKind(t, registry.NotAllowed, err)
	})
	t.Run("counts say how many ended how, and stand in the evidence", func(t *testing.T) {
		counts, err := b.HeldCounts(ctx, p)
		require.NoError(t, err)
		require.Len(t, counts, 1)
		evidence, err := b.Evidence(ctx, db.EvidenceFilter{Practice: p})
		require.NoError(t, err)
		for _, c := range []db.HeldCount{counts[0], evidence.Held} {
			require.Equal(t, []int{3, 1, 1, 1}, []int{c.Open, c.Replaced, c.Released, c.Dropped})
			require.True(t, c.Oldest.Equal(day0))
		}
	})
	t.Run("bytes are kept while anything of the file is undecided", func(t *testing.T) {
		later := day0.AddDate(1, 0, 0)
		require.NoError(t, b.SettleFile(ctx, p, file, registry.FileAnswered, day0))
		ids, err := b.Releasable(ctx, p, later, 10)
		require.NoError(t, err)
		require.NotContains(t, ids, file)
		_, err = b.DropHeld(ctx, file, []int{5, 6}, because("d9"))
		require.NoError(t, err)
		ids, err = b.Releasable(ctx, p, later, 10)
		require.NoError(t, err)
		require.Contains(t, ids, file)
	})
	t.Run("test files and other practices' are not listed", func(t *testing.T) {
		other := b.live(t, "lakeside")
		b.sent(t, other, registry.LaneProduction, "oo", day0, left("o-1", "x9"), msg("o-2", "plano"))
		found, err := b.HeldMessages(ctx, db.HeldFilter{Practice: p})
		require.NoError(t, err)
		for _, h := range found {
			require.Equal(t, p, h.Practice)
		}
	})
}
