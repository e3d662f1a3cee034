package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/oracle"
)

func TestDays(t *testing.T) {
	chicago, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	at := func(n, hour int) time.Time { return time.Date(2026, time.October, 20+n, hour, 0, 0, 0, chicago) }
	daily := func(days, hour int) []time.Time {
		var all []time.Time
		for n := range days {
			all = append(all, at(n, hour))
		}
		return all
	}
	never := func(time.Time) (rare, near bool) { return false, false }

	t.Run("one a day at the same hour, over the end of summer time", func(t *testing.T) {
		begun := daily(20, 18)
		require.Equal(t, 23, begun[0].UTC().Hour())
		require.Equal(t, 0, begun[19].UTC().Hour())
		got := oracle.JudgeDays(begun, never)
		require.Empty(t, got.Faults)
		require.Equal(t, []oracle.ClockChange{{Day: "2026-11-01", Hours: 25}}, got.Changes)
		require.Equal(t, 20, got.Begun)
	})
	t.Run("a distance of 24 hours is found where the clocks change", func(t *testing.T) {
		var begun []time.Time
		for n := range 20 {
			begun = append(begun, at(0, 18).Add(time.Duration(n)*24*time.Hour).In(chicago))
		}
		require.Equal(t, 17, begun[19].Hour())
		both := append(begun, at(20, 18)) //nolint:gocritic // another list
		require.NotEmpty(t, oracle.JudgeDays(both, never).Faults, "the hour changed twice")
	})
	t.Run("a day without and a day with two", func(t *testing.T) {
		begun := append(daily(20, 18), at(3, 18))
		begun = append(begun[:7], begun[8:]...)
		require.Len(t, oracle.JudgeDays(begun, never).Faults, 2)
	})
	t.Run("weekly on Fridays where a person wanted it", func(t *testing.T) {
		begun := append(daily(4, 18), at(10, 18)) // Tuesday to Friday, Friday
		for n := 14; n < 20; n++ {
			begun = append(begun, at(n, 18))
		}
		cadence := func(day time.Time) (rare, near bool) {
			return day.After(at(4, 0)) && day.Before(at(14, 0)), false
		}
		require.Empty(t, oracle.JudgeDays(begun, cadence).Faults)
		require.NotEmpty(t, oracle.JudgeDays(append(begun, at(6, 18)), cadence).Faults, "a Monday")
	})
	t.Run("without a change of the clocks nothing is proven", func(t *testing.T) {
		require.Len(t, oracle.JudgeDays(daily(5, 18), never).Faults, 1)
	})
	t.Run("nothing began", func(t *testing.T) {
		require.Len(t, oracle.JudgeDays(nil, never).Faults, 1)
	})
}
