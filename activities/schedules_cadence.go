package activities

import (
	"time"

	"go.temporal.io/sdk/client"

	"immtrail/registry"
)

// cadenceSpec is a person's cadence as Temporal keeps it. On a calendar that
// keeps no dates only its distance counts.
func cadenceSpec(c registry.Cadence, cal registry.Calendar, holidays []string) client.ScheduleSpec {
	if !cal.Dated() {
		return every(time.Duration(c.Days()) * cal.Day)
	}
	spec := client.ScheduleSpec{TimeZoneName: c.Zone, Jitter: c.Jitter}
	if cal.Backfilled {
		spec.Jitter = 0
	}
	if c.SkipHolidays {
		spec.Skip = wholeDays(holidays)
	}
	if c.Every == registry.CadenceCron {
		spec.CronExpressions = []string{c.Cron}
		return spec
	}
	for _, at := range c.At {
		hour, minute, ok := registry.Clock(at)
		if !ok {
			continue // it was checked when it was set
		}
		one := client.ScheduleCalendarSpec{Hour: []client.ScheduleRange{{Start: hour}}, Minute: []client.ScheduleRange{{Start: minute}}}
		spec.Calendars = append(spec.Calendars, onDays(c, one)...)
	}
	return spec
}

// wholeDays are days (YYYY-MM-DD) as the Schedule leaves them out.
func wholeDays(days []string) []client.ScheduleCalendarSpec {
	var out []client.ScheduleCalendarSpec
	for _, day := range days {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			continue // the profile was checked when it was loaded
		}
		one := func(n int) []client.ScheduleRange { return []client.ScheduleRange{{Start: n}} }
		out = append(out, client.ScheduleCalendarSpec{
			Year: one(at.Year()), Month: one(int(at.Month())), DayOfMonth: one(at.Day()),
			Hour: []client.ScheduleRange{{Start: 0, End: 23}}, Minute: []client.ScheduleRange{{Start: 0, End: 59}},
			Second: []client.ScheduleRange{{Start: 0, End: 59}}, Comment: "holiday of the registry",
		})
	}
	return out
}

// onDays narrows a time to the days of the cadence.
func onDays(c registry.Cadence, one client.ScheduleCalendarSpec) []client.ScheduleCalendarSpec {
	switch c.Every {
	case registry.CadenceWeekdays:
		one.DayOfWeek = []client.ScheduleRange{{Start: int(time.Monday), End: int(time.Friday)}}
	case registry.CadenceWeekly:
		day, _ := c.On()
		one.DayOfWeek = []client.ScheduleRange{{Start: int(day)}}
	case registry.CadenceMonthly:
		return monthly(c.Day, one)
	}
	return []client.ScheduleCalendarSpec{one}
}

// monthly is a day of each month and, since 25 TAC 100.6(b) allows 30 days and
// a month may have 31, the day before it after each of these.
func monthly(day int, one client.ScheduleCalendarSpec) []client.ScheduleCalendarSpec {
	between := one
	one.DayOfMonth = []client.ScheduleRange{{Start: day}}
	if day == 1 {
		between.DayOfMonth = []client.ScheduleRange{{Start: 31}}
		return []client.ScheduleCalendarSpec{one, between}
	}
	between.DayOfMonth = []client.ScheduleRange{{Start: day - 1}}
	between.Month = []client.ScheduleRange{
		{Start: 1, End: 2}, {Start: 4}, {Start: 6}, {Start: 8, End: 9}, {Start: 11},
	}
	return []client.ScheduleCalendarSpec{one, between}
}
