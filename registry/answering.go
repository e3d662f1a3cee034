package registry

import (
	"regexp"
	"strings"
	"time"
)

// Period returns the days that a report of date tells of, as [from, to) of
// midnights in the zone of date. ok is false where a report is about the files
// that it names and no others.
func (s ReportSettings) Period(date time.Time) (from, to time.Time, ok bool) {
	day := midnight(date).AddDate(0, 0, -s.DaysBack)
	switch s.Per {
	case "day":
		return day, day.AddDate(0, 0, 1), true
	case "week":
		for s.Weekday != "" && !s.on(day) {
			day = day.AddDate(0, 0, -1)
		}
		return day.AddDate(0, 0, -6), day.AddDate(0, 0, 1), true
	}
	return from, to, false
}

// Due is when the report on a file delivered at date is overdue: so many
// business days after it, or after the day or week that it belongs to is over.
func (s ReportSettings) Due(date time.Time, b BusinessDays) time.Time {
	from := date
	switch s.Per {
	case "day":
		from = date.AddDate(0, 0, s.DaysBack)
	case "week":
		// The first report whose week holds the date.
		day := midnight(date.In(b.location()))
		for s.Weekday != "" && !s.on(day) {
			day = day.AddDate(0, 0, 1)
		}
		if s.Weekday == "" {
			day = day.AddDate(0, 0, 6)
		}
		from = day.AddDate(0, 0, s.DaysBack)
	}
	return b.After(from, s.DueBusinessDays)
}

// on reports whether day is the weekday that ends a week of reports.
func (s ReportSettings) on(day time.Time) bool {
	return strings.EqualFold(day.Weekday().String(), s.Weekday)
}

func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
}

var dateInName = regexp.MustCompile(`(?:^|\D)(20\d\d)([-_.]?)(\d\d)[-_.]?(\d\d)`)

// DateInName finds a date such as 20260304 or 2026-03-04 in a report's name; ok
// is false where there is none.
func DateInName(name string, loc *time.Location) (date time.Time, ok bool) {
	for _, m := range dateInName.FindAllStringSubmatch(name, -1) {
		if date, err := time.ParseInLocation("20060102", m[1]+m[3]+m[4], loc); err == nil {
			return date, true
		}
	}
	return date, false
}
