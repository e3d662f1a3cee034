package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	date, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	require.NoError(t, err)
	return date
}

func TestPeriodOfAReport(t *testing.T) {
	for name, c := range map[string]struct {
		settings       registry.ReportSettings
		date, from, to string
	}{
		"of its own day":        {registry.ReportSettings{Per: "day"}, "2026-03-04 23:59", "2026-03-04 00:00", "2026-03-05 00:00"},
		"of the day before":     {registry.ReportSettings{Per: "day", DaysBack: 1}, "2026-03-04 02:00", "2026-03-03 00:00", "2026-03-04 00:00"},
		"over a change of time": {registry.ReportSettings{Per: "day"}, "2026-03-08 12:00", "2026-03-08 00:00", "2026-03-09 00:00"},
		"of seven days":         {registry.ReportSettings{Per: "week"}, "2026-03-04 08:00", "2026-02-26 00:00", "2026-03-05 00:00"},
		"of the week to Friday": {registry.ReportSettings{Per: "week", Weekday: "friday"}, "2026-03-09 08:00", "2026-02-28 00:00", "2026-03-07 00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, ok := c.settings.Period(at(t, c.date))
			require.True(t, ok)
			require.Equal(t, at(t, c.from), from)
			require.Equal(t, at(t, c.to), to)
		})
	}
	_, _, ok := registry.ReportSettings{Per: "file"}.Period(at(t, "2026-03-04 08:00"))
	require.False(t, ok, "a report on files covers what it names")
}

func TestReportIsDueAfterItsPeriod(t *testing.T) {
	b := registry.BusinessDays{Holidays: []string{"2026-05-25"}, Zone: "America/Chicago"}
	for name, c := range map[string]struct {
		settings  registry.ReportSettings
		date, due string
	}{
		"for each file":                {registry.ReportSettings{Per: "file", DueBusinessDays: 2}, "2026-03-04 10:00", "2026-03-06 10:00"},
		"over a weekend and a holiday": {registry.ReportSettings{Per: "file", DueBusinessDays: 1}, "2026-05-22 10:00", "2026-05-26 10:00"},
		"for each day, a day later":    {registry.ReportSettings{Per: "day", DaysBack: 1, DueBusinessDays: 1}, "2026-03-04 10:00", "2026-03-06 10:00"},
		"on Fridays":                   {registry.ReportSettings{Per: "week", Weekday: "friday", DueBusinessDays: 1}, "2026-03-02 10:00", "2026-03-09 00:00"},
		"on the Friday itself":         {registry.ReportSettings{Per: "week", Weekday: "friday", DueBusinessDays: 1}, "2026-03-06 10:00", "2026-03-09 00:00"},
		"weekly on no named day":       {registry.ReportSettings{Per: "week", DueBusinessDays: 1}, "2026-03-02 10:00", "2026-03-09 00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, at(t, c.due), c.settings.Due(at(t, c.date), b).In(at(t, c.due).Location()))
		})
	}
}

func TestDateInName(t *testing.T) {
	for name, want := range map[string]string{
		"DQA_20260304.csv": "2026-03-04 00:00", "dqa-2026-03-04-2.xlsx": "2026-03-04 00:00", "2026_03_04.txt": "2026-03-04 00:00",
		"SUNR_PROD_20260304101500_1.ack": "2026-03-04 00:00",
	} {
		date, ok := registry.DateInName(name, at(t, "2026-01-01 00:00").Location())
		require.True(t, ok, name)
		require.Equal(t, at(t, want), date, name)
	}
	for _, name := range []string{"report.csv", "20261304.csv", "120260304.csv", "5550202603.csv"} {
		_, ok := registry.DateInName(name, time.UTC)
		require.False(t, ok, name)
	}
}
