package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	practice, err := b.Practice(ctx, p)
	require.NoError(t, err)
	link := practice.Connection
	password := db.Warning{Event: "expiry/x/30", Connection: link, Words: "it ends", Move: "rotate", Page: "credential-ends", At: day0}
	agreement := db.Warning{Event: "agreement/x/30", Practice: p, Words: "it ends", Move: "renew", Page: "agreement-ends", At: day0}
	keep := func(w ...db.Warning) {
		t.Helper()
		for range 2 {
			require.NoError(t, b.KeepWarnings(ctx, p, link, w))
		}
	}
	list := func() []db.Warning {
		t.Helper()
		all, err := b.Warnings(ctx)
		require.NoError(t, err)
		return all
	}
	keep(agreement, password)
	all := list()
	require.Len(t, all, 2, "kept twice, each is there once")
	require.Equal(t, p, all[1].Practice, "that of a connection stands with the first practice that uses it")
	require.Equal(t, link, all[1].Connection)

	t.Run("what is seen again is as old as it was, and what is renewed is gone", func(t *testing.T) {
		again := password
		again.At, again.Words = day0.AddDate(0, 0, 3), "it ends soon"
		keep(again)
		require.Len(t, list(), 1)
		require.Equal(t, day0, list()[0].At.UTC())
		require.Equal(t, "it ends soon", list()[0].Words)
		keep()
		require.Empty(t, list())
	})
	t.Run("one of nothing, or of both, is refused by the table", func(t *testing.T) {
		both := password
		both.Practice = p
		require.Error(t, b.KeepWarnings(ctx, p, link, []db.Warning{both}))
		none := password
		none.Connection = ""
		require.Error(t, b.KeepWarnings(ctx, p, link, []db.Warning{none}))
	})
}
