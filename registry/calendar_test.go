package registry_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

var (
	monday = time.Date(2026, time.March, 2, 14, 0, 0, 0, time.UTC)
	anchor = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
)

func TestCalendar(t *testing.T) {
	t.Parallel()

	t.Run("the zero calendar is real time", func(t *testing.T) {
		t.Parallel()
		var c registry.Calendar
		require.True(t, c.Real())
		require.Equal(t, monday, c.Date(monday))
		require.Equal(t, monday, c.Wall(monday))
		require.Equal(t, time.Hour, c.WallDuration(time.Hour))
	})

	t.Run("a day may last a second", func(t *testing.T) {
		t.Parallel()
		c := registry.Calendar{Epoch: monday, Anchor: anchor, Day: time.Second}
		require.False(t, c.Real())
		require.Equal(t, monday.AddDate(0, 0, 30), c.Date(anchor.Add(30*time.Second)))
		require.Equal(t, anchor.Add(30*time.Second), c.Wall(monday.AddDate(0, 0, 30)))
		require.Equal(t, 7*time.Second, c.WallDuration(7*24*time.Hour))
	})

	t.Run("an outage of the rehearsal is no month of silence", func(t *testing.T) {
		t.Parallel()
		c := registry.Calendar{Epoch: monday, Anchor: anchor, Day: time.Second}
		moved := c.Shift(time.Minute)
		require.Equal(t, c.Date(anchor.Add(10*time.Second)), moved.Date(anchor.Add(70*time.Second)))
	})

	t.Run("date and wall are each other's inverse", func(t *testing.T) {
		t.Parallel()
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 10_000 {
			c := registry.Calendar{Epoch: monday, Anchor: anchor, Day: time.Duration(1+rnd.IntN(86_400)) * time.Second}
			wall := anchor.Add(time.Duration(rnd.Int64N(2e9)-1e9) * time.Millisecond)
			require.WithinDuration(t, wall, c.Wall(c.Date(wall)), time.Microsecond)
		}
	})
}

func TestBusinessDays(t *testing.T) {
	t.Parallel()
	b := registry.BusinessDays{Zone: "America/Chicago", Holidays: []string{"2026-03-04"}}
	require.True(t, b.Is(monday))
	require.False(t, b.Is(monday.AddDate(0, 0, 5)), "Saturday")
	require.False(t, b.Is(monday.AddDate(0, 0, 2)), "a holiday")
	require.Equal(t, monday, b.After(monday, 0).UTC())
	require.Equal(t, "2026-03-10", b.After(monday, 5).Format(time.DateOnly), "over a holiday and a weekend")
	// Late on Sunday in Texas it is Monday in UTC already.
	require.False(t, b.Is(time.Date(2026, time.March, 9, 3, 0, 0, 0, time.UTC)))
	// The clocks go forward on 8 March 2026; the hour of the day stays.
	require.Equal(t, 8, b.After(monday, 5).Hour())
}
