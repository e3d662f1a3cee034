package hl7_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/hl7"
)

func TestParseDateTakesRealDaysOnly(t *testing.T) {
	for _, good := range []string{"20260228", "20240229", "20000229", "19000101", "00010101", "20261231"} {
		d, ok := hl7.ParseDate([]byte(good))
		require.True(t, ok, good)
		require.Equal(t, good, d.String())
	}
	for _, bad := range []string{
		"", "2026", "202602", "20260230", "20250229", "19000229", "00000101", "20261301", "20260001", "20260100",
		"2026 101", "2026-1-1", "202602281", "+2026022", "2026022a",
	} {
		_, ok := hl7.ParseDate([]byte(bad))
		require.False(t, ok, bad)
	}
}

func TestDatesCompareAndMove(t *testing.T) {
	d, _ := hl7.ParseDate([]byte("20240229"))
	later, _ := hl7.ParseDate([]byte("20250228"))
	require.Less(t, d, later)
	require.Equal(t, hl7.Date(20240301), d.AddDays(1))
	require.Equal(t, hl7.Date(20240130), d.AddDays(-30))
	require.Equal(t, 0, d.YearsUntil(later), "born on 29 February, not a year old on the 28th")
	require.Equal(t, 1, d.YearsUntil(later.AddDays(1)))
	require.Equal(t, hl7.Date(20260304), hl7.DateOf(time.Date(2026, 3, 4, 23, 0, 0, 0, time.UTC)))
	require.Empty(t, hl7.Date(0).String())
}

func TestParseTimeKeepsWhatWasGivenAndGuessesNoZone(t *testing.T) {
	full, ok := hl7.ParseTime([]byte("20260304101530.1234-0600"))
	require.True(t, ok)
	moment, zoned := full.Std()
	require.True(t, zoned)
	require.Equal(t, time.Date(2026, 3, 4, 16, 15, 30, 123_400_000, time.UTC), moment)
	require.Equal(t, 14, full.Digits)

	bare, ok := hl7.ParseTime([]byte("20260304101530"))
	require.True(t, ok)
	_, zoned = bare.Std()
	require.False(t, zoned)

	east, ok := hl7.ParseTime([]byte("2026030410+0530"))
	require.True(t, ok)
	require.Equal(t, 330, east.OffsetMinutes)
	require.Equal(t, 10, east.Digits)

	for _, bad := range []string{
		"2026", "202603", "2026030424", "202603041060", "20260304101560", "2026030410153", "20260304101530.",
		"20260304101530.12345", "2026030410.5", "20260304-06", "20260304-0660", "20260304+1500", "20260230101530",
		"20260304T101530Z", "-0600", "20260304-0600-0600",
	} {
		_, ok := hl7.ParseTime([]byte(bad))
		require.False(t, ok, bad)
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("20260304101530.1234-0600")
	f.Add("20240229")
	f.Fuzz(func(t *testing.T, s string) {
		stamp, ok := hl7.ParseTime([]byte(s))
		if !ok {
			return
		}
		require.Equal(t, s[:8], stamp.Date.String())
		if moment, zoned := stamp.Std(); zoned {
			require.WithinDuration(t, time.Date(stamp.Date.Year(), time.Month(stamp.Date.Month()), stamp.Date.Day(), 12, 0, 0, 0, time.UTC),
				moment, 30*time.Hour)
		}
	})
}

// FuzzParseDate holds the reader of eight digits at once against the standard
// library.
func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"20240229", "20230229", "00000101", "0001-1-1", "2024022:", "99991231", "2024/101", "        "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := hl7.ParseDate(b)
		plain, err := time.Parse("20060102", string(b))
		fine := err == nil && plain.Year() > 0
		require.Equal(t, fine, ok)
		if ok {
			require.Equal(t, hl7.DateOf(plain), got)
			require.Equal(t, string(b), got.String())
		}
	})
}
