package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestBounces(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	sent := func(event string, to ...string) {
		t.Helper()
		_, err := b.PrepareNotice(ctx, db.Notice{
			Event: event, Kind: registry.LetterHold, Practice: p, MessageID: event + "@x.example", Recipients: to, Subject: "s", Body: "b", PreparedAt: day0,
		})
		require.NoError(t, err)
		_, err = b.SettleNotice(ctx, event, true, day0)
		require.NoError(t, err)
	}
	sent("one", "maria@sunrise.example")
	sent("two", "maria@sunrise.example", "olu@sunrise.example")
	back := func(event string, failed ...db.BouncedMailbox) db.Bounced {
		t.Helper()
		out, err := b.RecordBounce(ctx, event+"@x.example", failed, b.act("bounce", "handed in"))
		require.NoError(t, err)
		return out
	}

	t.Run("of two mailboxes one failed: the letter went out all the same, until the other fails too", func(t *testing.T) {
		first := back("two", db.BouncedMailbox{Address: "OLU@sunrise.example", Status: "5.1.1"})
		require.Equal(t, []string{"olu@sunrise.example"}, first.New)
		require.Equal(t, db.NoticeSent, first.State)
		require.Empty(t, back("two", db.BouncedMailbox{Address: "olu@sunrise.example"}).New)
		require.Equal(t, db.NoticeUndelivered, back("two", db.BouncedMailbox{}).State, "all of it")
	})
	t.Run("a letter to one person has no other mailbox, whatever the server calls it", func(t *testing.T) {
		out := back("one", db.BouncedMailbox{Address: "m.lopez@inner.example", Status: "5.2.2"})
		require.Equal(t, []string{"maria@sunrise.example"}, out.New)
		require.Equal(t, db.NoticeUndelivered, out.State)
	})
	t.Run("what is none of ours is refused", func(t *testing.T) {
		_, err := b.RecordBounce(ctx, "none@x.example", []db.BouncedMailbox{{}}, b.act("n", "r"))
		require.Equal(t, registry.Missing, registry.KindOf(err))
		_, err = b.RecordBounce(ctx, "two@x.example", []db.BouncedMailbox{{Address: "who@else.example"}}, b.act("w", "r"))
		require.Equal(t, registry.Invalid, registry.KindOf(err))
		require.NotContains(t, err.Error(), "who@")
	})
	t.Run("each is told once, oldest first, and stands in the audit", func(t *testing.T) {
		untold, err := b.UntoldBounces(ctx, 10)
		require.NoError(t, err)
		require.Len(t, untold, 3)
		for range 2 {
			require.NoError(t, b.BounceTold(ctx, untold[0], day0))
		}
		rest, err := b.UntoldBounces(ctx, 10)
		require.NoError(t, err)
		require.Equal(t, untold[1:], rest)
	})
	t.Run("a mailbox works again when a letter has not come back for five days", func(t *testing.T) {
		still := func(days int) bool {
			t.Helper()
			yes, err := b.StillBounces(ctx, "Maria@sunrise.example", day0.AddDate(0, 0, days))
			require.NoError(t, err)
			return yes
		}
		require.True(t, still(30), "nothing was sent since")
		_, err := b.PrepareNotice(ctx, db.Notice{
			Event: "three", Kind: registry.LetterHold, Practice: p, MessageID: "three@x.example", Recipients: []string{"maria@sunrise.example"}, Subject: "s", Body: "b", PreparedAt: day0,
		})
		require.NoError(t, err)
		_, err = b.SettleNotice(ctx, "three", true, day0.AddDate(0, 0, 30))
		require.NoError(t, err)
		require.True(t, still(34))
		require.False(t, still(35))
		never, err := b.StillBounces(ctx, "tess@sunrise.example", day0)
		require.NoError(t, err)
		require.False(t, never)
	})
}
