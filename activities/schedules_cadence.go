package activities

import (
	"time"

	"go.temporal.io/sdk/client"

	"immtrail/registry"
)

// cadenceSpec is a person's cadence as Temporal keeps it. On a calendar whose
// days are no days of 24 hours only its distance counts.
func cadenceSpec(c registry.Cadence, cal registry.Calendar) client.ScheduleSpec {
	if !cal.Real() {
		return every(time.Duration(c.Days()) * cal.Day)
	}
	spec := client.ScheduleSpec{TimeZoneName: c.Zone, Jitter: c.Jitter}
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
