package db_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func (b *bundle) act(key, reason string) db.Act {
	return db.Act{Key: key, By: registry.Actor{Name: "Ann Grey", Via: "cli"}, At: day0, Reason: reason}
}

// theError is the one error of the practice.
func (b *bundle) theError(t *testing.T) db.RecordError {
	t.Helper()
	all := b.errors(t, db.ErrorFilter{State: db.AllErrors})
	require.Len(t, all, 1)
	return all[0]
}

func TestLifeOfAnError(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
	b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}))
	id := b.theError(t).ID

	t.Run("somebody takes it in hand", func(t *testing.T) {
		require.NoError(t, b.AssignError(ctx, id, "Tess", registry.OwnerVendor, b.act("k1", "")))
		require.NoError(t, b.AssignError(ctx, id, "Tess", registry.OwnerVendor, b.act("k1", "")), "again")
		e := b.theError(t)
		require.Equal(t, registry.ErrorAssigned, e.State)
		require.Equal(t, "Tess", e.Assignee)
		require.Equal(t, registry.OwnerVendor, e.Owner)
	})
	t.Run("a later file with the record is a claim", func(t *testing.T) {
		fix := b.sent(t, p, registry.LaneProduction, "b", day0.AddDate(0, 0, 1), msg("2", "plano", "x"))
		e := b.theError(t)
		require.Equal(t, registry.ErrorFixSent, e.State)
		require.Equal(t, fix.FileID, e.FixFile)
		require.False(t, e.State.Settled())
	})
	t.Run("the report proves it", func(t *testing.T) {
		_, got := b.imported(t, "2", day0.AddDate(0, 0, 2), says([2]string{"2", ""}))
		require.Equal(t, 1, got.Verified)
		require.Equal(t, registry.ErrorVerified, b.theError(t).State)
	})
	t.Run("it comes back with the age that it had, to whom it was", func(t *testing.T) {
		before := b.theError(t)
		b.sent(t, p, registry.LaneProduction, "c", day0.AddDate(0, 0, 3), msg("3", "plano", "x"))
		_, got := b.imported(t, "3", day0.AddDate(0, 0, 4), says([2]string{"3", "IMR-111"}))
		require.Equal(t, 1, got.Opened)
		e := b.theError(t)
		require.Equal(t, before.OpenedAt, e.OpenedAt)
		require.Equal(t, 1, e.Reopened)
		require.Equal(t, registry.ErrorAssigned, e.State)
		require.True(t, e.DueAt.After(before.DueAt), "with a new term")
	})
	t.Run("a person mends it at the registry, and says how", func(t *testing.T) {
		requireKind(t, registry.Invalid, b.CorrectError(ctx, id, b.act("k2", " ")))
		require.NoError(t, b.CorrectError(ctx, id, b.act("k3", "consent entered in ImmTrac2")))
		require.NoError(t, b.CorrectError(ctx, id, b.act("k3", "consent entered in ImmTrac2")), "again")
		require.Equal(t, registry.ErrorCorrected, b.theError(t).State)
		requireKind(t, registry.NotAllowed, b.WaiveError(ctx, id, b.act("k4", "never mind")))
		requireKind(t, registry.NotAllowed, b.AssignError(ctx, id, "Tess", "", b.act("k5", "")))
	})
	t.Run("and the report knows better", func(t *testing.T) {
		b.imported(t, "4", day0.AddDate(0, 0, 6), says([2]string{"3", "IMR-111"}))
		e := b.theError(t)
		require.Equal(t, registry.ErrorAssigned, e.State)
		require.Equal(t, 2, e.Reopened)
		require.Empty(t, e.Reason)
	})
	t.Run("nothing of it is lost to the audit", func(t *testing.T) {
		require.Equal(t, 2, b.count(t, `select count(*) from events where kind in ('error-assigned', 'error-corrected')`))
	})
}

func TestRepeatsInOneReportAreOneError(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
	items := says([2]string{"1", "IMR-111"}, [2]string{"1", "IMR-111"}, [2]string{"1", "IMR-111"})
	_, got := b.imported(t, "1", day0, items)
	require.Equal(t, 1, got.Opened)
	require.Equal(t, 3, b.theError(t).Times)
}

func TestCountersAgreeWithWhatTheyCount(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	msgs, pairs := controls("a", 30)
	for i := range pairs {
		pairs[i][1] = []string{"IMR-111", "MER-001", "CLR-100"}[i%3]
		if i%2 == 0 {
			msgs[i].site = "allen"
		}
	}
	b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
	b.imported(t, "1", day0, says(pairs...))
	b.imported(t, "2", day0, says(pairs[:10]...))
	all := b.errors(t, db.ErrorFilter{})
	require.NoError(t, b.WaiveError(ctx, all[0].ID, b.act("w", "no")))
	require.NoError(t, b.AssignError(ctx, all[1].ID, "Tess", registry.OwnerNobody, b.act("a", "")))
	require.NoError(t, b.CorrectError(ctx, all[2].ID, b.act("c", "entered")))
	b.imported(t, "3", day0, says([2]string{"a-7", ""}, [2]string{"a-8", ""}))
	require.Zero(t, b.count(t, `
		select count(*) from (
			select practice, site, code, owner, state, count(*) as errors, sum(times) as times from errors
			group by practice, site, code, owner, state) is_so
		full join (select * from error_counts where errors > 0) said using (practice, site, code, owner, state)
		where is_so.errors is distinct from said.errors or is_so.times is distinct from said.times`))
	ends, err := b.ErrorEnds(ctx, p)
	require.NoError(t, err)
	require.Equal(t, map[registry.ErrorState]int{
		registry.ErrorOpen: 25, registry.ErrorAssigned: 1, registry.ErrorWaived: 1, registry.ErrorCorrected: 1, registry.ErrorVerified: 2,
	}, ends, fmt.Sprint(ends))
}
