package db_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// brought prepares a delivery and takes it to a state by the store's own methods.
func (b *bundle) brought(t *testing.T, n db.NewDelivery, state db.DeliveryState) db.Delivery {
	t.Helper()
	ctx := t.Context()
	d, already, err := b.PrepareDelivery(ctx, n)
	require.NoError(t, err)
	require.False(t, already)
	steps := []struct {
		to db.DeliveryState
		do func() error
	}{
		{db.DeliveryUploading, func() error { _, err := b.BeginUpload(ctx, n.Practice, d.ID); return err }},
		{db.DeliveryUploaded, func() error { return b.AboutToPublish(ctx, n.Practice, d.ID) }},
		{db.DeliveryRenamed, func() error { return b.Published(ctx, n.Practice, d.ID, day0) }},
		{db.DeliveryConfirmed, func() error {
			_, err := b.Confirm(ctx, n.Practice, d.ID, registry.ConfirmedByStat, registry.System, day0)
			return err
		}},
	}
	for _, s := range steps {
		if d.State == state {
			break
		}
		require.NoError(t, s.do())
		d, err = b.Delivery(ctx, n.Practice, d.ID)
		require.NoError(t, err)
		require.Equal(t, s.to, d.State)
	}
	return d
}

func TestPrepareDelivery(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	t.Run("no file of a lane before its phase, in every pair", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		for _, phase := range registry.Phases() {
			id := "p-" + string(phase[:2])
			b.practice(t, id, phase)
			for i, lane := range registry.Lanes() {
				c := string(rune('a' + i))
				f := b.file(t, id, lane, c)
				_, _, err := b.PrepareDelivery(ctx, newDelivery(id, f, lane, 1, c))
				if lane.OpenIn(phase) {
					require.NoError(t, err, "%s in %s", lane, phase)
				} else {
					requireKind(t, registry.NotAllowed, err)
				}
			}
		}
	})

	t.Run("the same attempt is the same delivery under the same name", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		f := b.file(t, "a", registry.LaneProduction, "a")
		first := b.brought(t, newDelivery("a", f, registry.LaneProduction, 1, "a"), db.DeliveryConfirmed)
		again, already, err := b.PrepareDelivery(ctx, newDelivery("a", f, registry.LaneProduction, 1, "a"))
		require.NoError(t, err)
		require.False(t, already)
		require.Equal(t, first, again)
		found, ok, err := b.FindDelivery(ctx, f.ID, 1)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, first, found)
	})

	t.Run("content that was delivered is not sent again, from whatever file", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		f, g := b.file(t, "a", registry.LaneProduction, "a"), b.file(t, "a", registry.LaneProduction, "b")
		first := b.brought(t, newDelivery("a", f, registry.LaneProduction, 1, "c"), db.DeliveryRenamed)
		_, _, err := b.PrepareDelivery(ctx, newDelivery("a", g, registry.LaneProduction, 1, "c"))
		requireKind(t, registry.Transient, err) // on its way: nobody knows yet
		_, err = b.Confirm(ctx, "a", first.ID, registry.ConfirmedSwept, registry.System, day0)
		require.NoError(t, err)
		other, already, err := b.PrepareDelivery(ctx, newDelivery("a", g, registry.LaneProduction, 1, "c"))
		require.NoError(t, err)
		require.True(t, already)
		require.Equal(t, first.ID, other.ID)
	})

	t.Run("another attempt only after the first was given up", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		f := b.file(t, "a", registry.LaneProduction, "a")
		first := b.brought(t, newDelivery("a", f, registry.LaneProduction, 1, "a"), db.DeliveryUploaded)
		_, _, err := b.PrepareDelivery(ctx, newDelivery("a", f, registry.LaneProduction, 2, "a"))
		requireKind(t, registry.NotAllowed, err)
		require.NoError(t, b.Abandon(ctx, "a", first.ID, registry.ActionResend, act("")))
		require.NoError(t, b.Abandon(ctx, "a", first.ID, registry.ActionResend, act("")))
		second, _, err := b.PrepareDelivery(ctx, newDelivery("a", f, registry.LaneProduction, 2, "a"))
		require.NoError(t, err)
		require.NotEqual(t, first.RemoteName, second.RemoteName)
		_, err = b.BeginUpload(ctx, "a", first.ID)
		requireKind(t, registry.NotAllowed, err)
	})

	t.Run("two writers with the same content: one delivery", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			f := b.file(t, "a", registry.LaneProduction, string(rune('0'+i)))
			wg.Go(func() { _, _, errs[i] = b.PrepareDelivery(ctx, newDelivery("a", f, registry.LaneProduction, 1, "c")) })
		}
		wg.Wait()
		prepared := 0
		for _, err := range errs {
			if err == nil {
				prepared++
			} else {
				requireKind(t, registry.Transient, err)
			}
		}
		require.Equal(t, 1, prepared)
	})

	t.Run("a name that cannot be made keeps its kind and prepares nothing", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		n := newDelivery("a", b.file(t, "a", registry.LaneProduction, "a"), registry.LaneProduction, 1, "a")
		n.Name = func(int64) (string, error) { return "", registry.CheckRemoteName("../x") }
		_, _, err := b.PrepareDelivery(ctx, n)
		requireKind(t, registry.Invalid, err)
		_, ok, err := b.FindDelivery(ctx, n.FileID, 1)
		require.NoError(t, err)
		require.False(t, ok)
	})
}

func TestDeliveryMoves(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	t.Run("a practice that left production sends nothing more, and what was sent is recorded", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		f, g := b.file(t, "a", registry.LaneProduction, "a"), b.file(t, "a", registry.LaneProduction, "b")
		waiting := b.brought(t, newDelivery("a", f, registry.LaneProduction, 1, "a"), db.DeliveryPrepared)
		onItsWay := b.brought(t, newDelivery("a", g, registry.LaneProduction, 1, "b"), db.DeliveryUploaded)
		b.move(t, registry.EventWithdrawn, "k")
		_, err := b.BeginUpload(ctx, "a", waiting.ID)
		requireKind(t, registry.NotAllowed, err)
		require.NoError(t, b.Published(ctx, "a", onItsWay.ID, day0))
		_, err = b.Confirm(ctx, "a", onItsWay.ID, registry.ConfirmedByStat, registry.System, day0)
		require.NoError(t, err)
		_, err = b.BeginUpload(ctx, "a", onItsWay.ID)
		require.NoError(t, err, "a repeat finds that nothing is left to do")
	})

	t.Run("a repeat that comes late takes nothing back", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		f := b.file(t, "a", registry.LaneProduction, "a")
		d := b.brought(t, newDelivery("a", f, registry.LaneProduction, 1, "a"), db.DeliveryConfirmed)
		require.NoError(t, b.AboutToPublish(ctx, "a", d.ID))
		require.NoError(t, b.NotPublished(ctx, "a", d.ID))
		require.NoError(t, b.DeliveryLost(ctx, "a", d.ID))
		require.NoError(t, b.Published(ctx, "a", d.ID, day0.AddDate(1, 0, 0)))
		requireKind(t, registry.NotAllowed, b.Abandon(ctx, "a", d.ID, registry.ActionDrop, act("")))
		before, err := b.BeginUpload(ctx, "a", d.ID)
		require.NoError(t, err)
		require.Equal(t, d, before)
		again, err := b.Confirm(ctx, "a", d.ID, registry.ConfirmedSwept, registry.System, day0.AddDate(1, 0, 0))
		require.NoError(t, err)
		require.Equal(t, d, again, "what was seen first stays")
	})

	t.Run("of several production files one is the first, for ever", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		none, err := b.FirstProduction(ctx, "a")
		require.NoError(t, err)
		require.False(t, none)
		old := b.brought(t, newDelivery("a", b.file(t, "a", registry.LaneHistorical, "9"), registry.LaneHistorical, 1, "9"), db.DeliveryConfirmed)
		require.False(t, old.First, "a historical part is no production file")
		var wg sync.WaitGroup
		first := make([]bool, 5)
		errs := make([]error, 5)
		for i := range first {
			c := string(rune('a' + i))
			f := b.file(t, "a", registry.LaneProduction, c)
			d := b.brought(t, newDelivery("a", f, registry.LaneProduction, 1, c), db.DeliveryRenamed)
			wg.Go(func() {
				var got db.Delivery
				got, errs[i] = b.Confirm(ctx, "a", d.ID, registry.ConfirmedByStat, registry.System, day0)
				first[i] = got.First
			})
		}
		wg.Wait()
		n := 0
		for i := range first {
			require.NoError(t, errs[i])
			if first[i] {
				n++
			}
		}
		require.Equal(t, 1, n)
		some, err := b.FirstProduction(ctx, "a")
		require.NoError(t, err)
		require.True(t, some)
	})

	t.Run("an unknown delivery ends by a person's word", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		f := b.file(t, "a", registry.LaneProduction, "a")
		d := b.brought(t, newDelivery("a", f, registry.LaneProduction, 1, "a"), db.DeliveryUploaded)
		require.NoError(t, b.DeliveryLost(ctx, "a", d.ID))
		before, err := b.BeginUpload(ctx, "a", d.ID)
		require.NoError(t, err)
		require.Equal(t, db.DeliveryUnknown, before.State, "another look does not forget")
		d, err = b.Confirm(ctx, "a", d.ID, registry.ConfirmedByPerson, maria, day0)
		require.NoError(t, err)
		require.Equal(t, maria.Name, d.ConfirmedBy)
		require.Nil(t, d.SentAt)
	})

	t.Run("what was seen is kept with its delivery, once, and found by any of its names", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		f := b.file(t, "a", registry.LaneProduction, "a")
		d := b.brought(t, newDelivery("a", f, registry.LaneProduction, 1, "a"), db.DeliveryRenamed)
		before, err := b.DeliveryEvidence(ctx, "a", d.ID)
		require.NoError(t, err)
		require.Nil(t, before)
		for _, size := range []int{10, 11} { // the second look comes too late
			_, err = b.ConfirmProven(ctx, "a", d.ID, db.Proof{
				How: registry.ConfirmedByStat, By: registry.System, At: day0, Evidence: map[string]int{"size": size},
			})
			require.NoError(t, err)
		}
		seen, err := b.DeliveryEvidence(ctx, "a", d.ID)
		require.NoError(t, err)
		require.JSONEq(t, `{"size":10}`, string(seen))
		for _, what := range []string{d.ID, d.RemoteName, d.FileID} {
			found, err := b.FindDeliveries(ctx, what)
			require.NoError(t, err)
			require.Len(t, found, 1)
			require.Equal(t, d.ID, found[0].ID)
		}
		g := b.file(t, "a", registry.LaneProduction, "b")
		byWord := b.brought(t, newDelivery("a", g, registry.LaneProduction, 1, "b"), db.DeliveryUploaded)
		_, err = b.Confirm(ctx, "a", byWord.ID, registry.ConfirmedByPerson, maria, day0)
		require.NoError(t, err)
		none, err := b.DeliveryEvidence(ctx, "a", byWord.ID)
		require.NoError(t, err)
		require.Nil(t, none)
	})

	t.Run("another practice's delivery is missing", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		b.practice(t, "b", registry.PhaseProduction)
		d := b.brought(t, newDelivery("a", b.file(t, "a", registry.LaneProduction, "a"), registry.LaneProduction, 1, "a"), db.DeliveryPrepared)
		_, err := b.Delivery(ctx, "b", d.ID)
		requireKind(t, registry.Missing, err)
		_, err = b.BeginUpload(ctx, "b", d.ID)
		requireKind(t, registry.Missing, err)
	})
}
