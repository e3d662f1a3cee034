package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestCadence(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	weekly := registry.Cadence{Every: "weekly", Weekday: "friday", At: []string{"18:00"}, Zone: "America/Chicago", Jitter: time.Minute}
	set := func(c registry.Cadence, key string) bool {
		again, err := b.SetCadence(ctx, p, c, act(key))
		require.NoError(t, err)
		return again
	}
	events := func() []db.Event {
		found, err := b.Events(ctx, db.EventQuery{Practice: p, Kind: "cadence-set"})
		require.NoError(t, err)
		return found
	}

	_, ok, err := b.Cadence(ctx, p)
	require.NoError(t, err)
	require.False(t, ok, "nobody set one")
	require.True(t, set(registry.Cadence{}, "c0"))

	t.Run("it is kept as it was set, once, with its event", func(t *testing.T) {
		require.False(t, set(weekly, "c1"))
		require.True(t, set(weekly, "c2"))
		got, ok, err := b.Cadence(ctx, p)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, weekly, got)
		require.Len(t, events(), 1)
	})
	t.Run("one that cannot be kept is refused", func(t *testing.T) {
		_, err := b.SetCadence(ctx, p, registry.Cadence{Every: "hourly"}, act("c3"))
		requireKind(t, registry.Invalid, err)
		_, err = b.SetCadence(ctx, "nobody", weekly, act("c4"))
		requireKind(t, registry.Missing, err)
	})
	t.Run("and it can be taken back", func(t *testing.T) {
		require.False(t, set(registry.Cadence{}, "c5"))
		_, ok, err := b.Cadence(ctx, p)
		require.NoError(t, err)
		require.False(t, ok)
		require.Len(t, events(), 2)
	})
}
