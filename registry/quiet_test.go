package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestQuietHours(t *testing.T) {
	t.Parallel()
	chicago, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, time.March, day, hour, minute, 0, 0, chicago)
	}
	for name, c := range map[string]struct {
		hours []string
		date  time.Time
		end   time.Time // zero: not quiet
	}{
		"none are set":                       {nil, at(2, 3, 0), time.Time{}},
		"before they begin":                  {[]string{"22:00-05:00"}, at(2, 21, 59), time.Time{}},
		"the first minute":                   {[]string{"22:00-05:00"}, at(2, 22, 0), at(3, 5, 0)},
		"after midnight":                     {[]string{"22:00-05:00"}, at(3, 4, 59), at(3, 5, 0)},
		"the end is open":                    {[]string{"22:00-05:00"}, at(3, 5, 0), time.Time{}},
		"on that day of the week only":       {[]string{"Sun 02:00-06:00"}, at(2, 3, 0), time.Time{}},
		"on that day of the week":            {[]string{"Sun 02:00-06:00"}, at(1, 3, 0), at(1, 6, 0)},
		"a night that began on Saturday":     {[]string{"Sat 23:00-01:00"}, at(1, 0, 30), at(1, 1, 0)},
		"the same seen from another zone":    {[]string{"22:00-05:00"}, at(2, 23, 0).UTC(), at(3, 5, 0)},
		"hours without a gap are one":        {[]string{"22:00-00:00", "00:00-02:00"}, at(2, 23, 0), at(3, 2, 0)},
		"an hour that summer time takes out": {[]string{"Sun 02:00-04:00"}, at(8, 3, 30), at(8, 4, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := registry.ParseQuietHours(c.hours, "America/Chicago")
			require.NoError(t, err)
			end, quiet := q.Until(c.date)
			require.Equal(t, !c.end.IsZero(), quiet)
			require.True(t, c.end.Equal(end), "%s is not %s", end, c.end)
		})
	}
	t.Run("a week without an open hour ends somewhere", func(t *testing.T) {
		t.Parallel()
		q, err := registry.ParseQuietHours([]string{"00:00-12:00", "12:00-00:00"}, "America/Chicago")
		require.NoError(t, err)
		_, quiet := q.Until(at(2, 3, 0))
		require.True(t, quiet)
	})
	for _, bad := range []string{"22:00", "25:00-26:00", "Sunday 02:00-06:00", "sun 02:00-06:00", "02:00-02:00", "", "Sun"} {
		t.Run("refuses "+bad, func(t *testing.T) {
			t.Parallel()
			_, err := registry.ParseQuietHours([]string{bad}, "America/Chicago")
			require.ErrorContains(t, err, bad)
		})
	}
}
