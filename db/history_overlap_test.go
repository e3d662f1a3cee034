package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// fates are the reasons for which messages of files are left out, by
// "file/message".
func (b *bundle) leftOut(t *testing.T, files ...registry.FileRef) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range files {
		rows, err := b.sql.Query(t.Context(), `select message, why from history_left_out where file_id = $1`, f.ID)
		require.NoError(t, err)
		for rows.Next() {
			var n int
			var why string
			require.NoError(t, rows.Scan(&n, &why))
			out[f.ID+"/"+string(rune('0'+n))] = why
		}
		require.NoError(t, rows.Err())
	}
	return out
}

func ids(files ...registry.FileRef) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.ID)
	}
	return out
}

func TestOverlapInsideAPlan(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	old := b.checked(t, p, registry.LaneHistorical, "a", day0,
		sentMessage{control: "1", doses: []string{"x", "y"}, sent: "20200101"},
		sentMessage{control: "2", doses: []string{"x", "z"}, sent: "20200101"},
		sentMessage{control: "3", doses: []string{"v"}, sent: "20260101"},
		sentMessage{control: "4", sent: "20200101"},
		sentMessage{control: "5", doses: []string{"x"}, sent: "20200101", corrects: true},
		sentMessage{control: "6", doses: []string{"held"}, sent: "20200101"},
	)
	later := b.checked(t, p, registry.LaneHistorical, "b", day0,
		sentMessage{control: "7", doses: []string{"x", "y"}, sent: "20210101"},
		sentMessage{control: "8", doses: []string{"v"}, sent: "20210101"},
		sentMessage{control: "9", sent: "20210101"},
		sentMessage{control: "10", doses: []string{"held"}, sent: "20210101", held: true},
	)
	want := map[string]string{
		old.ID + "/1":   "repeated", // message 7 has both records and is newer
		later.ID + "/2": "repeated", // message 3 is newer, though in the earlier file
	}
	for range 2 { // again changes nothing
		require.NoError(t, b.LeaveOutHistory(t.Context(), ids(old, later)))
		require.Equal(t, want, b.leftOut(t, old, later))
	}
	t.Run("what is left out is counted by source", func(t *testing.T) {
		counts, err := b.CountHistorySources(t.Context(), ids(old, later))
		require.NoError(t, err)
		for i := range counts {
			require.NotEmpty(t, counts[i].Stays)
			counts[i].Stays = ""
		}
		require.Equal(t, []db.HistorySourceCounts{
			{FileID: old.ID, Messages: 6, Repeated: 1}, {FileID: later.ID, Messages: 4, Repeated: 1},
		}, counts)
	})
	t.Run("and is told message by message, a page at a time", func(t *testing.T) {
		page, err := b.HistoryFates(t.Context(), old.ID, 0, 2)
		require.NoError(t, err)
		require.Equal(t, []db.HistoryFate{{Ordinal: 1, Year: 2000, LeftOut: true}, {Ordinal: 2, Year: 2000}}, page)
	})
}

func TestOverlapWithTheDailyFeed(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	b.sent(t, p, registry.LaneProduction, "d", day0,
		sentMessage{control: "d1", doses: []string{"stands"}},
		sentMessage{control: "d2", doses: []string{"refused"}},
		sentMessage{control: "d3", doses: []string{"held"}, held: true},
	)
	b.imported(t, "1", day0, says([2]string{"d1", ""}, [2]string{"d2", "IMR-111"}))
	b.checked(t, p, registry.LaneProduction, "e", day0, sentMessage{control: "e1", doses: []string{"not sent"}})
	load := b.checked(t, p, registry.LaneHistorical, "9", day0,
		sentMessage{control: "h1", doses: []string{"stands"}, sent: "20261231"},
		sentMessage{control: "h2", doses: []string{"refused"}},
		sentMessage{control: "h3", doses: []string{"held"}},
		sentMessage{control: "h4", doses: []string{"not sent"}},
		sentMessage{control: "h5", doses: []string{"stands", "new"}},
		sentMessage{control: "h6", doses: []string{"stands"}, corrects: true},
	)
	require.NoError(t, b.LeaveOutHistory(ctx, ids(load)))
	require.Equal(t, map[string]string{load.ID + "/1": "sent-before"}, b.leftOut(t, load),
		"only what was sent and not refused stands; a message with anything new, or a correction, goes")

	t.Run("what the daily feed sends after the plan stays behind too", func(t *testing.T) {
		part := b.checked(t, p, registry.LaneHistorical, "8", day0,
			sentMessage{control: "h4", doses: []string{"not sent"}}, sentMessage{control: "h5", doses: []string{"stands", "new"}})
		left, err := b.LeaveOutSince(ctx, p, part.ID)
		require.NoError(t, err)
		require.Equal(t, 2, left.Goes)
		b.sent(t, p, registry.LaneProduction, "f", day0, sentMessage{control: "f1", doses: []string{"not sent"}})
		for range 2 {
			left, err = b.LeaveOutSince(ctx, p, part.ID)
			require.NoError(t, err)
			require.Equal(t, 1, left.Goes)
		}
		require.Equal(t, map[string]string{part.ID + "/1": "sent-since"}, b.leftOut(t, part))
		held, err := b.HeldAfter(ctx, part.ID, 0, 10)
		require.NoError(t, err)
		require.Equal(t, []int{1}, held, "it is not packed")
	})
}

func TestWhatALoadHasSentIsNotSentAgainByTheDailyFeed(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	b.sent(t, p, registry.LaneHistorical, "a", day0,
		sentMessage{control: "h1", doses: []string{"x", "y"}, says: "xy"},
		sentMessage{control: "h2", doses: []string{"refused"}, says: "refused"},
		sentMessage{control: "h3", doses: []string{"held"}, says: "held", held: true},
		sentMessage{control: "h4", doses: []string{"z"}, says: "update of z", corrects: true},
	)
	b.imported(t, "1", day0, says([2]string{"h1", ""}, [2]string{"h2", "IMR-111"}))
	b.checked(t, p, registry.LaneHistorical, "b", day0, sentMessage{control: "h5", doses: []string{"not sent"}, says: "not sent"})
	b.sent(t, p, registry.LaneProduction, "c", day0, sentMessage{control: "d0", doses: []string{"daily"}, says: "daily"})
	daily := b.checked(t, p, registry.LaneProduction, "d", day0,
		sentMessage{control: "d1", doses: []string{"x", "y"}, says: "xy"},
		sentMessage{control: "d2", doses: []string{"x", "y"}, says: "xy with another address"},
		sentMessage{control: "d3", doses: []string{"refused"}, says: "refused"},
		sentMessage{control: "d4", doses: []string{"held"}, says: "held"},
		sentMessage{control: "d5", doses: []string{"z"}, says: "update of z", corrects: true},
		sentMessage{control: "d6", doses: []string{"not sent"}, says: "not sent"},
		sentMessage{control: "d7", doses: []string{"daily"}, says: "daily"},
		sentMessage{control: "d8", says: "nobody's dose"},
	)
	for range 2 { // again changes nothing
		left, err := b.LeaveOutLoaded(ctx, p, daily.ID)
		require.NoError(t, err)
		require.Equal(t, 7, left.Goes)
		require.Equal(t, map[string]string{daily.ID + "/1": "sent-with-load"}, b.leftOut(t, daily),
			"what is newer in anything, takes back or changes a dose, or did not get through, goes")
	}
	why, err := b.LeftOut(ctx, daily.ID)
	require.NoError(t, err)
	require.Equal(t, []db.LeftOutCount{{Why: "sent-with-load", Count: 1}}, why)
	n, err := b.LeftWithLoad(ctx, p, day0)
	require.NoError(t, err)
	require.Zero(t, n, "it is not sent yet")
	held, err := b.HeldMessages(ctx, db.HeldFilter{File: daily.ID, Ended: true})
	require.NoError(t, err)
	require.Empty(t, held, "nobody has to decide on it")
}

func TestADoseOnItsWayIsNotSentAgainByTheOtherWay(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	part := []sentMessage{
		{control: "h1", doses: []string{"x"}, says: "x"},
		{control: "h2", doses: []string{"held"}, says: "held", held: true},
	}
	same := []sentMessage{{control: "d1", doses: []string{"x"}, says: "x"}, msg("d2", "plano", "new")}

	t.Run("a daily file waits for the part, and leaves out what it has brought", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		f := b.checked(t, p, registry.LaneHistorical, "a", day0, part...)
		daily := b.checked(t, p, registry.LaneProduction, "b", day0, same...)
		other := b.checked(t, p, registry.LaneProduction, "c", day0, msg("d3", "plano", "another"), msg("d4", "plano", "held"))
		d := b.brought(t, newDelivery(p, f, registry.LaneHistorical, 1, "a"), db.DeliveryUploading)

		_, err := b.LeaveOutLoaded(ctx, p, daily.ID)
		requireKind(t, registry.Transient, err)
		require.ErrorContains(t, err, d.ID+" is on its way")
		require.Empty(t, b.leftOut(t, daily), "nothing is decided yet")
		left, err := b.LeaveOutLoaded(ctx, p, other.ID)
		require.NoError(t, err, "what the part does not carry does not wait for it")
		require.Equal(t, 2, left.Goes)

		require.NoError(t, b.AboutToPublish(ctx, p, d.ID))
		require.NoError(t, b.Published(ctx, p, d.ID, day0))
		_, err = b.Confirm(ctx, p, d.ID, registry.ConfirmedByStat, registry.System, day0)
		require.NoError(t, err)
		left, err = b.LeaveOutLoaded(ctx, p, daily.ID)
		require.NoError(t, err)
		require.Equal(t, 1, left.Goes)
		require.Equal(t, map[string]string{daily.ID + "/1": "sent-with-load"}, b.leftOut(t, daily))
	})

	t.Run("a part waits for the daily file, and goes where that was given up", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		f := b.checked(t, p, registry.LaneHistorical, "a", day0, part...)
		daily := b.checked(t, p, registry.LaneProduction, "b", day0, same...)
		d := b.brought(t, newDelivery(p, daily, registry.LaneProduction, 1, "b"), db.DeliveryUploading)
		_, err := b.LeaveOutSince(ctx, p, f.ID)
		requireKind(t, registry.Transient, err)
		require.NoError(t, b.Abandon(ctx, p, d.ID, registry.ActionDrop, db.Act{By: maria, At: day0}))
		left, err := b.LeaveOutSince(ctx, p, f.ID)
		require.NoError(t, err)
		require.Equal(t, 1, left.Goes)
	})

	t.Run("what began while a file was packed is seen, even if it has arrived since", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "0", day0, msg("d0", "plano", "long ago"))
		f := b.checked(t, p, registry.LaneHistorical, "a", day0, part...)
		daily := b.checked(t, p, registry.LaneProduction, "b", day0, same...)
		left, err := b.LeaveOutLoaded(ctx, p, daily.ID)
		require.NoError(t, err)
		require.Equal(t, 2, left.Goes)
		b.deliver(t, p, registry.LaneHistorical, "a", f, day0, part...)

		n := newDelivery(p, daily, registry.LaneProduction, 1, "b")
		n.Seen = left.Seen
		_, _, err = b.PrepareDelivery(ctx, n)
		requireKind(t, registry.Transient, err)
		left, err = b.LeaveOutLoaded(ctx, p, daily.ID)
		require.NoError(t, err)
		require.Equal(t, 1, left.Goes)
		n.Seen = left.Seen
		_, _, err = b.PrepareDelivery(ctx, n)
		require.NoError(t, err)
	})
}

func TestSupplement(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p, parts := b.planned(t, 1)
	require.NoError(t, b.ApproveHistory(ctx, p, digest("1"), act("approve")))
	late := b.checked(t, p, registry.LaneHistorical, "c", day0, sentMessage{control: "2a", chart: "47a", doses: []string{"late"}})
	second := db.HistoryPlan{Practice: p, Digest: digest("2"), At: day0, Sources: ids(late), Parts: []db.HistoryPart{{FileID: late.ID, Messages: 1}}}

	t.Run("is not planned while parts are on their way", func(t *testing.T) {
		_, err := b.SaveHistoryPlan(ctx, second)
		requireKind(t, registry.NotAllowed, err)
	})
	b.deliver(t, p, registry.LaneHistorical, "a", parts[0], day0, msg("1a", "plano"), sentMessage{control: "2a", held: true})
	require.NoError(t, b.SetHistory(ctx, p, registry.HistorySent, nil, act("sent")))
	t.Run("has a number, a plan and an approval of its own", func(t *testing.T) {
		load, err := b.SaveHistoryPlan(ctx, second)
		require.NoError(t, err)
		require.Equal(t, 1, load.Number)
		c, err := b.CountHistory(ctx, p)
		require.NoError(t, err)
		require.Equal(t, 2, c.Came, "what nobody approved does not count")
		page, err := b.HistoryParts(ctx, p, 1, 10)
		require.NoError(t, err)
		require.Empty(t, page, "and is not sent")
		require.NoError(t, b.ApproveHistory(ctx, p, digest("2"), act("approve-2")))
		require.NoError(t, b.ApproveHistory(ctx, p, digest("2"), act("approve-2")))
		page, err = b.HistoryParts(ctx, p, 1, 10)
		require.NoError(t, err)
		require.Len(t, page, 1)
		require.Equal(t, 2, page[0].Ordinal, "numbers of parts go on")
	})
	t.Run("of a held-back message's correction settles it", func(t *testing.T) {
		before, err := b.CountHistory(ctx, p)
		require.NoError(t, err)
		require.Zero(t, before.Corrected)
		b.deliver(t, p, registry.LaneHistorical, "c", late, day0, sentMessage{control: "2a"})
		c, err := b.CountHistory(ctx, p)
		require.NoError(t, err)
		require.Equal(t, db.HistoryCounts{
			Loads: 2, Parts: 2, Delivered: 2, Came: 3, Messages: 3, Sent: 2, Held: 1, Corrected: 1, Unanswered: 2,
		}, c)
	})
}
