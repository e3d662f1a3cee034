package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestReminderDays(t *testing.T) {
	t.Parallel()
	p := registry.Policy{WaitReminders: []int{2, 5, 10, 20}, HoldReminders: []int{1, 3, 7}, ReviewReminders: []int{5}}

	t.Run("they grow, and after the last one its distance repeats", func(t *testing.T) {
		t.Parallel()
		var days []int
		for passed := range 70 {
			if passed > 0 && p.Reached(registry.WaitStep, passed) > p.Reached(registry.WaitStep, passed-1) {
				days = append(days, passed)
			}
		}
		require.Equal(t, []int{2, 5, 10, 20, 40, 60}, days)
	})
	t.Run("each kind of wait has its own", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, 2, p.Reached(registry.WaitHold, 4))
		require.Equal(t, 1, p.Reached(registry.WaitErrors, 4))
		require.Equal(t, 0, p.Reached(registry.WaitReview, 4))
		require.Equal(t, 1, p.Reached(registry.WaitHistory, 5), "without any: each fifth day")
	})
}

func TestBetween(t *testing.T) {
	t.Parallel()
	b := registry.BusinessDays{Zone: "America/Chicago", Holidays: []string{"2026-11-26", "2026-11-27"}}
	friday := time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC) // Friday, 17:00 in Texas

	t.Run("weekends and holidays do not count, and it agrees with After", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, 0, b.Between(friday, friday))
		require.Equal(t, 0, b.Between(friday, friday.AddDate(0, 0, 2)), "Sunday")
		require.Equal(t, 3, b.Between(friday, friday.AddDate(0, 0, 9)), "Monday to Wednesday before Thanksgiving")
		for n := range 40 {
			require.Equal(t, n, b.Between(friday, b.After(friday, n)))
		}
	})
	t.Run("the day begins where the registry is", func(t *testing.T) {
		t.Parallel()
		monday := time.Date(2026, 11, 23, 5, 30, 0, 0, time.UTC) // still Sunday in Texas
		require.Equal(t, 0, b.Between(friday, monday))
		require.Equal(t, 1, b.Between(friday, monday.Add(time.Hour)))
	})
	t.Run("what never began has not waited", func(t *testing.T) {
		t.Parallel()
		require.Zero(t, b.Between(time.Time{}, friday))
	})
}

func TestMornings(t *testing.T) {
	t.Parallel()
	days := registry.BusinessDays{Zone: "America/Chicago", Holidays: []string{"2026-11-26", "2026-11-27"}}
	p := registry.Policy{ReminderTime: "08:00", QuietHours: []string{"18:00-07:00"}}

	for zone, offsets := range map[string][2]int{"America/Chicago": {14, 13}, "America/Denver": {15, 14}} {
		t.Run("eight o'clock in "+zone+", over both changes of the clock", func(t *testing.T) {
			t.Parallel()
			m, err := p.Mornings(zone, days)
			require.NoError(t, err)
			winter, summer := offsets[0], offsets[1] // hours of UTC
			spring := time.Date(2026, 3, 6, 20, 0, 0, 0, time.UTC)
			require.Equal(t, time.Date(2026, 3, 6, winter, 0, 0, 0, time.UTC), m.Last(spring).UTC())
			require.Equal(t, time.Date(2026, 3, 9, summer, 0, 0, 0, time.UTC), m.Next(spring).UTC())
			fall := time.Date(2026, 10, 30, 20, 0, 0, 0, time.UTC)
			require.Equal(t, time.Date(2026, 10, 30, summer, 0, 0, 0, time.UTC), m.Last(fall).UTC())
			require.Equal(t, time.Date(2026, 11, 2, winter, 0, 0, 0, time.UTC), m.Next(fall).UTC())
		})
	}
	t.Run("not on a holiday, and the moment itself is the last", func(t *testing.T) {
		t.Parallel()
		m, err := p.Mornings("America/Chicago", days)
		require.NoError(t, err)
		wednesday := time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC)
		require.Equal(t, wednesday, m.Last(wednesday).UTC())
		require.Equal(t, time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC), m.Next(wednesday).UTC())
		require.Equal(t, wednesday, m.Last(wednesday.AddDate(0, 0, 4)).UTC(), "Sunday")
	})
	t.Run("a time in the quiet hours waits for their end", func(t *testing.T) {
		t.Parallel()
		early := p
		early.ReminderTime = "06:00"
		m, err := early.Mornings("America/Chicago", days)
		require.NoError(t, err)
		require.Equal(t, "07:00", m.Next(time.Date(2026, 3, 2, 20, 0, 0, 0, time.UTC)).Format("15:04"))
		until, quiet := m.Quiet(time.Date(2026, 3, 3, 1, 0, 0, 0, time.UTC)) // 19:00
		require.True(t, quiet)
		require.Equal(t, "07:00", until.Format("15:04"))
	})
	t.Run("what is no time, zone or hour is refused by its key", func(t *testing.T) {
		t.Parallel()
		_, err := p.Mornings("Texas", days)
		require.ErrorContains(t, err, "no time zone")
		_, err = registry.Policy{ReminderTime: "8 am"}.Mornings("UTC", days)
		require.ErrorContains(t, err, "policy.reminder_time")
		_, err = registry.Policy{QuietHours: []string{"night"}}.Mornings("UTC", days)
		require.ErrorContains(t, err, "policy.quiet_hours")
		require.Equal(t, registry.Invalid, registry.KindOf(err))
	})
}

func TestEveryWayOutOfAHoldIsExplained(t *testing.T) {
	t.Parallel()
	for _, reason := range registry.HoldReasons() {
		for _, action := range reason.Actions() {
			require.NotEqual(t, string(action), reason.Explain(action), "%s by %s", reason, action)
		}
	}
}

// A worker that was down writes yesterday's letter late, but not on a day on which the
// next one comes: that one tells all of it.
func TestSoon(t *testing.T) {
	t.Parallel()
	m, err := registry.Policy{ReminderTime: "08:00"}.Mornings("America/Chicago", registry.BusinessDays{Zone: "America/Chicago"})
	require.NoError(t, err)
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour+6, 0, 0, 0, time.UTC) } // Texas, before summer time
	for name, c := range map[string]struct {
		now  time.Time
		soon bool
	}{
		"on its own day":               {at(3, 9), false},
		"the night after":              {at(3, 23), false},
		"early on the next day":        {at(4, 6), true},
		"on a Saturday, of Friday's":   {at(7, 10), false},
		"early on Monday, of Friday's": {at(9, 6), true},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.soon, m.Soon(m.Last(c.now), c.now)) })
	}
}
