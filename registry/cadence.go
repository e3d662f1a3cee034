package registry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cadence is when a practice's outbox is emptied. The zero value is what the
// profile says.
type Cadence struct {
	// Every is daily, weekdays, weekly, monthly or cron.
	Every string `json:"every"`
	// At are times of the day, HH:MM on the clock of Zone.
	At []string `json:"at,omitempty"`
	// Weekday is that of weekly, in English; Day that of monthly, 1 to 28.
	Weekday string `json:"weekday,omitempty"`
	Day     int    `json:"day,omitempty"`
	// Cron has five fields: minute, hour, day of the month, month, weekday.
	Cron string `json:"cron,omitempty"`
	Zone string `json:"zone"`
	// SkipHolidays leaves out the registry's holidays; what lies there goes with the
	// next submission.
	SkipHolidays bool `json:"skip_holidays,omitempty"`
	// Jitter is within how long after its time a submission begins, so that
	// practices do not begin all at once.
	Jitter time.Duration `json:"jitter,omitempty"`
}

// The cadences.
const (
	CadenceDaily    = "daily"
	CadenceWeekdays = "weekdays"
	CadenceWeekly   = "weekly"
	CadenceMonthly  = "monthly"
	CadenceCron     = "cron"
)

// Cadences lists what Every may be.
func Cadences() []string {
	return []string{CadenceDaily, CadenceWeekdays, CadenceWeekly, CadenceMonthly, CadenceCron}
}

// MaxJitter keeps a submission on the day that it is meant for.
const MaxJitter = 6 * time.Hour

// Check returns the first fault of c in words; nil where it can be kept.
func (c Cadence) Check() error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "" {
		return fmt.Errorf("there is no time zone %q; such as America/Chicago", c.Zone)
	}
	if c.Jitter < 0 || c.Jitter > MaxJitter {
		return fmt.Errorf("a jitter is between 0 and %s", MaxJitter)
	}
	if !slices.Contains(Cadences(), c.Every) {
		return fmt.Errorf("a cadence is %s", strings.Join(Cadences(), ", "))
	}
	if c.SkipHolidays && c.Every == CadenceMonthly {
		return fmt.Errorf("a monthly cadence leaves out no holiday: more than 30 days could lie between two submissions")
	}
	if c.Every == CadenceCron {
		if len(strings.Fields(c.Cron)) != 5 {
			return fmt.Errorf("%q: a cron has five fields: minute, hour, day of the month, month, weekday", c.Cron)
		}
		if len(c.At) > 0 {
			return fmt.Errorf("a cron has its times in itself")
		}
		return nil
	}
	if c.Cron != "" {
		return fmt.Errorf("a cron goes with the cadence cron")
	}
	if len(c.At) == 0 || len(c.At) > 24 {
		return fmt.Errorf("at what times of the day? 1 to 24 of them, such as 18:00")
	}
	for _, at := range c.At {
		if err := checkClock(at, zone); err != nil {
			return err
		}
	}
	return c.checkDay()
}

func (c Cadence) checkDay() error {
	if c.Every == CadenceWeekly && c.Weekday == "" {
		return fmt.Errorf("weekly on which day of the week? Such as friday")
	}
	if c.Every == CadenceMonthly && c.Day == 0 {
		return fmt.Errorf("monthly on which day of the month? 1 to 28: every month has these")
	}
	if _, ok := c.On(); c.Every == CadenceWeekly && !ok {
		return fmt.Errorf("%q is no day of the week", c.Weekday)
	}
	if c.Every == CadenceMonthly && (c.Day < 1 || c.Day > 28) {
		return fmt.Errorf("a month's day is 1 to 28: every month has these")
	}
	if c.Every != CadenceWeekly && c.Weekday != "" || c.Every != CadenceMonthly && c.Day != 0 {
		return fmt.Errorf("a weekday goes with weekly, a day of the month with monthly")
	}
	return nil
}

// On is the weekday of a weekly cadence.
func (c Cadence) On() (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(d.String(), c.Weekday) || strings.EqualFold(d.String()[:3], c.Weekday) {
			return d, true
		}
	}
	return 0, false
}

// Clock reads HH:MM.
func Clock(at string) (hour, minute int, ok bool) {
	h, m, found := strings.Cut(at, ":")
	hour, herr := strconv.Atoi(h)
	minute, merr := strconv.Atoi(m)
	ok = found && herr == nil && merr == nil && len(m) == 2 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60
	return hour, minute, ok
}

// checkClock refuses what is no time of the day, or is none on the day on which
// clocks are put forward: a submission would be left out then.
func checkClock(at string, zone *time.Location) error {
	hour, minute, ok := Clock(at)
	if !ok {
		return fmt.Errorf("%q is no time of the day, such as 18:00", at)
	}
	const year = 2026 // rules of the zone as they are; any year would do
	for day := range 366 {
		t := time.Date(year, time.January, 1+day, hour, minute, 0, 0, zone)
		if t.Hour() != hour || t.Minute() != minute {
			return fmt.Errorf("%s is left out on %s, when the clocks of %s are put forward; take another hour",
				at, t.Format(time.DateOnly), zone)
		}
	}
	return nil
}

// Days is the longest time between two submissions in days, as far as it can be
// told; 1 for a cron.
func (c Cadence) Days() int {
	switch c.Every {
	case CadenceWeekly:
		return 7
	case CadenceMonthly:
		return 30
	case CadenceWeekdays:
		return 3
	}
	return 1
}

// Words are the cadence as a person reads it.
func (c Cadence) Words() string {
	words := c.Every
	switch c.Every {
	case CadenceCron:
		words = "by cron " + c.Cron
	case CadenceWeekly:
		day, _ := c.On()
		words = "weekly on " + day.String()
	case CadenceMonthly:
		words = fmt.Sprintf("monthly on day %d, and never more than 30 days apart", c.Day)
	}
	if len(c.At) > 0 {
		words += " at " + strings.Join(c.At, ", ")
	}
	words += " (" + c.Zone + ")"
	if c.SkipHolidays {
		words += ", not on holidays of the registry"
	}
	if c.Jitter > 0 {
		words += ", beginning up to " + jitterWords(c.Jitter) + " later"
	}
	return words
}

// jitterWords are 15m and 1h30m where Go writes 15m0s and 1h30m0s.
func jitterWords(d time.Duration) string {
	words := d.String()
	if strings.HasSuffix(words, "m0s") {
		words = strings.TrimSuffix(words, "0s")
	}
	if strings.HasSuffix(words, "h0m") {
		words = strings.TrimSuffix(words, "0m")
	}
	return words
}

// Times are the times of the day in order, each once.
func (c Cadence) Times() []string {
	at := slices.Clone(c.At)
	slices.SortFunc(at, func(x, y string) int {
		xh, xm, _ := Clock(x)
		yh, ym, _ := Clock(y)
		return (xh*60 + xm) - (yh*60 + ym)
	})
	return slices.Compact(at)
}
