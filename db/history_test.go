package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// loaded is a practice whose plan of n parts, two messages each, one of them
// held, waits for approval.
func (b *bundle) planned(t *testing.T, n int) (practice string, parts []registry.FileRef) {
	t.Helper()
	ctx := t.Context()
	practice = b.live(t, "sunrise-plano")
	require.NoError(t, b.SetHistory(ctx, practice, registry.HistoryAsked, nil, act("asked")))
	for i := range n {
		c := string(rune('a' + i))
		parts = append(parts, b.checked(t, practice, registry.LaneHistorical, c, day0,
			msg("1"+c, "plano", "x"+c, "y"+c), sentMessage{control: "2" + c, chart: "47" + c, site: "plano", held: true}))
	}
	_, err := b.SaveHistoryPlan(ctx, plan(practice, "1", parts))
	require.NoError(t, err)
	require.NoError(t, b.SetHistory(ctx, practice, registry.HistoryPlanned, nil, act("planned")))
	return practice, parts
}

func plan(practice, c string, parts []registry.FileRef) db.HistoryPlan {
	p := db.HistoryPlan{Practice: practice, Digest: digest(c), At: day0}
	for _, f := range parts {
		p.Sources = append(p.Sources, f.ID) // each part is a source that was not cut
		p.Parts = append(p.Parts, db.HistoryPart{FileID: f.ID, Messages: 2})
	}
	return p
}

func TestHistoryPlan(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p, parts := b.planned(t, 3)

	t.Run("is counted from the checks of its parts", func(t *testing.T) {
		loads, err := b.HistoryLoads(ctx, p)
		require.NoError(t, err)
		require.Len(t, loads, 1)
		load := loads[0]
		require.Equal(t, 6, load.Came)
		require.Equal(t, 3, load.Parts)
		require.Equal(t, 6, load.Messages)
		require.Equal(t, 6, load.Doses)
		require.Equal(t, 3, load.Held)
		require.EqualValues(t, 30, load.Bytes)
		require.Equal(t, 2000, load.FirstYear)
		require.Equal(t, 2001, load.LastYear)
	})
	t.Run("is not sent before somebody approved exactly it", func(t *testing.T) {
		_, err := b.HistoryParts(ctx, p, 0, 10)
		requireKind(t, registry.NotAllowed, err)
		requireKind(t, registry.NotAllowed, b.ApproveHistory(ctx, p, digest("2"), act("approve")))
		requireKind(t, registry.Invalid, b.ApproveHistory(ctx, p, digest("1"), db.Act{Key: "k", At: day0}))
	})
	t.Run("a changed plan takes its place and needs its own approval", func(t *testing.T) {
		load, err := b.SaveHistoryPlan(ctx, plan(p, "2", parts[:2]))
		require.NoError(t, err)
		require.Equal(t, 2, load.Parts)
		requireKind(t, registry.NotAllowed, b.ApproveHistory(ctx, p, digest("1"), act("approve")))
	})
	t.Run("approval moves the load once, with its audit event", func(t *testing.T) {
		for range 2 {
			require.NoError(t, b.ApproveHistory(ctx, p, digest("2"), act("approve")))
		}
		got, err := b.Practice(ctx, p)
		require.NoError(t, err)
		require.Equal(t, registry.HistoryLoading, got.History)
		require.Equal(t, 1, b.count(t, `select count(*) from events where kind = 'history' and to_state = 'loading'`))
		page, err := b.HistoryParts(ctx, p, 1, 10)
		require.NoError(t, err)
		require.Equal(t, []db.StoredPart{{Ordinal: 2, ID: parts[1].ID, Digest: parts[1].Digest, Size: 10}}, page)
	})
	t.Run("from then on nothing changes it", func(t *testing.T) {
		_, err := b.SaveHistoryPlan(ctx, plan(p, "3", parts))
		requireKind(t, registry.NotAllowed, err)
		_, err = b.SaveHistoryPlan(ctx, plan(p, "2", parts[:2]))
		requireKind(t, registry.NotAllowed, err)
		for _, sql := range []string{`delete from history_loads`, `update history_loads set state = 'planned'`, `update history_loads set parts = 9`} {
			_, err := b.sql.Exec(ctx, sql)
			require.ErrorContains(t, err, "does not change", sql)
		}
		requireKind(t, registry.NotAllowed, b.SetHistory(ctx, p, registry.HistoryClosed, nil, act("too-early")))
		require.NoError(t, b.SetHistory(ctx, p, registry.HistorySent, nil, act("sent")))
		system := act("by-itself")
		system.By = registry.System
		requireKind(t, registry.Invalid, b.SetHistory(ctx, p, registry.HistoryClosed, nil, system))
		require.NoError(t, b.SetHistory(ctx, p, registry.HistoryClosed, nil, act("closed")))
		_, err = b.SaveHistoryPlan(ctx, plan(p, "4", parts))
		requireKind(t, registry.NotAllowed, err)
	})
}

func TestApproveHistoryAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	p, _ := b.planned(t, 1)
	done := make(chan error, 4)
	for range cap(done) {
		go func() { done <- b.ApproveHistory(t.Context(), p, digest("1"), act("approve")) }()
	}
	for range cap(done) {
		require.NoError(t, <-done)
	}
	require.Equal(t, 1, b.count(t, `select count(*) from events where kind = 'history' and to_state = 'loading'`))
}

func TestCountHistory(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p, parts := b.planned(t, 4)
	require.NoError(t, b.ApproveHistory(ctx, p, digest("1"), act("approve")))
	whole := []sentMessage{msg("1a", "plano"), {control: "2a", held: true}}

	counts := func(t *testing.T) db.HistoryCounts {
		t.Helper()
		c, err := b.CountHistory(ctx, p)
		require.NoError(t, err)
		require.Equal(t, c.Messages, c.Sent+c.Held+c.Duplicate+c.Dropped+c.NotSent)
		require.Equal(t, c.Sent, c.Accepted+c.Warned+c.Rejected+c.NotObjected+c.Unanswered)
		return c
	}
	t.Run("begins with nothing sent", func(t *testing.T) {
		require.Equal(t, db.HistoryCounts{Loads: 1, Came: 8, Parts: 4, Messages: 8, Held: 4, NotSent: 4}, counts(t))
	})
	t.Run("adds up in mid-load", func(t *testing.T) {
		b.deliver(t, p, registry.LaneHistorical, "a", parts[0], day0, whole...)
		b.deliver(t, p, registry.LaneHistorical, "b", parts[1], day0, whole...)
		require.NoError(t, b.SettleFile(ctx, p, parts[2].ID, registry.FileDropped, day0))
		require.Equal(t, db.HistoryCounts{Loads: 1, Came: 8, Parts: 4, Delivered: 2, Messages: 8, Held: 4, Sent: 2, Dropped: 1, NotSent: 1, Unanswered: 2}, counts(t))
	})
	t.Run("a part whose content came before is a duplicate", func(t *testing.T) {
		require.NoError(t, b.SettleFile(ctx, p, parts[3].ID, registry.FileDelivered, day0))
		b.imported(t, "1", day0, says([2]string{"1a", ""}, [2]string{"1b", "IMR-111"}))
		require.Equal(t, db.HistoryCounts{
			Loads: 1, Came: 8, Parts: 4, Delivered: 2, Messages: 8, Held: 4, Sent: 2, Dropped: 1, Duplicate: 1, Accepted: 1, Rejected: 1,
		}, counts(t))
	})
	t.Run("a delivery that does not hold what was split shows", func(t *testing.T) {
		_, err := b.sql.Exec(ctx, `alter table deliveries disable trigger user; update deliveries set messages = 7`)
		require.NoError(t, err)
		c, err := b.CountHistory(ctx, p)
		require.NoError(t, err)
		require.NotEqual(t, c.Messages, c.Sent+c.Held+c.Duplicate+c.Dropped+c.NotSent)
	})
	t.Run("without a plan there is nothing to count", func(t *testing.T) {
		_, err := b.CountHistory(ctx, "hill-country")
		requireKind(t, registry.Missing, err)
	})
}

func TestPartsOfAPlanThatWaitsAreNoFilesYet(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	practice, parts := b.planned(t, 2)
	listed := func() []string {
		files, err := b.Files(ctx, practice, 100)
		require.NoError(t, err)
		var ids []string
		for _, f := range files {
			ids = append(ids, f.ID)
		}
		return ids
	}
	for _, p := range parts {
		require.NotContains(t, listed(), p.ID, "nobody has approved it")
	}
	loads, err := b.HistoryLoads(ctx, practice)
	require.NoError(t, err)
	require.NoError(t, b.ApproveHistory(ctx, practice, loads[0].Digest, db.Act{Key: "approve", By: maria, At: day0}))
	for _, p := range parts {
		require.Contains(t, listed(), p.ID)
	}
}

func TestWhatALoadWasCutFromIsLetGoAfterItsClosing(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	practice, files := b.planned(t, 2)
	late := day0.AddDate(0, 0, 100)
	due := func(before time.Time) []string {
		ids, err := b.Releasable(ctx, practice, before, 10)
		require.NoError(t, err)
		return ids
	}
	loads, err := b.HistoryLoads(ctx, practice)
	require.NoError(t, err)
	require.NoError(t, b.ApproveHistory(ctx, practice, loads[0].Digest, act("approve")))
	require.NoError(t, b.SetHistory(ctx, practice, registry.HistorySent, nil, act("sent")))
	require.Empty(t, due(late), "a supplement may need it yet")
	require.NoError(t, b.SetHistory(ctx, practice, registry.HistoryClosed, nil, act("closed")))
	require.ElementsMatch(t, ids(files...), due(late))
	require.Empty(t, due(day0), "and not before its days are over")
	n, err := b.Retention(ctx, practice, day0)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2}, []int{n.Unsettled, n.Young})
	for _, id := range due(late) {
		released, err := b.ReleaseFile(ctx, id, late, late, func(string) error { return nil })
		require.NoError(t, err)
		require.True(t, released)
	}
	require.Empty(t, due(late))
}

func TestWhatALoadWasCutFromIsLetGoWhereThePracticeLeaves(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	late := day0.AddDate(0, 0, 100)
	for name, ends := range map[string]func(b *bundle, practice string) error{
		"withdrawn in the middle of its load": func(b *bundle, practice string) error {
			_, err := b.MovePhase(ctx, practice, registry.EventWithdrawn, act("withdrawn"), nil)
			return err
		},
		"whose vendors have none after all": func(b *bundle, practice string) error {
			return b.SetHistory(ctx, practice, registry.HistoryNone, nil, act("none"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			practice := b.live(t, "sunrise-plano")
			require.NoError(t, b.SetHistory(ctx, practice, registry.HistoryAsked, nil, act("asked")))
			f := b.checked(t, practice, registry.LaneHistorical, "a", day0, msg("1", "plano", "x"))
			due, err := b.Releasable(ctx, practice, late, 10)
			require.NoError(t, err)
			require.Empty(t, due, "it may go yet")
			require.NoError(t, ends(b, practice))
			due, err = b.Releasable(ctx, practice, late, 10)
			require.NoError(t, err)
			require.Equal(t, []string{f.ID}, due)
			due, err = b.Releasable(ctx, practice, day0, 10)
			require.NoError(t, err)
			require.Empty(t, due, "and not before its days are over")
		})
	}
}

func TestCorrectedMessagesOfALoadAreThoseOfTheListOfHeldOnes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	require.NoError(t, b.SetHistory(ctx, p, registry.HistoryAsked, nil, act("asked")))
	held := func(control, chart string, doses ...string) sentMessage {
		return sentMessage{control: control, chart: chart, doses: doses, held: true}
	}
	whole := []sentMessage{msg("1", "plano", "x"), held("2", "4711", "y"), held("3", "4712", "z"), held("4", "4713", "u"), held("5", "4714", "v", "w")}
	part := b.checked(t, p, registry.LaneHistorical, "a", day0, whole...)
	_, err := b.SaveHistoryPlan(ctx, db.HistoryPlan{
		Practice: p, Digest: digest("1"), At: day0, Sources: []string{part.ID}, Parts: []db.HistoryPart{{FileID: part.ID, Messages: 5}},
	})
	require.NoError(t, err)
	require.NoError(t, b.SetHistory(ctx, p, registry.HistoryPlanned, nil, act("planned")))
	require.NoError(t, b.ApproveHistory(ctx, p, digest("1"), act("approve")))
	b.deliver(t, p, registry.LaneHistorical, "a", part, day0, whole...)

	// 2 comes again with its dose. 3's control ID stands for another child by now, and of
	// 5's two doses only one came. 4 is given up.
	b.sent(t, p, registry.LaneProduction, "b", day0.AddDate(0, 0, 1),
		sentMessage{control: "9", chart: "4711", doses: []string{"y"}}, sentMessage{control: "3", chart: "9999", doses: []string{"q"}},
		sentMessage{control: "8", chart: "4714", doses: []string{"v"}})
	because := act("drop")
	because.Reason = "no such child"
	_, err = b.DropHeld(ctx, part.ID, []int{4}, because)
	require.NoError(t, err)

	c, err := b.CountHistory(ctx, p)
	require.NoError(t, err)
	list, err := b.HeldCounts(ctx, p)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, []int{1, 1, 2}, []int{list[0].Replaced, list[0].Dropped, list[0].Open})
	require.Equal(t, []int{4, 1, 1}, []int{c.Held, c.Corrected, c.HeldDropped})
}
