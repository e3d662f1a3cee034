package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestCadence(t *testing.T) {
	t.Parallel()
	daily := registry.Cadence{Every: "daily", At: []string{"18:00"}, Zone: "America/Chicago"}

	for name, c := range map[string]registry.Cadence{
		"once a day":          daily,
		"several times a day": {Every: "weekdays", At: []string{"06:00", "12:30", "23:59"}, Zone: "America/Denver", Jitter: time.Hour},
		"once a week":         {Every: "weekly", Weekday: "fri", At: []string{"18:00"}, Zone: "UTC"},
		"once a month":        {Every: "monthly", Day: 28, At: []string{"18:00"}, Zone: "America/Chicago"},
		"by cron":             {Every: "cron", Cron: "0 18 * * 1-5", Zone: "America/Chicago"},
	} {
		t.Run(name+" can be kept", func(t *testing.T) {
			t.Parallel()
			require.NoError(t, c.Check())
			require.Contains(t, c.Words(), c.Zone)
		})
	}
	for words, change := range map[string]func(*registry.Cadence){
		"time zone":             func(c *registry.Cadence) { c.Zone = "Texas" },
		"no time zone ":         func(c *registry.Cadence) { c.Zone = "" },
		"a cadence is daily":    func(c *registry.Cadence) { c.Every = "hourly" },
		"at what times":         func(c *registry.Cadence) { c.At = nil },
		"no time of the day":    func(c *registry.Cadence) { c.At = []string{"18:00", "6pm"} },
		"put forward":           func(c *registry.Cadence) { c.At = []string{"02:30"} },
		"on which day of the w": func(c *registry.Cadence) { c.Every = "weekly" },
		"on which day of the m": func(c *registry.Cadence) { c.Every = "monthly" },
		"no day of the week":    func(c *registry.Cadence) { c.Every, c.Weekday = "weekly", "someday" },
		"1 to 28":               func(c *registry.Cadence) { c.Every, c.Day = "monthly", 31 },
		"five fields":           func(c *registry.Cadence) { c.Every, c.Cron, c.At = "cron", "@daily", nil },
		"times in itself":       func(c *registry.Cadence) { c.Every, c.Cron = "cron", "0 18 * * *" },
		"goes with the":         func(c *registry.Cadence) { c.Cron = "0 18 * * *" },
		"goes with weekly":      func(c *registry.Cadence) { c.Weekday = "friday" },
		"a jitter is between ":  func(c *registry.Cadence) { c.Jitter = 7 * time.Hour },
	} {
		t.Run("refused: "+words, func(t *testing.T) {
			t.Parallel()
			c := daily
			change(&c)
			require.ErrorContains(t, c.Check(), words)
		})
	}
}

func TestCadenceWords(t *testing.T) {
	t.Parallel()
	c := registry.Cadence{Every: "daily", At: []string{"18:00", "06:00", "18:00"}, Zone: "America/Chicago", Jitter: 15 * time.Minute}

	t.Run("times are told in order, each once", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []string{"06:00", "18:00"}, c.Times())
	})
	t.Run("a jitter is told as a person writes it", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, c.Words(), ", beginning up to 15m later")
		hour := c
		hour.Jitter = time.Hour
		require.Contains(t, hour.Words(), "up to 1h later")
		hour.Jitter = 90 * time.Second
		require.Contains(t, hour.Words(), "up to 1m30s later")
	})
}
